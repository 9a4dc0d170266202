"""Pictures in a tensor: where height, width and colours stand, patches, and what covers them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import NUMPY_OF_DATATYPE
from lichen.core.errors import InvalidInput
from lichen.core.tensors import TensorSpec
from lichen.explain.occlusion import Region

Array = NDArray[Any]
MEAN, BLUR, ZERO = "mean", "blur", "zero"
BASELINES = (MEAN, BLUR, ZERO)
PATCHES_A_SIDE = 8
MOST_PATCHES = 1024
_COLOURS = (1, 3, 4)
_BLURS = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a tensor of pictures has its sides.

    Attributes:
        tensor: its name.
        is_last: whether colours are the last dimension, else they are the first of a row.
    """

    tensor: str
    is_last: bool

    def sides(self, picture: Array) -> tuple[int, int]:
        """Height and width of one picture."""
        height, width = picture.shape[:2] if self.is_last else picture.shape[1:]
        return int(height), int(width)

    def colours_last(self, picture: Array) -> Array:
        """One picture with its colours last."""
        return picture if self.is_last else np.moveaxis(picture, 0, -1)

    def region(self, place: Sequence[int]) -> Region:
        """Left, top, right and bottom as a region of the tensor."""
        left, top, right, bottom = place
        sides = (slice(top, bottom), slice(left, right))
        return (*sides, slice(None)) if self.is_last else (slice(None), *sides)


def layout_of(inputs: Sequence[TensorSpec]) -> Layout | None:
    """Where the pictures stand in what a model takes; None where it takes none."""
    for spec in inputs:
        dtype = NUMPY_OF_DATATYPE.get(spec.datatype)
        if dtype is None or dtype.kind not in "fu" or len(spec.shape) != 4:
            continue
        is_last, is_first = spec.shape[3] in _COLOURS, spec.shape[1] in _COLOURS
        if is_last or is_first:
            return Layout(spec.name, is_last)
    return None


def patches(height: int, width: int, side: int | None) -> list[list[int]]:
    """Squares that cover a picture, as left, top, right, bottom; None: about 8 a side.

    Raises:
        InvalidInput: the side fits the picture badly.
    """
    longest = max(height, width)
    if side is not None and not 1 <= side <= longest:
        raise InvalidInput(
            f"a patch of {side} pixels does not fit a picture of {width}x{height}: give 1 to "
            f"{longest}"
        )
    size = -(-longest // PATCHES_A_SIDE) if side is None else side
    made = [
        [left, top, min(left + size, width), min(top + size, height)]
        for top in range(0, height, size)
        for left in range(0, width, size)
    ]
    if len(made) > MOST_PATCHES:
        raise InvalidInput(
            f"patches of {size} pixels are {len(made):,} model runs for a picture, over the "
            f"{MOST_PATCHES:,} that are taken: give a larger patch"
        )
    return made


def cover_of(picture: Array, layout: Layout, baseline: str | None, size: int) -> Array:
    """What covered pixels show, shaped and typed as the picture.

    Args:
        picture: one.
        layout: of its tensor.
        baseline: one of `BASELINES`: its mean colour, itself blurred, or zeros; None: the mean.
        size: pixels that a blur reaches.

    Raises:
        InvalidInput: there is no such baseline.
    """
    chosen = MEAN if baseline is None else baseline
    if chosen not in BASELINES:
        raise InvalidInput(f"baseline {chosen!r} is none of pictures: give {', '.join(BASELINES)}")
    values = layout.colours_last(picture).astype(np.float64)
    if chosen == MEAN:
        made = np.broadcast_to(values.mean(axis=(0, 1)), values.shape)
    elif chosen == BLUR:
        made = blurred(values, size)
    else:
        made = np.zeros(values.shape)
    shown = made if layout.is_last else np.moveaxis(made, -1, 0)
    return (np.rint(shown) if picture.dtype.kind == "u" else shown).astype(picture.dtype)


def blurred(values: Array, size: int) -> Array:
    """Means over squares, three times over: near a Gaussian, as wide as `size`."""
    for _ in range(_BLURS):
        for axis in (0, 1):
            values = _run_means(values, size, axis)
    return values


def _run_means(values: Array, size: int, axis: int) -> Array:
    """The mean of the pixels up to `size` away along one side; edges are carried on."""
    around = [(0, 0)] * values.ndim
    around[axis] = (size + 1, size)
    summed = np.cumsum(np.pad(values, around, mode="edge"), axis=axis)
    length = values.shape[axis]
    far = np.take(summed, np.arange(2 * size + 1, 2 * size + 1 + length), axis=axis)
    near = np.take(summed, np.arange(length), axis=axis)
    return np.asarray((far - near) / (2 * size + 1))

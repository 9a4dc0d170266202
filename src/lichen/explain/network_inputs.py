"""What a network takes, as its core sees it: pictures, encoded rows, or a tensor as it comes."""

from collections.abc import Callable
from itertools import accumulate
from typing import Protocol

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import TensorSpec
from lichen.explain.answers import Floats
from lichen.explain.columns import Column, columns_of, parts_of
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.patches import MEAN, PATCHES_A_SIDE, Layout, cover_of, layout_of, patches
from lichen.pipeline.declaration import Embedding, Heads, Pipeline, Subwords, Tokens, Words
from lichen.pipeline.encoding import Encoding, width_of
from lichen.protocol.explaining import Part

Gather = Callable[[Floats], Floats]
"""From contributions shaped as the core's row to one for each part `(parts,)`."""
MOST_SHOWN_SIDE = 32
"""Parts along a side of a picture whose gradients are gathered."""


class NetworkInputs(Protocol):
    """One form of what networks take."""

    @property
    def head(self) -> Heads | None:
        """What becomes of the core's output."""
        ...

    def features(self, rows: Batch) -> Array:
        """What the core is given."""
        ...

    def baseline(self, row: Batch, wishes: Wishes) -> Floats:
        """What stands for nothing, shaped as one row of the core."""
        ...

    def parts(self, row: Batch, wishes: Wishes) -> tuple[list[Part], Gather]:
        """What contributions are told of."""
        ...

    def says(self, wishes: Wishes) -> str:
        """What the baseline is, in words."""
        ...


def inputs_of(version: LoadedVersion) -> NetworkInputs | None:
    """The form of what a version takes; None where it is none of these."""
    pipeline, signature = version.pipeline, version.predictor.signature
    if pipeline is not None and pipeline.encoders:
        return _encoded(version, pipeline)
    if len(signature.inputs) != 1:
        return None
    (spec,), head = signature.inputs, None if pipeline is None else pipeline.head
    layout = layout_of(signature.inputs)
    if layout is not None:
        return PictureInputs(layout, head)
    dtype = NUMPY_OF_DATATYPE.get(spec.datatype)
    is_floats = dtype is not None and dtype.kind == "f"
    return TensorInputs(spec, head) if is_floats and len(spec.shape) > 1 else None


class PictureInputs:
    """Pictures as they come; contributions are gathered over patches."""

    def __init__(self, layout: Layout, head: Heads | None) -> None:
        self._layout, self.head = layout, head

    def features(self, rows: Batch) -> Array:
        """See `NetworkInputs`."""
        return rows.arrays[self._layout.tensor]

    def baseline(self, row: Batch, wishes: Wishes) -> Floats:
        """See `NetworkInputs`."""
        picture = self.features(row)[0]
        reach = max(1, max(self._layout.sides(picture)) // (2 * PATCHES_A_SIDE))
        return cover_of(picture, self._layout, wishes.baseline, reach).astype(np.float64)

    def parts(self, row: Batch, wishes: Wishes) -> tuple[list[Part], Gather]:
        """See `NetworkInputs`."""
        sides = self._layout.sides(self.features(row)[0])
        size = -(-max(sides) // MOST_SHOWN_SIDE) if wishes.patch is None else wishes.patch
        places = patches(*sides, size)
        regions = [self._layout.region(place) for place in places]

        def gathered(contributions: Floats) -> Floats:
            return np.array([contributions[region].sum() for region in regions])

        return [Part(self._layout.tensor, place=place) for place in places], gathered

    def says(self, wishes: Wishes) -> str:
        """See `NetworkInputs`."""
        return f"the baseline is the picture's {wishes.baseline or MEAN}"


class TensorInputs:
    """A tensor of floats as it comes; each number is a part."""

    def __init__(self, spec: TensorSpec, head: Heads | None) -> None:
        self._spec, self.head = spec, head

    def features(self, rows: Batch) -> Array:
        """See `NetworkInputs`."""
        return rows.arrays[self._spec.name]

    def baseline(self, row: Batch, wishes: Wishes) -> Floats:
        """See `NetworkInputs`."""
        _refuse_words(wishes)
        if wishes.background is not None:
            return _mean(self.features(wishes.background))
        return np.zeros(self.features(row).shape[1:])

    def parts(self, row: Batch, wishes: Wishes) -> tuple[list[Part], Gather]:  # noqa: ARG002
        """See `NetworkInputs`."""
        values = self.features(row)[0]
        columns = self._spec.columns
        names = columns if len(columns) == values.size else ()
        told = [
            Part(names[at] if names else f"{self._spec.name}[{at}]", value, self._spec.unit)
            for at, value in enumerate(values.ravel().tolist())
        ]
        return told, lambda contributions: contributions.ravel()

    def says(self, wishes: Wishes) -> str:
        """See `NetworkInputs`."""
        return _of_background(wishes, "zero")


class EncodedInputs:
    """Rows of a table: contributions to features are gathered over raw columns."""

    def __init__(
        self, columns: tuple[Column, ...], pipeline: Pipeline, arrays: dict[str, Array]
    ) -> None:
        self._columns, self.head = columns, pipeline.head
        self._encoding = Encoding(pipeline, arrays)
        starts = [0, *accumulate(width_of(one, arrays) for one in pipeline.encoders)]
        names = [one.name for one in columns]
        self._owner = np.empty(starts[-1], dtype=np.int64)
        for one, start, end in zip(pipeline.encoders, starts, starts[1:], strict=False):
            self._owner[start:end] = names.index(one.column)

    def features(self, rows: Batch) -> Array:
        """See `NetworkInputs`."""
        return self._encoding.encode(rows.arrays)

    def baseline(self, row: Batch, wishes: Wishes) -> Floats:
        """See `NetworkInputs`."""
        _refuse_words(wishes)
        if wishes.background is not None:
            return _mean(self.features(wishes.background))
        return np.zeros(self.features(row).shape[1])

    def parts(self, row: Batch, wishes: Wishes) -> tuple[list[Part], Gather]:  # noqa: ARG002
        """See `NetworkInputs`."""

        def gathered(contributions: Floats) -> Floats:
            return np.bincount(self._owner, contributions, len(self._columns)).astype(np.float64)

        return parts_of(self._columns, row)[0], gathered

    def says(self, wishes: Wishes) -> str:
        """See `NetworkInputs`."""
        return _of_background(wishes, "every number at its mean, and no category")


def _encoded(version: LoadedVersion, pipeline: Pipeline) -> EncodedInputs | None:
    columns = columns_of(version.predictor.signature)
    is_embedded = any(isinstance(one, Embedding | Subwords) for one in pipeline.encoders)
    if (
        columns is None
        or is_embedded
        or all(isinstance(one, Words | Tokens) for one in pipeline.encoders)
    ):
        return None
    return EncodedInputs(columns, pipeline, dict(version.arrays))


def _mean(rows: Array) -> Floats:
    return np.asarray(rows.mean(axis=0, dtype=np.float64))


def _refuse_words(wishes: Wishes) -> None:
    if wishes.baseline is not None:
        raise InvalidInput(
            f"baseline {wishes.baseline!r} is for pictures and forecasts: give usual rows as "
            "`background`, or leave it out"
        )


def _of_background(wishes: Wishes, usual: str) -> str:
    if wishes.background is None:
        return f"the baseline is {usual}: give usual rows as `background` for another"
    return f"the baseline is the mean of {wishes.background.rows} background rows"

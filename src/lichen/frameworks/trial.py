"""Trying a loaded model out: made-up inputs of the right form, and whether its rows are its own."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, Batch
from lichen.core.errors import WorkFailed
from lichen.core.tensors import TensorSpec
from lichen.frameworks.base import Predictor

_SEED = 20260101
_TOGETHER = 2


class Lengths(NamedTuple):
    """What open dimensions are made up as, beside the rows of tensors whose first is open.

    Attributes:
        first: the first open one of a tensor whose first dimension is not: often its batch.
        others: all the others.
    """

    first: int = 1
    others: int = 1


TRIED_LENGTHS = (
    *(Lengths(1, length) for length in (1, 2, 8, 32, 64, 224, 512)),
    *(Lengths(length, length) for length in (8, 32, 64, 224, 512)),
)
"""In this order, until a model takes one: images are too small for a network, or sounds."""


def made_up(specs: Sequence[TensorSpec], rows: int, lengths: Lengths = TRIED_LENGTHS[0]) -> Batch:
    """Random numbers, zero integers and empty texts: the same at every call."""
    random = np.random.default_rng(_SEED)
    return Batch({spec.name: _values(spec, rows, lengths, random) for spec in specs})


def has_open_lengths(specs: Sequence[TensorSpec]) -> bool:
    """Is a dimension beside that of the rows open?"""
    return any(
        length < 0 for spec in specs for at, length in enumerate(spec.shape) if at or length >= 0
    )


def found_lengths(specs: Sequence[TensorSpec], predict: Callable[[Batch], object]) -> Lengths:
    """Lengths of open dimensions that a model computes with; the first where it takes none."""
    if not has_open_lengths(specs):
        return TRIED_LENGTHS[0]
    for lengths in TRIED_LENGTHS:
        try:
            predict(made_up(specs, 1, lengths))
        except WorkFailed:
            continue
        return lengths
    return TRIED_LENGTHS[0]


def is_row_by_row(predictor: Predictor) -> bool:
    """Do two rows of its example get together what each gets alone?

    Raises:
        LichenError: it cannot compute them.
    """
    whole = predictor.example(_TOGETHER)
    if any(len(values) != _TOGETHER for values in whole.arrays.values()):
        return False
    together = predictor.predict(predictor.example(_TOGETHER))
    for row in range(_TOGETHER):
        alone = predictor.predict(Batch({name: whole[name][row : row + 1] for name in whole}))
        for name, values in alone.items():
            if not _agrees(values, together[name], row):
                return False
    return True


def _values(spec: TensorSpec, rows: int, lengths: Lengths, random: np.random.Generator) -> Array:
    shape = [lengths.others if length < 0 else length for length in spec.shape]
    if spec.shape[:1] == (-1,):
        shape[0] = rows
    elif -1 in spec.shape:
        shape[spec.shape.index(-1)] = lengths.first
    dtype = NUMPY_OF_DATATYPE[spec.datatype]
    if dtype.kind == "f":
        return random.standard_normal(shape).astype(dtype)
    if dtype.kind == "O":
        return np.full(shape, b"", dtype=np.object_)
    return np.zeros(shape, dtype=dtype)


def _agrees(alone: Array, together: Array, row: int) -> bool:
    if len(together) != _TOGETHER or len(alone) != 1:
        return False
    if alone.dtype.kind != "f":
        return np.array_equal(alone[0], together[row])
    return np.allclose(alone[0], together[row], rtol=1e-3, atol=1e-5, equal_nan=True)

"""Trying a loaded model out: made-up inputs of the right form, and whether its rows are its own."""

from collections.abc import Sequence

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, Batch
from lichen.core.tensors import TensorSpec
from lichen.frameworks.base import Predictor

_SEED = 20260101
_TOGETHER = 2


def made_up(specs: Sequence[TensorSpec], rows: int) -> Batch:
    """Random numbers, zero integers and empty texts: the same at every call."""
    random = np.random.default_rng(_SEED)
    return Batch({spec.name: _values(spec, rows, random) for spec in specs})


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


def _values(spec: TensorSpec, rows: int, random: np.random.Generator) -> Array:
    shape = [1 if length < 0 else length for length in spec.shape]
    if spec.shape[:1] == (-1,):
        shape[0] = rows
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

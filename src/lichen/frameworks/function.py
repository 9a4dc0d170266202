"""A plain function as a predictor: for tests and trials, no framework behind it."""

from collections.abc import Callable, Mapping

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, Batch
from lichen.core.tensors import Signature, TensorSpec

Computes = Callable[[Mapping[str, Array]], Mapping[str, Array]]


class FunctionPredictor:
    """Answers what the function computes from the inputs, by name."""

    def __init__(
        self, signature: Signature, function: Computes, *, joins_rows: bool = True
    ) -> None:
        self._signature = signature
        self._function = function
        self._joins_rows = joins_rows
        self.is_closed = False

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """As it was told."""
        return self._joins_rows

    def predict(self, batch: Batch) -> Batch:
        """What the function makes of the batch."""
        return Batch(self._function(batch.arrays))

    def example(self, rows: int) -> Batch:
        """Zeros, and empty texts."""
        return Batch({spec.name: _zeros(spec, rows) for spec in self._signature.inputs})

    def close(self) -> None:
        """Remember that it was closed."""
        self.is_closed = True


def _zeros(spec: TensorSpec, rows: int) -> Array:
    dtype = NUMPY_OF_DATATYPE[spec.datatype]
    shape = (rows, *(1 if length < 0 else length for length in spec.shape[1:]))
    if dtype.kind == "O":
        return np.full(shape, b"", dtype=np.object_)
    return np.zeros(shape, dtype=dtype)

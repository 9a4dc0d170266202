"""Named arrays on their way through a model. The only file of `core` that imports NumPy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.tensors import Datatype

Array = NDArray[Any]

NUMPY_OF_DATATYPE: dict[Datatype, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype(np.bool_),
    Datatype.UINT8: np.dtype(np.uint8),
    Datatype.UINT16: np.dtype(np.uint16),
    Datatype.UINT32: np.dtype(np.uint32),
    Datatype.UINT64: np.dtype(np.uint64),
    Datatype.INT8: np.dtype(np.int8),
    Datatype.INT16: np.dtype(np.int16),
    Datatype.INT32: np.dtype(np.int32),
    Datatype.INT64: np.dtype(np.int64),
    Datatype.FP16: np.dtype(np.float16),
    Datatype.FP32: np.dtype(np.float32),
    Datatype.FP64: np.dtype(np.float64),
    Datatype.BYTES: np.dtype(np.object_),
}
"""BYTES travel as object arrays of `bytes`; BF16 has no NumPy form: see `BFLOAT16`."""

DATATYPE_OF_NUMPY = {dtype: datatype for datatype, dtype in NUMPY_OF_DATATYPE.items()}

_CAME_AS = "datatype"
BFLOAT16: np.dtype[Any] = np.dtype(np.float32, metadata={_CAME_AS: Datatype.BF16})
"""What BF16 is widened to: FP32 to all who compute, and it remembers what it was."""


def datatype_of(values: Array) -> Datatype:
    """The datatype that values have, or had when they came."""
    if values.dtype.metadata is not None:
        return Datatype(values.dtype.metadata[_CAME_AS])
    return DATATYPE_OF_NUMPY[values.dtype]


@dataclass(frozen=True, slots=True)
class Batch(Mapping[str, Array]):
    """Named arrays that share their first dimension, the rows of the batch."""

    arrays: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def rows(self) -> int:
        """How many rows the batch has: the first dimension of its first array; 0 when empty."""
        return next((len(array) for array in self.arrays.values()), 0)

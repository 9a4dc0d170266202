"""What a model takes and gives: named tensors with Open Inference Protocol datatypes and shapes.

No NumPy here: the client speaks of tensors without computing on them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Datatype(StrEnum):
    """The datatypes of the Open Inference Protocol, version 2."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BF16 = "BF16"
    BYTES = "BYTES"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    `shape` holds -1 where any length fits; the first dimension is the batch.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    unit: str | None = None
    description: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """The typed inputs and outputs of a model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

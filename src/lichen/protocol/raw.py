"""One tensor <-> its bytes in the binary form: little-endian, row-major, nothing between elements.

BYTES carry before each element its length as a 4-byte unsigned integer.
"""

from collections.abc import Sequence
from math import prod
from struct import Struct
from typing import Any

import numpy as np

from lichen.core.batch import BFLOAT16, NUMPY_OF_DATATYPE, Array
from lichen.core.tensors import Datatype
from lichen.protocol.numbers import Mismatch, reshaped

_LENGTH = Struct("<I")
_WIRE: dict[Datatype, np.dtype[Any]] = {
    datatype: dtype.newbyteorder("<")
    for datatype, dtype in NUMPY_OF_DATATYPE.items()
    if datatype is not Datatype.BYTES
}
_HALF_OF_FP32 = np.dtype("<u2")
_HALF_BITS = 16


def item_bytes(datatype: Datatype) -> int:
    """How many bytes one element takes; not for BYTES."""
    return (_HALF_OF_FP32 if datatype is Datatype.BF16 else _WIRE[datatype]).itemsize


def from_raw(raw: memoryview, datatype: Datatype, shape: Sequence[int]) -> Array:
    """The values of one tensor, in an array of its own.

    BF16 is widened to FP32, which is exact; the array remembers what it was (`BFLOAT16`).

    Raises:
        Mismatch: the bytes are more or fewer than datatype and shape say, or no such values.
    """
    if shape and min(shape) < 0:
        raise Mismatch(f"has shape {list(shape)}: lengths must not be negative")
    count = prod(shape)
    if datatype is Datatype.BYTES:
        return reshaped(_texts(raw, count), shape)
    wire = _HALF_OF_FP32 if datatype is Datatype.BF16 else _WIRE[datatype]
    if len(raw) != count * wire.itemsize:
        raise Mismatch(
            f"states {datatype} of shape {list(shape)}, which is {count * wire.itemsize} bytes, "
            f"and comes with {len(raw)}"
        )
    if datatype is Datatype.BOOL and count and np.frombuffer(raw, np.uint8).max() > 1:
        raise Mismatch("holds a byte that is no BOOL: write 0 or 1")
    values = np.frombuffer(raw, dtype=wire)
    if datatype is Datatype.BF16:
        wide = (values.astype(np.uint32) << _HALF_BITS).view(BFLOAT16)
        return reshaped(wide, shape)
    return reshaped(values.astype(NUMPY_OF_DATATYPE[datatype]), shape)


def to_raw(values: Array) -> bytes:
    """The bytes of an array in the binary form."""
    if values.dtype.kind == "O":
        return b"".join([part for text in values.ravel() for part in _prefixed(text)])
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _prefixed(text: str | bytes) -> tuple[bytes, bytes]:
    content = text.encode() if isinstance(text, str) else bytes(text)
    return _LENGTH.pack(len(content)), content


def _texts(raw: memoryview, count: int) -> Array:
    if count * _LENGTH.size > len(raw):  # before room is made for them
        raise Mismatch(f"states {count} BYTES, and {len(raw)} bytes cannot hold their lengths")
    found = np.empty(count, dtype=np.object_)
    position = 0
    for number in range(count):
        start = position + _LENGTH.size
        if start > len(raw):
            raise Mismatch(f"ends before element {number} of its {count} BYTES")
        position = start + _LENGTH.unpack_from(raw, position)[0]
        if position > len(raw):
            raise Mismatch(f"ends within element {number} of its {count} BYTES")
        found[number] = bytes(raw[start:position])
    if position != len(raw):
        raise Mismatch(f"goes on for {len(raw) - position} bytes after its {count} BYTES")
    return found

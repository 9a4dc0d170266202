"""JSON values into arrays: msgspec for short tensors, simdjson buffers for long ones.

Both forms of the protocol are read: `data` flat in row-major order, or nested as `shape` says.
"""

from array import array
from collections.abc import Sequence
from functools import cache
from itertools import chain
from math import prod
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import simdjson

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.tensors import Datatype

_START_BYTES = 64
_FLOAT_BYTES = 4
_OPENING = b"[ \t\r\n"
_BUFFER_OF_KIND: dict[str, Literal["d", "i", "u"]] = {"f": "d", "i": "i", "u": "u"}
_BUFFER_DTYPE = {"d": np.dtype(np.float64), "i": np.dtype(np.int64), "u": np.dtype(np.uint64)}
_PYTHON_TYPE: dict[Datatype, type] = {
    Datatype.BOOL: bool,
    Datatype.BYTES: str,
    Datatype.FP16: float,
    Datatype.FP32: float,
    Datatype.FP64: float,
}


class Mismatch(ValueError):
    """The values do not fit datatype or shape; the message is a clause without its subject."""


def read_values(data: msgspec.Raw, datatype: Datatype, shape: Sequence[int]) -> Array:
    """The values of one tensor from their JSON text, in the shape stated.

    Raises:
        Mismatch: they do not fit.
    """
    flat_or_nested = _decode(data, datatype, len(shape))
    if datatype is Datatype.FP32 and not (flat_or_nested and isinstance(flat_or_nested[0], list)):
        found: Array = np.frombuffer(array("f", flat_or_nested), dtype=np.float32)
    elif datatype is Datatype.BYTES:
        found = _texts(flat_or_nested)
    else:
        found = _numbers(flat_or_nested, datatype)
    return shaped(found, shape)


def read_buffer(
    values: Any,  # noqa: ANN401 - whatever stands where the data should
    datatype: Datatype,
    shape: Sequence[int],
) -> tuple[Array, int] | None:
    """The same from a parsed document, without a Python object per number.

    Returns:
        The array, and how many `[` its text holds when nothing in it is nested out of turn: a
        buffer flattens whatever it is given, so the caller compares with what the text holds.
        None where this short way does not apply (texts, truth values, mixed or ragged nesting):
        `read_values` then reads the values or says what is wrong with them.
    """
    dtype = NUMPY_OF_DATATYPE.get(datatype)
    kind = _BUFFER_OF_KIND.get(dtype.kind) if dtype else None
    if dtype is None or kind is None or not isinstance(values, simdjson.Array):
        return None
    nested = len(shape) > 1 and len(values) > 0 and isinstance(values[0], simdjson.Array)
    if nested and not _is_nested(values, shape):
        return None
    try:
        wide = np.frombuffer(values.as_buffer(of_type=kind), dtype=_BUFFER_DTYPE[kind])
    except (TypeError, ValueError):
        return None
    if wide.size != prod(shape) or any(length < 0 for length in shape):
        return None
    brackets = sum(prod(shape[:axis]) for axis in range(len(shape))) if nested else 1
    return reshaped(narrowed(wide, dtype), shape), brackets


class NumberForm(msgspec.Struct, frozen=True):
    """How JSON numbers become an array: through which buffer, to which datatype."""

    kind: Literal["d", "i", "u"]
    wide: np.dtype[Any]
    dtype: np.dtype[Any]

    def narrow(self, wide: Array, text: bytes) -> Array:
        """The numbers of the buffer, parsed from `text`, in their own datatype.

        Raises:
            Mismatch: an integer is out of range.
        """
        is_plain = self.kind == "d" and self.dtype.itemsize >= _FLOAT_BYTES
        if is_plain and b"e" not in text and b"E" not in text:
            return wide.astype(self.dtype)  # nothing so short overflows: watching for it costs 1 us
        return narrowed(wide, self.dtype)


@cache
def number_form(datatype: Datatype) -> NumberForm | None:
    """The form of a datatype whose JSON is plain numbers; None for the others."""
    dtype = NUMPY_OF_DATATYPE.get(datatype)
    kind = _BUFFER_OF_KIND.get(dtype.kind) if dtype else None
    if dtype is None or kind is None:
        return None
    return NumberForm(kind, _BUFFER_DTYPE[kind], dtype)


def shaped(found: Array, shape: Sequence[int]) -> Array:
    """The values in the shape stated.

    Raises:
        Mismatch: there are more or fewer, or they are nested otherwise.
    """
    if any(length < 0 for length in shape):
        raise Mismatch(f"has shape {list(shape)}: lengths must not be negative")
    if found.ndim > 1 and found.shape != tuple(shape):
        raise Mismatch(f"states shape {list(shape)} and its data is nested as {list(found.shape)}")
    if found.size != prod(shape):
        raise Mismatch(
            f"states shape {list(shape)}, which is {prod(shape)} values, and holds {found.size}"
        )
    return reshaped(found, shape)


def reshaped(found: Array, shape: Sequence[int]) -> Array:
    """The values in a shape that says as many as there are.

    Raises:
        Mismatch: no array can have such a shape.
    """
    try:
        return found.reshape(shape)
    except (ValueError, OverflowError) as error:
        raise Mismatch(f"has a shape that no array can have: {error}") from error


def _decode(data: msgspec.Raw, datatype: Datatype, dimensions: int) -> list[Any]:
    start = bytes(memoryview(data)[:_START_BYTES])
    if not start:
        raise Mismatch("has no data")
    depth = start[: len(start) - len(start.lstrip(_OPENING))].count(b"[")
    if depth > 1 and depth != dimensions:
        raise Mismatch(
            f"is nested {depth} deep and its shape has {dimensions} dimensions: "
            "write the data flat, or nested as the shape says"
        )
    try:
        decoded: list[Any] = decoder_of(datatype, max(depth, 1)).decode(data)
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Mismatch(f"holds a value that is no {datatype}: {error}") from error
    return decoded


@cache
def decoder_of(
    datatype: Datatype, depth: int, *, may_lack: bool = False
) -> msgspec.json.Decoder[Any]:
    """Reads values of a datatype nested so deep; where they may lack, null for a number as well.

    Raises:
        Mismatch: the datatype has no JSON form.
    """
    nested: Any = element_type(datatype)
    if may_lack and nested is float:
        nested = float | None
    for _ in range(depth):
        nested = GenericAlias(list, (nested,))
    return msgspec.json.Decoder(nested)


def element_type(datatype: Datatype) -> Any:  # noqa: ANN401 - a type built at run time
    """What one value of a datatype is in JSON, as a type of Python.

    Raises:
        Mismatch: the datatype has no JSON form.
    """
    if datatype in _PYTHON_TYPE:
        return _PYTHON_TYPE[datatype]
    if datatype is Datatype.BF16:
        raise Mismatch("is BF16, which has no JSON form: send FP32")
    if datatype is Datatype.UINT64:  # its upper limit is NumPy's to refuse
        return Annotated[int, msgspec.Meta(ge=0)]
    limits = np.iinfo(NUMPY_OF_DATATYPE[datatype])
    return Annotated[int, msgspec.Meta(ge=int(limits.min), le=int(limits.max))]


def arranged(values: list[Any], datatype: Datatype) -> Array:
    """The array of values nested as its shape is; texts of any depth.

    Raises:
        Mismatch: they are ragged, or out of range.
    """
    if datatype is not Datatype.BYTES:
        return _numbers(values, datatype)
    shape: list[int] = [len(values)]
    inner: Any = values
    while inner and isinstance(inner[0], list | tuple):
        inner = inner[0]
        shape.append(len(inner))
    return shaped(_texts(values), shape)


def _numbers(values: list[Any], datatype: Datatype) -> Array:
    dtype = NUMPY_OF_DATATYPE[datatype]
    try:
        if dtype.kind == "f":
            return narrowed(np.array(values, dtype=np.float64), dtype)
        return np.array(values, dtype=dtype)
    except (ValueError, OverflowError) as error:
        raise Mismatch(f"is ragged or out of range for {datatype}: {error}") from error


def narrowed(wide: Array, dtype: np.dtype[Any]) -> Array:
    """The same values in a datatype that may be too small for them.

    Raises:
        Mismatch: an integer does not fit it.
    """
    if wide.dtype == dtype:
        return wide
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # what overflows becomes infinity, which is refused later
            return wide.astype(dtype)
    limits = np.iinfo(dtype)
    if wide.size and (wide.min() < limits.min or wide.max() > limits.max):
        raise Mismatch(f"holds an integer outside {limits.min} to {limits.max}")
    return wide.astype(dtype)


def _texts(values: list[Any]) -> Array:
    lengths: list[int] = []
    while values and isinstance(values[0], list | tuple):
        lengths.append(len(values))
        if any(len(inner) != len(values[0]) for inner in values):
            raise Mismatch("is ragged: its inner lists differ in length")
        values = list(chain.from_iterable(values))
    found = np.empty(len(values), dtype=np.object_)
    found[:] = [text.encode() for text in values]
    return found


def _is_nested(values: simdjson.Array, shape: Sequence[int]) -> bool:
    if len(values) != shape[0]:
        return False
    if len(shape) == 1:
        return True
    return all(
        isinstance(inner, simdjson.Array) and _is_nested(inner, shape[1:]) for inner in values
    )

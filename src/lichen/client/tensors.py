"""What a caller has, lists or arrays or bytes, as the tensors of a request; and answers as lists.

Arrays go as bytes, by the buffer protocol: NumPy is not needed here, and used where it is there.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from math import prod
from struct import Struct, unpack
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype
from lichen.protocol.oip import OutputTensor, TensorMetadata

_SIZE = "binary_data_size"
_LENGTH = Struct("<I")
_FORMATS = {
    Datatype.BOOL: "?",
    Datatype.UINT8: "B",
    Datatype.UINT16: "H",
    Datatype.UINT32: "I",
    Datatype.UINT64: "Q",
    Datatype.INT8: "b",
    Datatype.INT16: "h",
    Datatype.INT32: "i",
    Datatype.INT64: "q",
    Datatype.FP16: "e",
    Datatype.FP32: "f",
    Datatype.FP64: "d",
}
_KINDS = {letter: kind for kind in ("?", "bhilq", "BHILQ", "efd") for letter in kind}
_HALF = "e"
_encode = msgspec.json.Encoder().encode


@runtime_checkable
class ArrayLike(Protocol):
    """NumPy arrays, pandas series and their like."""

    def tolist(self) -> Any:  # noqa: ANN401 - nested lists of any depth
        """Nested lists of plain numbers."""
        ...


@runtime_checkable
class Convertible(Protocol):
    """NumPy arrays: they can become another type by themselves."""

    def astype(self, dtype: str, /) -> Any:  # noqa: ANN401 - an array
        """The same values in another type."""
        ...


class Body(NamedTuple):
    """A request's body; how many of its bytes are JSON when others follow."""

    content: bytes
    header_length: int | None


def request_body(
    inputs: Mapping[str, object],
    known: Mapping[str, TensorMetadata],
    outputs: Sequence[str],
    parameters: Mapping[str, object],
) -> Body:
    """An inference request: arrays and bytes go behind the JSON, and then answers come so, too.

    Raises:
        InvalidInput: a value cannot be sent; the message names its input.
    """
    told, behind = [], []
    for name, values in inputs.items():
        stated = known.get(name) or TensorMetadata(name, Datatype.FP32, [])
        raw = _raw(values, stated)
        told.append(_listed(name, values, stated.datatype) if raw is None else raw[0])
        behind += [] if raw is None else [raw[1]]
    said = {**parameters, "binary_data_output": True} if behind else dict(parameters)
    request: dict[str, object] = {"inputs": told}
    if said:
        request["parameters"] = said
    if outputs:
        request["outputs"] = [{"name": name} for name in outputs]
    header = _encode(request)
    return Body(b"".join([header, *behind]), len(header) if behind else None)


def _raw(values: object, stated: TensorMetadata) -> tuple[dict[str, object], bytes] | None:
    """A tensor and its bytes; None for what goes as JSON."""
    if stated.datatype is Datatype.BYTES:
        found = _raw_texts(values)
    elif isinstance(values, bytes | bytearray):
        found = _shape_of_bytes(bytes(values), stated), bytes(values)
    else:
        found = _raw_array(values, stated.datatype)
    if found is None:
        return None
    shape, content = found
    told: dict[str, object] = {
        "name": stated.name,
        "datatype": stated.datatype,
        "shape": list(shape),
        "parameters": {_SIZE: len(content)},
    }
    return told, content


def _raw_array(values: object, datatype: Datatype) -> tuple[Sequence[int], bytes] | None:
    view, letter = _view(values), _FORMATS.get(datatype)
    if view is None or letter is None or sys.byteorder != "little":
        return None
    is_same = _KINDS[view.format] == _KINDS[letter] and view.itemsize == Struct(letter).size
    if not is_same and _KINDS[letter] == "efd" and isinstance(values, Convertible):
        if _KINDS[view.format] == "?":
            return None
        view = _view(values.astype(f"<f{Struct(letter).size}"))
        is_same = view is not None
    return (view.shape or (), view.tobytes()) if is_same and view is not None else None


def _view(values: object) -> memoryview | None:
    """What an array of plain numbers holds; None for anything else."""
    try:
        view = memoryview(values)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return view if view.format in _KINDS and view.ndim else None


def _shape_of_bytes(content: bytes, stated: TensorMetadata) -> list[int]:
    open_axes = [axis for axis, length in enumerate(stated.shape) if length < 0]
    row = prod(n for n in stated.shape if n > 0) * Struct(_FORMATS[stated.datatype]).size
    if not stated.shape or len(open_axes) > 1 or len(content) % row:
        raise InvalidInput(
            f"input {stated.name!r} of shape {stated.shape} cannot be {len(content)} bytes of "
            f"{stated.datatype}: give an array, which has a shape of its own"
        )
    return [len(content) // row if length < 0 else length for length in stated.shape]


def _raw_texts(values: object) -> tuple[Sequence[int], bytes] | None:
    if isinstance(values, bytes):
        values = [values]
    listed = values.tolist() if isinstance(values, ArrayLike) else values
    flat = list(_leaves(listed))
    if not any(isinstance(text, bytes) for text in flat):
        return None
    contents = [text if isinstance(text, bytes) else str(texts(text)).encode() for text in flat]
    parts = [part for text in contents for part in (_LENGTH.pack(len(text)), text)]
    return shape_of("", listed), b"".join(parts)


def _leaves(values: object) -> Iterable[object]:
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return chain.from_iterable(_leaves(value) for value in values)
    return (values,)


def _listed(name: str, values: object, datatype: Datatype) -> dict[str, object]:
    if isinstance(values, str | bytes | date):
        values = [values]
    data = values.tolist() if isinstance(values, ArrayLike) else values
    if datatype is Datatype.BYTES:
        data = texts(data)
    return {"name": name, "datatype": datatype, "shape": shape_of(name, data), "data": data}


def texts(values: Any) -> Any:  # noqa: ANN401 - nested lists of any depth
    """Times as RFC 3339 text; everything else as it is.

    Raises:
        InvalidInput: a time has no zone.
    """
    if isinstance(values, datetime):
        if values.tzinfo is None:
            raise InvalidInput(f"time {values.isoformat()} has no time zone: add tzinfo, e.g. UTC")
        return rfc3339(values)
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return [texts(value) for value in values]
    return values


def shape_of(name: str, values: object) -> list[int]:
    """The shape of nested lists, by their first elements.

    Raises:
        InvalidInput: it is no list.
    """
    shape: list[int] = []
    while isinstance(values, Sequence) and not isinstance(values, str | bytes):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    if not shape:
        raise InvalidInput(f"input {name!r} is {type(values).__name__}: give a list of rows")
    return shape


def sizes(outputs: Sequence[OutputTensor]) -> list[int]:
    """How many bytes of each output stand behind the JSON.

    Raises:
        WorkFailed: one of them says no number.
    """
    found = [(output.parameters or {}).get(_SIZE, 0) for output in outputs]
    whole = [size for size in found if isinstance(size, int)]
    if len(whole) != len(found):
        raise WorkFailed(f"the answer states a {_SIZE} that is no number")
    return whole


def array_of(output: OutputTensor, content: bytes) -> memoryview | None:
    """An output's bytes with its type and shape, for `numpy.asarray`; None where there is none."""
    letter = _FORMATS.get(output.datatype)
    if letter in (None, _HALF) or not content or sys.byteorder != "little":
        return None
    return memoryview(content).cast(letter or "", output.shape)  # type: ignore[call-overload,no-any-return]


def values_of(output: OutputTensor, content: bytes) -> list[Any]:
    """The values of an output, in JSON or in bytes, row-major in one list."""
    letter = _FORMATS.get(output.datatype)
    if not content:
        return output.data
    if letter is not None:
        return list(unpack(f"<{prod(output.shape)}{letter}", content))
    found, position = [], 0
    while position < len(content):
        start = position + _LENGTH.size
        position = start + _LENGTH.unpack_from(content, position)[0]
        found.append(_text(content[start:position]))
    return found


def _text(content: bytes) -> str | bytes:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content

"""Safetensors: a header of names, types and places, then raw numbers; checked before it is read.

https://github.com/huggingface/safetensors#format: eight bytes of the header's length, the header as
JSON, and the data without a gap. A header may say anything, so nothing is allocated by its word.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

_HEADER_BYTES = 8
_LARGEST_HEADER = 100 * 2**20
_METADATA = "__metadata__"
_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U64": 8,
    "U32": 4,
    "U16": 2,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
}
_NUMPY: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}
_MOST_SIDES, _LARGEST_SIDE = 16, 2**40


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a file: its type, its shape, and where its bytes stand after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself: its tensors, and where their bytes begin."""

    tensors: Mapping[str, StoredTensor]
    first: int


def is_safetensors(head: bytes, size: int) -> bool:
    """Does a file of so many bytes that begins so look like one?"""
    length = int.from_bytes(head[:_HEADER_BYTES], "little")
    begins = head[_HEADER_BYTES : _HEADER_BYTES + 1]
    return begins == b"{" and 2 <= length <= size - _HEADER_BYTES


def read_header(path: Path) -> Header:
    """The tensors of a file, its header checked against its size.

    Raises:
        InvalidInput: it is none, or its header lies; the message says of what.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_HEADER_BYTES), "little")
        if not 2 <= length <= min(size - _HEADER_BYTES, _LARGEST_HEADER):
            raise InvalidInput(
                f"{path.name} says that its header is {length:,} bytes of {size:,}: it is no "
                "safetensors file, or damaged"
            )
        header = file.read(length)
    return _checked(header, size, path.name)


def _checked(header: bytes, size: int, shown: str) -> Header:
    first = _HEADER_BYTES + len(header)
    try:
        said = json.loads(header)
        made = {name: _stored(one) for name, one in said.items() if name != _METADATA}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise InvalidInput(f"{shown} is no safetensors file: {problem}") from problem
    _check_places(made, size - first, shown)
    return Header(made, first)


def _stored(said: Mapping[str, Any]) -> StoredTensor:
    begin, end = said["data_offsets"]
    shape = tuple(said["shape"])
    if len(shape) > _MOST_SIDES:
        raise ValueError(f"a tensor of {len(shape)} sides")
    for number in (begin, end, *shape):
        if type(number) is not int or not 0 <= number <= _LARGEST_SIDE:
            raise ValueError(f"{number!r} is no size")
    return StoredTensor(str(said["dtype"]), shape, begin, end)


def _check_places(tensors: Mapping[str, StoredTensor], size: int, shown: str) -> None:
    """Does each tensor take the bytes that its shape needs, one after the other, and no others?"""
    at = 0
    for name, one in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if one.dtype not in _BYTES:
            raise InvalidInput(f"{shown} holds {name!r} of {one.dtype!r}, which nobody reads")
        needed = prod(one.shape) * _BYTES[one.dtype]
        if one.end - one.begin != needed:
            raise InvalidInput(
                f"{shown} says that {name!r} is {list(one.shape)} of {one.dtype}, {needed:,} "
                f"bytes, and gives it {one.end - one.begin:,}: it is damaged, or made to do harm"
            )
        if one.begin != at:
            raise InvalidInput(
                f"{shown} has {name!r} at byte {one.begin:,}, where {at:,} is next: its tensors "
                "overlap or leave gaps; it is damaged, or made to do harm"
            )
        at = one.end
    if at != size:
        raise InvalidInput(
            f"{shown} speaks of {at:,} bytes of numbers and holds {size:,}: it is cut short, or "
            "hides something"
        )


def read_floats(path: Path, wanted: Iterable[str] | None = None) -> dict[str, NDArray[np.float32]]:
    """The float tensors of a file by name, as float32; others are left out.

    Raises:
        InvalidInput: it is none, or its header lies.
    """
    header = read_header(path)
    names = header.tensors if wanted is None else wanted
    made: dict[str, NDArray[np.float32]] = {}
    with path.open("rb") as file:
        for name in names:
            one = header.tensors[name]
            if one.dtype in _NUMPY:
                file.seek(header.first + one.begin)
                made[name] = _as_float32(file.read(one.end - one.begin), one)
    return made


def floats_of(content: bytes, shown: str = "the weights") -> dict[str, NDArray[np.float32]]:
    """The same, of a file in memory.

    Raises:
        InvalidInput: it is none, or its header lies.
    """
    length = int.from_bytes(content[:_HEADER_BYTES], "little")
    if not 2 <= length <= len(content) - _HEADER_BYTES:
        raise InvalidInput(f"{shown} are no safetensors file: its header is said to be {length:,}")
    first = _HEADER_BYTES + length
    header = _checked(content[_HEADER_BYTES:first], len(content), shown)
    return {
        name: _as_float32(content[first + one.begin : first + one.end], one)
        for name, one in header.tensors.items()
        if one.dtype in _NUMPY
    }


def _as_float32(content: bytes, one: StoredTensor) -> NDArray[np.float32]:
    flat = np.frombuffer(content, _NUMPY[one.dtype])
    if one.dtype == "BF16":  # the upper half of a float32
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return flat.reshape(one.shape).astype(np.float32)

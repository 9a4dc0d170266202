"""The binary files of Caffe: weights by layer, and mean images.

Protocol buffers are read as their wire format is published
(https://protobuf.dev/programming-guides/encoding/), and only the fields that hold names and
numbers; those of caffe.proto stand in the tables below. Numbers are looked at where they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Floats = NDArray[np.float32]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_LAYER, _V1_LAYER = 100, 2
_NAME, _BLOBS = {_LAYER: 1, _V1_LAYER: 4}, {_LAYER: 7, _V1_LAYER: 6}
_V0_LAYER = 1
_SHAPE, _DATA, _DOUBLES, _LEGACY = 7, 5, 8, (1, 2, 3, 4)
_MOST_AXES = 32


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    kind: int
    value: int
    content: memoryview


def read_weights(content: bytes) -> dict[str, tuple[Floats, ...]]:
    """The weights of a network, by the name of their layer.

    Raises:
        InvalidInput: it is no caffemodel, or is cut short.
    """
    weights: dict[str, tuple[Floats, ...]] = {}
    for one in _fields(memoryview(content)):
        if one.number in _NAME and one.kind == _BYTES:
            name, blobs = _layer(one)
            if blobs:
                weights.setdefault(name, blobs)
    return weights


def read_mean(content: bytes) -> Floats:
    """The mean image of a `.binaryproto`, `(channels, height, width)`.

    Raises:
        InvalidInput: it is none.
    """
    mean = _blob(memoryview(content))
    if mean.ndim == 4 and len(mean) == 1:
        mean = mean[0]
    if mean.ndim != 3 or not mean.size:
        raise InvalidInput(f"it holds numbers of shape {list(mean.shape)}, and no image")
    return mean


def is_network(content: bytes) -> bool:
    """Does this begin as a caffemodel does: a field of NetParameter, of its kind?"""
    try:
        first = next(_fields(memoryview(content)), None)
    except InvalidInput:  # the head of a file ends within a field
        return bool(content[:1] in (b"\x0a", b"\x12") or content[:2] == b"\xa2\x06")
    return first is not None and first.number in (1, 2, 3, 4, 5, 6, 7, 8, 100)


def _layer(layer: _Field) -> tuple[str, tuple[Floats, ...]]:
    name, blobs = "", []
    for one in _fields(layer.content):
        if one.number == _NAME[layer.number] and one.kind == _BYTES:
            name = str(one.content, "utf-8", "replace")
        elif one.number == _BLOBS[layer.number] and one.kind == _BYTES:
            blobs.append(_blob(one.content))
        elif layer.number == _V1_LAYER and one.number == _V0_LAYER:
            raise InvalidInput(
                "it is of Caffe's first format, of 2013: upgrade it with Caffe's tool "
                "upgrade_net_proto_binary"
            )
    return name, tuple(blobs)


def _blob(content: memoryview) -> Floats:
    shape: list[int] | None = None
    legacy: dict[int, int] = {}
    parts: list[memoryview] = []
    dtype = "<f4"
    for one in _fields(content):
        if one.number == _SHAPE and one.kind == _BYTES:
            shape = _dimensions(one.content)
        elif one.number in (_DATA, _DOUBLES) and one.kind != _VARINT:
            parts.append(one.content)
            dtype = "<f4" if one.number == _DATA else "<f8"
        elif one.number in _LEGACY and one.kind == _VARINT:
            legacy[one.number] = one.value
    values = _numbers(parts[0] if len(parts) == 1 else memoryview(b"".join(parts)), dtype)
    if shape is None:
        shape = [legacy.get(number, 1) for number in _LEGACY] if legacy else [values.size]
    if prod(shape) != values.size:
        raise InvalidInput(
            f"a blob says that its shape is {shape}, and holds {values.size} numbers"
        )
    return values.reshape(shape).astype(np.float32, copy=False)


def _dimensions(content: memoryview) -> list[int]:
    found: list[int] = []
    for one in _fields(content):
        if one.number != 1:
            continue
        if one.kind == _VARINT:
            found.append(one.value)
        else:
            at = 0
            while at < len(one.content) and len(found) <= _MOST_AXES:
                value, at = _varint(one.content, at)
                found.append(value)
    if len(found) > _MOST_AXES or any(length >= 2**31 for length in found):
        raise InvalidInput("a blob has a shape that none can have")
    return found


def _numbers(content: memoryview, dtype: str) -> NDArray[np.floating]:
    if len(content) % np.dtype(dtype).itemsize:
        raise InvalidInput("a blob ends within a number")
    return np.frombuffer(content, dtype)


def _fields(content: memoryview) -> Iterator[_Field]:
    at, end = 0, len(content)
    while at < end:
        tag, at = _varint(content, at)
        number, kind, value, size = tag >> 3, tag & 7, 0, 0
        if kind == _VARINT:
            value, at = _varint(content, at)
        elif kind == _BYTES:
            size, at = _varint(content, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise InvalidInput("it is no protocol buffer of Caffe")
        if not number or at + size > end:
            raise InvalidInput("it is cut short, or no protocol buffer of Caffe")
        yield _Field(number, kind, value, content[at : at + size])
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        if at >= len(content):
            raise InvalidInput("it is cut short")
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at
    raise InvalidInput("it is no protocol buffer of Caffe")

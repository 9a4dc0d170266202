"""The binary tensor data extension: a JSON header, and behind it the raw bytes of its tensors.

Inputs and outputs in JSON and in bytes may stand side by side in one message.
"""

import re
from collections.abc import Mapping
from math import prod

import msgspec

from lichen.core.batch import Array, datatype_of
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.codec import Decoded, asked_of, decode, json_output
from lichen.protocol.numbers import Mismatch, read_values
from lichen.protocol.oip import (
    BinaryOutputs,
    InputTensor,
    read_request,
    refuse_shared_memory,
)
from lichen.protocol.raw import from_raw, item_bytes, to_raw

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The HTTP header that says how many bytes of a body are its JSON."""
_SIZE = "binary_data_size"
_NAMED_SIZE = _SIZE.encode()
_DIGITS = re.compile(r"[0-9]{1,18}")

_json = msgspec.json.Encoder().encode


def decode_parted(body: bytes, header_length: str) -> Decoded:
    """Read an inference request whose JSON is the first `header_length` bytes of its body.

    Raises:
        InvalidInput: it cannot be read, or its sizes do not add up; the message says which.
    """
    length = parted_length(header_length, len(body))
    if length == len(body) and _NAMED_SIZE not in body:
        return decode(body)
    request = read_request(body[:length])
    rest, position = memoryview(body), length
    tensors: dict[str, Array] = {}
    for given in request.inputs:
        size = _size(given)
        if size is None:
            tensors[given.name] = _read(given, None)
            continue
        if position + size > len(body):
            raise InvalidInput(
                f"input {given.name!r} states {_SIZE} {size}, and only {len(body) - position} "
                "bytes of the body are left for it"
            )
        tensors[given.name] = _read(given, rest[position : position + size])
        position += size
    if position != len(body):
        raise InvalidInput(
            f"the body goes on for {len(body) - position} bytes after the tensors that its JSON "
            f"names: state each one's {_SIZE}"
        )
    return asked_of(request, tensors)


def is_raw(header_length: str | bytes | None) -> bool:
    """Does the header say that there is no JSON, and the whole body is one tensor?"""
    return header_length in ("0", b"0")


def decode_raw(body: bytes, signature: Signature) -> Decoded:
    """Read a body without JSON: one row of the only input of a model; the answer is binary too.

    The body of a BYTES input is its one element, without a length before it.

    Raises:
        InvalidInput: the model has other inputs, or its input another number of bytes.
    """
    if len(signature.inputs) != 1:
        raise InvalidInput(
            f"{HEADER_LENGTH} is 0, and the model has {len(signature.inputs)} inputs: a body "
            "without JSON is for models with one"
        )
    spec = signature.inputs[0]
    if spec.datatype is Datatype.BYTES:
        body = len(body).to_bytes(4, "little") + body
    values = _read(
        InputTensor(spec.name, _raw_shape(spec, len(body)), spec.datatype), memoryview(body)
    )
    return Decoded({spec.name: values}, binary=BinaryOutputs(default=True, named={}))


def _raw_shape(spec: TensorSpec, size: int) -> list[int]:
    """One row; a single length that the signature leaves open follows from the bytes."""
    has_rows = spec.shape[:1] == (-1,)
    shape = [1, *spec.shape[1:]] if has_rows else list(spec.shape)
    open_axes = [axis for axis, length in enumerate(shape) if length < 0]
    if len(open_axes) > 1 or (open_axes and spec.datatype is Datatype.BYTES):
        raise InvalidInput(
            f"{HEADER_LENGTH} is 0, and the bytes alone do not say the shape of input "
            f"{spec.name!r}, {list(spec.shape)}: send JSON before them"
        )
    for axis in open_axes:
        known = prod(length for length in shape if length >= 0) * item_bytes(spec.datatype)
        shape[axis] = size // known if known else 0
    return shape


def parted_length(said: str, size: int) -> int:
    """How many bytes of a body of this size are its JSON.

    Raises:
        InvalidInput: the header is no number, or more than the body has.
    """
    if not _DIGITS.fullmatch(said):
        raise InvalidInput(f"{HEADER_LENGTH} is no whole number: give the bytes of the JSON")
    length = int(said)
    if length > size:
        raise InvalidInput(f"{HEADER_LENGTH} is {length}, and the body has only {size} bytes")
    return length


def encode_parted(
    head: bytes, outputs: Mapping[str, Array], request_id: str | None, wanted: BinaryOutputs
) -> tuple[bytes, int]:
    """The body of an answer, those outputs that are wanted so in bytes behind its JSON.

    Args:
        head: what `answer_head` made, once for each model and version.
        outputs: arrays by name.
        request_id: echoed when the request had one.
        wanted: which of them go in bytes.

    Returns:
        The body, and how many of its bytes are the JSON.

    Raises:
        WorkFailed: an output in JSON holds what JSON has no word for.
    """
    parts = [head]
    if request_id is not None:
        parts.append(b'"id":%b,' % _json(request_id))
    told, behind = [], []
    for name, values in outputs.items():
        if not wanted.has(name):
            told.append(json_output(name, values))
            continue
        raw = to_raw(values)
        behind.append(raw)
        told.append(
            b'{"name":%b,"datatype":"%b","shape":%b,"parameters":{"binary_data_size":%d}}'
            % (_json(name), datatype_of(values).encode(), _json(values.shape), len(raw))
        )
    parts += (b'"outputs":[', b",".join(told), b"]}")
    header = b"".join(parts)
    return b"".join([header, *behind]), len(header)


def _size(given: InputTensor) -> int | None:
    size = None if given.parameters is None else given.parameters.get(_SIZE)
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise InvalidInput(f"input {given.name!r} states a {_SIZE} that is no number of bytes")
    if len(memoryview(given.data)):
        raise InvalidInput(f"input {given.name!r} has data as well as a {_SIZE}: give one of them")
    return size


def _read(given: InputTensor, raw: memoryview | None) -> Array:
    try:
        if raw is None:
            refuse_shared_memory(given.parameters, f"input {given.name!r}")
            return read_values(given.data, given.datatype, given.shape)
        return from_raw(raw, given.datatype, given.shape)
    except Mismatch as error:
        raise InvalidInput(f"input {given.name!r} {error}") from error

"""Tensors <-> the messages of the protocol over gRPC: typed contents or raw bytes in, bytes out.

FP16 and BF16 have no typed form and travel in bytes alone, as the protocol says.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, datatype_of
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.protocol.codec import Decoded, classes_of
from lichen.protocol.demands import NO_DEMANDS, demands_of
from lichen.protocol.grpc_messages import InferResponse, Message
from lichen.protocol.numbers import Mismatch, narrowed, shaped
from lichen.protocol.oip import Parameters, RequestedOutput, refuse_shared_memory
from lichen.protocol.raw import from_raw, to_raw

_CONTENTS: Mapping[Datatype, str] = {
    Datatype.BOOL: "bool_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}
_WIDE: Mapping[str, np.dtype[np.generic]] = {
    "uint_contents": np.dtype(np.uint32),
    "int_contents": np.dtype(np.int32),
}
_DATATYPES = ", ".join(Datatype)
_DATATYPE_NAMED = {one.value: one for one in Datatype}
_RAW_OUTPUT = bytes([6 << 3 | 2])
"""What stands before each element of `raw_output_contents`: its number and kind."""
_MORE = 128
Names = tuple[str, str]
"""Of a deployment, and of its version."""


def read_message(body: bytes, kind: Message) -> Message:
    """The message of a class in these bytes.

    Raises:
        InvalidInput: they are no such message.
    """
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise InvalidInput(f"the request is no {kind.DESCRIPTOR.full_name}: {error}") from error


def decode_infer(request: Message) -> Decoded:
    """What a request asks, its tensors as arrays.

    Raises:
        InvalidInput: a tensor cannot be read, or typed and raw contents are mixed; the message
            names the input and what to do.
    """
    raws = request.raw_input_contents
    tensors = _typed(request.inputs) if not raws else _raw(request.inputs, raws)
    if len(tensors) != len(request.inputs):
        raise InvalidInput("an input is given twice: name each input once")
    demands = demands_of(parameters_of(request.parameters)) if request.parameters else NO_DEMANDS
    if not request.outputs:
        return Decoded(tensors, request.id or None, demands=demands)
    outputs = tuple([output.name for output in request.outputs])
    classes = classes_of(
        RequestedOutput(output.name, parameters_of(output.parameters))
        for output in request.outputs
        if output.parameters
    )
    return Decoded(tensors, request.id or None, outputs, demands=demands, classes=classes)


def encode_infer(names: Names, outputs: Mapping[str, Array], request_id: str | None) -> bytes:
    """The bytes of the answer to a request, its tensors in `raw_output_contents`.

    A message's bytes are those of its fields one after another, so what is the same in every
    answer is made once.

    Args:
        names: as `names_of` knows them.
        outputs: arrays by name.
        request_id: echoed when the request had one.
    """
    parts = [_answer_head(names)]
    if request_id:
        parts.append(InferResponse(id=request_id).SerializeToString())
    for name, values in outputs.items():
        parts.append(_output_head(name, datatype_of(values), values.shape))
    for values in outputs.values():
        raw = to_raw(values)
        parts += (_RAW_OUTPUT, _varint(len(raw)), raw)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def names_of(head: bytes) -> Names:
    """Deployment and version in what `answer_head` made of them."""
    said = msgspec.json.decode(head.rstrip(b",") + b"}")
    return said["model_name"], said["model_version"]


@lru_cache(maxsize=1024)
def _answer_head(names: Names) -> bytes:
    made = InferResponse(model_name=names[0], model_version=names[1])
    return bytes(made.SerializeToString())


@lru_cache(maxsize=4096)
def _output_head(name: str, datatype: Datatype, shape: tuple[int, ...]) -> bytes:
    made = InferResponse()
    made.outputs.add(name=name, datatype=datatype.value, shape=shape)
    return bytes(made.SerializeToString())


def _varint(number: int) -> bytes:
    """A length as protobuf writes it: seven bits a byte, the least first."""
    if number < _MORE:
        return number.to_bytes(1, "little")
    found = bytearray()
    while number >= _MORE:
        found.append(number % _MORE + _MORE)
        number //= _MORE
    found.append(number)
    return bytes(found)


def parameters_of(parameters: Mapping[str, Message]) -> Parameters:
    """The parameters of a request or a tensor, as JSON would hold them."""
    return {
        name: getattr(value, chosen)
        for name, value in parameters.items()
        if (chosen := value.WhichOneof("parameter_choice")) is not None
    }


def _raw(inputs: Sequence[Message], raws: Sequence[bytes]) -> dict[str, Array]:
    if len(raws) != len(inputs):
        raise InvalidInput(
            f"the request has {len(inputs)} inputs and {len(raws)} raw_input_contents: give one "
            "for each input, in their order"
        )
    tensors: dict[str, Array] = {}
    for given, raw in zip(inputs, raws, strict=True):
        if given.HasField("contents") and given.contents.ByteSize():
            raise InvalidInput(
                f"input {given.name!r} has contents beside the request's raw_input_contents: "
                "give all inputs in one form"
            )
        try:
            tensors[given.name] = from_raw(memoryview(raw), _datatype(given), tuple(given.shape))
        except Mismatch as error:
            raise InvalidInput(f"input {given.name!r} {error}") from error
    return tensors


def _typed(inputs: Sequence[Message]) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    for given in inputs:
        if given.parameters:
            refuse_shared_memory(parameters_of(given.parameters), f"input {given.name!r}")
        try:
            tensors[given.name] = shaped(_contents(given), tuple(given.shape))
        except Mismatch as error:
            raise InvalidInput(f"input {given.name!r} {error}") from error
    return tensors


def _contents(given: Message) -> Array:
    datatype = _datatype(given)
    field = _CONTENTS.get(datatype)
    if field is None:
        raise Mismatch(f"is {datatype}, which has no typed contents: send raw_input_contents")
    for other, _ in given.contents.ListFields():
        if other.name != field:
            raise Mismatch(f"is {datatype} and has {other.name}: write its values in {field}")
    values = getattr(given.contents, field)
    if datatype is Datatype.BYTES:
        found = np.empty(len(values), dtype=np.object_)
        found[:] = list(values)
        return found
    dtype = NUMPY_OF_DATATYPE[datatype]
    return narrowed(np.array(values, dtype=_WIDE.get(field, dtype)), dtype)


def _datatype(given: Message) -> Datatype:
    datatype = _DATATYPE_NAMED.get(given.datatype)
    if datatype is None:
        raise Mismatch(f"has datatype {given.datatype!r}: write one of {_DATATYPES}")
    return datatype

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
    outputs = tuple([output.name for output in request.outputs]) if request.outputs else None
    demands = demands_of(parameters_of(request.parameters)) if request.parameters else NO_DEMANDS
    classes = classes_of(
        RequestedOutput(output.name, parameters_of(output.parameters))
        for output in request.outputs
        if output.parameters
    )
    return Decoded(tensors, request.id or None, outputs, demands=demands, classes=classes)


def encode_infer(
    names: tuple[str, str], outputs: Mapping[str, Array], request_id: str | None
) -> Message:
    """The answer to a request, its tensors in bytes.

    Args:
        names: of the deployment, and of its version.
        outputs: arrays by name.
        request_id: echoed when the request had one.
    """
    answer = InferResponse(model_name=names[0], model_version=names[1], id=request_id or "")
    for name, values in outputs.items():
        answer.outputs.add(name=name, datatype=datatype_of(values).value, shape=values.shape)
        answer.raw_output_contents.append(to_raw(values))
    return answer


@lru_cache(maxsize=1024)
def names_of(head: bytes) -> tuple[str, str]:
    """Deployment and version in what `answer_head` made of them."""
    said = msgspec.json.decode(head.rstrip(b",") + b"}")
    return said["model_name"], said["model_version"]


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
            tensors[given.name] = from_raw(memoryview(raw), _datatype(given), given.shape)
        except Mismatch as error:
            raise InvalidInput(f"input {given.name!r} {error}") from error
    return tensors


def _typed(inputs: Sequence[Message]) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    for given in inputs:
        if given.parameters:
            refuse_shared_memory(parameters_of(given.parameters), f"input {given.name!r}")
        try:
            tensors[given.name] = shaped(_contents(given), given.shape)
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
    try:
        return Datatype(given.datatype)
    except ValueError as error:
        raise Mismatch(f"has datatype {given.datatype!r}: write one of {_DATATYPES}") from error

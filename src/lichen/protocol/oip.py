"""Open Inference Protocol v2: requests and responses as JSON messages. No NumPy here."""

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec

EXTENSIONS: tuple[str, ...] = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
    "trace",
)
"""Extensions of the protocol that the server advertises."""

Parameters = dict[str, str | int | float | bool | None]
"""Of a request, an input or an output; the protocol knows no lists or objects there."""


class InputTensor(Struct, gc=False):
    """One input of a request; `data` stays as it came until its datatype says how to read it."""

    name: str
    shape: list[int]
    datatype: Datatype
    data: Raw = Raw()
    parameters: Parameters | None = None


class RequestedOutput(Struct, gc=False):
    """An output that a request asks for."""

    name: str
    parameters: Parameters | None = None


class BinaryOutputs(Struct, frozen=True, gc=False):
    """Which outputs a request wants in the binary form: those named so, else `default`."""

    default: bool
    named: dict[str, bool]

    def has(self, name: str) -> bool:
        """Does this output go in bytes?"""
        return self.named.get(name, self.default)


class InferRequest(Struct, gc=False):
    """The body of `POST /v2/models/{name}/infer`."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestedOutput] | None = None


class OutputTensor(Struct, gc=False):
    """One output of a response."""

    name: str
    datatype: Datatype
    shape: list[int]
    data: list[Any] = []
    parameters: Parameters | None = None


class InferResponse(Struct, gc=False):
    """The body of an answer, as a client reads it."""

    model_name: str
    outputs: list[OutputTensor]
    model_version: str | None = None
    id: str | None = None


class TensorMetadata(Struct, omit_defaults=True):
    """One input or output in a model's metadata; `parameters` is ours: unit, ..."""

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: dict[str, Any] | None = None


class ModelMetadata(Struct):
    """The answer of `GET /v2/models/{name}`."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class TensorConfiguration(Struct, omit_defaults=True):
    """One input or output in a model's configuration."""

    name: str
    data_type: str
    dims: list[int]
    optional: bool = False


class ModelConfiguration(Struct):
    """The answer of `GET /v2/models/{name}/config`; `max_batch_size` is 0 for shapes without."""

    name: str
    platform: str
    backend: str
    max_batch_size: int
    input: list[TensorConfiguration]
    output: list[TensorConfiguration]


class ServerMetadata(Struct):
    """The answer of `GET /v2`."""

    name: str
    version: str
    extensions: list[str]


class IndexRequest(Struct):
    """The body of `POST /v2/repository/index`: `ready` for only those that answer now."""

    ready: bool = False


class IndexEntry(Struct):
    """One model of the repository's index."""

    name: str
    version: str
    state: str
    reason: str


class ModelControl(Struct):
    """The body of `POST /v2/repository/models/{name}/load` and of its `unload`."""

    parameters: Parameters | None = None


class ErrorBody(Struct):
    """The body of every refusal."""

    error: str


_REQUEST = msgspec.json.Decoder(InferRequest)
_ERROR = msgspec.json.Encoder()


def read_request(body: bytes | bytearray) -> InferRequest:
    """The request in a JSON body.

    Raises:
        InvalidInput: it is no JSON, or not an inference request; the message says where.
    """
    try:
        return _REQUEST.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the request is not an inference request: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the request body is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput("the request body nests too deeply to be read") from error


def binary_outputs(request: InferRequest) -> BinaryOutputs | None:
    """Which outputs are wanted in the binary form; None when none is.

    Raises:
        InvalidInput: a parameter that says so is neither true nor false.
    """
    default = _flag(request.parameters, "binary_data_output", "the request")
    named = {
        output.name: _flag(output.parameters, "binary_data", f"output {output.name!r}")
        for output in request.outputs or ()
        if output.parameters and "binary_data" in output.parameters
    }
    return BinaryOutputs(default, named) if default or True in named.values() else None


def refuse_shared_memory(parameters: Parameters | None, whose: str) -> None:
    """Refuse a tensor that is said to lie in memory which caller and server share.

    Raises:
        InvalidInput: it is.
    """
    if parameters and "shared_memory_region" in parameters:
        raise InvalidInput(
            f"{whose} names a region of shared memory, which this server does not open: send its "
            "values in the body, or take them from it, best as binary tensors"
        )


def _flag(parameters: Parameters | None, name: str, whose: str) -> bool:
    value = parameters.get(name, False) if parameters else False
    if not isinstance(value, bool):
        raise InvalidInput(f"parameter {name} of {whose} is neither true nor false")
    return value


Message = TypeVar("Message")


def read_message(body: bytes, kind: type[Message]) -> Message:
    """A message of the repository extension; an empty body is an empty message.

    Raises:
        InvalidInput: it is no JSON, or no such message.
    """
    try:
        return msgspec.json.decode(body.strip() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the body cannot be read: {error}") from error


def error_body(sentence: str) -> bytes:
    """The JSON body that carries one sentence."""
    return _ERROR.encode(ErrorBody(sentence))


def metadata(spec: TensorSpec) -> TensorMetadata:
    """A tensor of a signature as metadata shows it."""
    said = {
        "unit": spec.unit,
        "description": spec.description,
        "optional": spec.optional or None,
        "columns": list(spec.columns) or None,
        "missing": spec.missing or None,
        "details": [msgspec.to_builtins(one) for one in spec.details] or None,
    }
    parameters = {key: value for key, value in said.items() if value is not None}
    return TensorMetadata(spec.name, spec.datatype, list(spec.shape), parameters or None)


def model_metadata(
    name: str, versions: list[str], platform: str, signature: Signature
) -> ModelMetadata:
    """A deployment's metadata."""
    return ModelMetadata(
        name,
        versions,
        platform,
        [metadata(spec) for spec in signature.inputs],
        [metadata(spec) for spec in signature.outputs],
    )

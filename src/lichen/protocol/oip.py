"""Open Inference Protocol v2: requests and responses as JSON messages. No NumPy here."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec

EXTENSIONS: tuple[str, ...] = ()
"""Extensions of the protocol that the server advertises."""

Parameters = dict[str, Any]


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
    data: list[Any]


class InferResponse(Struct, gc=False):
    """The body of an answer, as a client reads it."""

    model_name: str
    outputs: list[OutputTensor]
    model_version: str | None = None
    id: str | None = None


class TensorMetadata(Struct, omit_defaults=True):
    """One input or output in a model's metadata; `parameters` is ours: unit, optional."""

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: Parameters | None = None


class ModelMetadata(Struct):
    """The answer of `GET /v2/models/{name}`."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(Struct):
    """The answer of `GET /v2`."""

    name: str
    version: str
    extensions: list[str]


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


def error_body(sentence: str) -> bytes:
    """The JSON body that carries one sentence."""
    return _ERROR.encode(ErrorBody(sentence))


def metadata(spec: TensorSpec) -> TensorMetadata:
    """A tensor of a signature as metadata shows it."""
    said = {"unit": spec.unit, "description": spec.description, "optional": spec.optional or None}
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

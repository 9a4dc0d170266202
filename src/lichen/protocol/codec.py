"""Tensors <-> JSON bodies of the Open Inference Protocol, by arrays."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import simdjson

from lichen.core.batch import DATATYPE_OF_NUMPY, Array
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.protocol.classification import Classes, class_count
from lichen.protocol.demands import NO_DEMANDS, Demands, demands_of
from lichen.protocol.envelopes import Asked, Envelopes
from lichen.protocol.numbers import Mismatch, read_buffer, read_values
from lichen.protocol.oip import (
    BinaryOutputs,
    InferRequest,
    InputTensor,
    RequestedOutput,
    binary_outputs,
    read_request,
    refuse_shared_memory,
)

LONG_BODY_BYTES = 2048
"""From this length on, a parse without a Python object per number is cheaper."""
_EXPLAINED_BYTES = 4 * 2**20
_MANY_BRACKETS = 100
_STEP_VALUES = 16 * 2**10

_json = msgspec.json.Encoder().encode
_ENVELOPES = Envelopes()
"""One for all connections: clients of one kind write alike."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What a request asks: tensors by name, outputs (None: all), which in bytes or classes, how."""

    tensors: dict[str, Array]
    id: str | None = None
    outputs: tuple[str, ...] | None = None
    binary: BinaryOutputs | None = None
    demands: Demands = NO_DEMANDS
    classes: Classes | None = None


def decode(body: bytes) -> Decoded:
    """Read an inference request in JSON, whatever its Content-Type said.

    Raises:
        InvalidInput: it cannot be read; the message names the input and what to do.
    """
    familiar = _ENVELOPES.read(body)
    if familiar is not None:
        name, values, asked = familiar
        return Decoded(
            {name: values}, asked.id, asked.outputs, asked.binary, asked.demands, asked.classes
        )
    decoded = _decode_long(body) if len(body) >= LONG_BODY_BYTES else None
    if decoded is None:
        decoded = _decode_any(body)
    if len(decoded.tensors) == 1:
        asked = Asked(decoded.id, decoded.outputs, decoded.binary, decoded.demands, decoded.classes)
        _ENVELOPES.learn(body, next(iter(decoded.tensors)), asked)
    return decoded


def _decode_any(body: bytes) -> Decoded:
    try:
        request = read_request(body)
    except InvalidInput as error:
        raise _explained(body) or error from error
    tensors = {given.name: tensor_of(given) for given in request.inputs}
    return asked_of(request, tensors)


def asked_of(request: InferRequest, tensors: dict[str, Array]) -> Decoded:
    """What a request asks, once its tensors are read.

    Raises:
        InvalidInput: an input is given twice, or a parameter is not understood.
    """
    if len(tensors) != len(request.inputs):
        raise InvalidInput("an input is given twice: name each input once")
    asked = request.outputs
    if not asked and not request.parameters:
        return Decoded(tensors, request.id)
    names = tuple(output.name for output in asked) if asked else None
    demands, classes = demands_of(request.parameters), classes_of(asked or ())
    return Decoded(tensors, request.id, names, binary_outputs(request), demands, classes)


def classes_of(asked: Iterable[RequestedOutput]) -> Classes | None:
    """Which of the requested outputs shall be classes, and how many; None when none shall.

    Raises:
        InvalidInput: a number of classes is none, or an output shall lie in shared memory.
    """
    found = {}
    for output in asked:
        if output.parameters:
            refuse_shared_memory(output.parameters, f"output {output.name!r}")
            count = class_count(output.parameters, output.name)
            if count is not None:
                found[output.name] = count
    return found or None


def tensor_of(given: InputTensor) -> Array:
    """The values of one input whose data is JSON.

    Raises:
        InvalidInput: they do not fit; the message names the input.
    """
    try:
        return read_values(given.data, given.datatype, given.shape)
    except Mismatch as error:
        refuse_shared_memory(given.parameters, f"input {given.name!r}")
        missing = given.parameters and "binary_data_size" in given.parameters
        hint = ": its bytes need the header Inference-Header-Content-Length" if missing else ""
        raise InvalidInput(f"input {given.name!r} {error}{hint}") from error


def _decode_long(body: bytes) -> Decoded | None:
    """The same for a long body of plain numbers; None where it is anything else or wrong."""
    try:
        document: Any = simdjson.Parser().parse(body)
        envelope = _without(document, "inputs")
        request = msgspec.convert({**envelope, "inputs": []}, InferRequest)
        tensors: dict[str, Array] = {}
        allowed_brackets = 1 + ("outputs" in envelope)
        for given in document["inputs"]:
            tensor = msgspec.convert(_without(given, "data"), InputTensor)
            read = read_buffer(given["data"], tensor.datatype, tensor.shape)
            if read is None:
                return None
            request.inputs.append(tensor)
            tensors[tensor.name], data_brackets = read
            allowed_brackets += 1 + data_brackets
    except (
        Mismatch,
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        AttributeError,
        RuntimeError,
    ):
        return None  # among them lists where objects should be, whose items are numbers
    if not _has_brackets(body, allowed_brackets):
        return None
    return asked_of(request, tensors)


def _has_brackets(body: bytes, expected: int) -> bool:
    """Does the body hold just so many `[`? `find` scans 8 times faster than `count`."""
    if expected > _MANY_BRACKETS:
        return body.count(b"[") == expected
    position = -1
    for _ in range(expected):
        position = body.find(b"[", position + 1)
        if position < 0:
            return False
    return body.find(b"[", position + 1) < 0


def _without(given: simdjson.Object, left_out: str) -> dict[str, Any]:
    """The object but for one long field; `items()` would make that one's values too."""
    return {key: _plain(given[key]) for key in given if key != left_out}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, simdjson.Array):
        return value.as_list()
    return value.as_dict() if isinstance(value, simdjson.Object) else value


def _explained(body: bytes) -> InvalidInput | None:
    """A better sentence for bodies with NaN or Infinity, which some clients write as JSON."""
    if len(body) > _EXPLAINED_BYTES or not (b"NaN" in body or b"Infinity" in body):
        return None
    try:
        for given in json.loads(body)["inputs"]:
            found = first_not_finite(np.asarray(given["data"], dtype=np.float64))
            if found is not None:
                return InvalidInput(f"input {given['name']!r} {found}")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return None


def first_not_finite(values: Array) -> str | None:
    """Where the first NaN or infinity stands, as a clause; None when there is none."""
    wrong = np.argwhere(~np.isfinite(values))
    if not len(wrong):
        return None
    position = [int(axis) for axis in wrong[0]]
    value = values[tuple(position)]
    name = "NaN" if np.isnan(value) else "infinity"
    return f"holds {name} at position {position}: a model takes finite numbers only"


def encode(head: bytes, outputs: Mapping[str, Array], request_id: str | None) -> bytes:
    """The JSON body of an answer.

    Args:
        head: what `answer_head` made, once for each model and version.
        outputs: arrays by name.
        request_id: echoed when the request had one.

    Raises:
        WorkFailed: an output holds NaN or infinity, which JSON has no word for.
    """
    parts = [head]
    if request_id is not None:
        parts.append(b'"id":%b,' % _json(request_id))
    parts.append(b'"outputs":[')
    parts.append(b",".join([json_output(name, values) for name, values in outputs.items()]))
    parts.append(b"]}")
    return b"".join(parts)


def json_output(name: str, values: Array) -> bytes:
    """One output of an answer, in JSON.

    Raises:
        WorkFailed: it holds NaN, infinity or bytes that are no text, which JSON has no word for.
    """
    try:
        data = _json_list(values)
    except UnicodeDecodeError as error:
        raise WorkFailed(
            f"output {name!r} holds bytes that are no UTF-8 text: ask for it as binary data"
        ) from error
    if values.dtype.kind == "f" and b"null" in data:
        raise WorkFailed(f"output {name!r} of the model {first_not_finite(values)}")
    return b"%b%b}" % (_output_head(name, values.dtype, values.shape), data)


@lru_cache(maxsize=4096)
def _output_head(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    return b'{"name":%b,"datatype":"%b","shape":%b,"data":' % (
        _json(name),
        _DATATYPE_NAME[dtype.char],
        _json(shape),
    )


def answer_head(model: str, version: str) -> bytes:
    """The beginning of every answer of one model and version."""
    return b'{"model_name":%b,"model_version":%b,' % (_json(model), _json(version))


_DATATYPE_NAME = {dtype.char: name.value.encode() for dtype, name in DATATYPE_OF_NUMPY.items()}
_DATATYPE_NAME |= {  # long and long long are one and the same here, under two letters
    np.dtype(one).char: _DATATYPE_NAME[np.dtype(other).char]
    for one, other in ((np.longlong, np.int64), (np.ulonglong, np.uint64))
}


def _json_list(values: Array) -> bytes:
    """The values flat, a step at a time when they are many: no call is long, no list is large."""
    if values.size <= _STEP_VALUES:
        return _json(_listed(values.ravel() if values.ndim != 1 else values))
    flat = values.ravel()
    steps = range(0, flat.size, _STEP_VALUES)
    return b"[%b]" % b",".join([_json(_listed(flat[at : at + _STEP_VALUES]))[1:-1] for at in steps])


def _listed(values: Array) -> list[Any]:
    flat: list[Any] = values.tolist()
    if values.dtype.kind == "O":
        return [text if isinstance(text, str) else bytes(text).decode() for text in flat]
    return flat

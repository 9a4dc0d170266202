"""Open Inference Protocol over gRPC: `inference.GRPCInferenceService` and what stands beside it.

This file and what it imports load `grpc`, which takes longer than all else of the data plane: it
is imported once the HTTP door answers.
"""

from collections.abc import Awaitable, Callable, Mapping

import grpc  # type: ignore[import-untyped]

from lichen.api.callers import Callers
from lichen.api.grpc_calls import (
    Call,
    Context,
    Handler,
    Reception,
    Traffic,
    streaming,
    unary,
)
from lichen.api.grpc_extensions import Behind, Extensions, readable
from lichen.api.grpc_inference import Inference
from lichen.api.grpc_standards import Health, reflection_handlers
from lichen.api.oip_http import PLATFORM, Door
from lichen.core.errors import NotFound, Unavailable
from lichen.protocol.grpc_codec import read_message
from lichen.protocol.grpc_messages import SERVICE, Message, request_class, response_class
from lichen.protocol.oip import EXTENSIONS

_Acts = Callable[[Message, Message, Call], Awaitable[None]]
"""Fills in the answer (second) to a request (first)."""


class Service:
    """The methods of the protocol itself that answer from what is known."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def server_metadata(self, _: Message, answer: Message, __: Call) -> None:
        """`ServerMetadata`."""
        answer.name, answer.version = "lichen", self._door.version
        answer.extensions.extend(EXTENSIONS)

    async def model_ready(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelReady`: false, as Triton answers, for what is not there as well."""
        try:
            readable(self._door, asked, call)
        except (NotFound, Unavailable):
            answer.ready = False
        else:
            answer.ready = True

    async def model_metadata(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelMetadata`."""
        served = readable(self._door, asked, call)
        answer.name, answer.platform = served.deployment.name, PLATFORM
        answer.versions.append(str(served.deployment.version))
        for spec in served.signature.inputs:
            answer.inputs.add(name=spec.name, datatype=spec.datatype.value, shape=spec.shape)
        for spec in served.signature.outputs:
            answer.outputs.add(name=spec.name, datatype=spec.datatype.value, shape=spec.shape)


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    """All that this server answers, by path; nobody learns without a key what there is not."""

    def __init__(self, door: Door, behind: Behind, health: Health, traffic: Traffic) -> None:
        reception, service = Reception(Callers(door), traffic), Service(door)
        inference, extensions = Inference(door, traffic), Extensions(door, behind)
        answered: Mapping[str, _Acts] = {
            "ServerMetadata": service.server_metadata,
            "ModelReady": service.model_ready,
            "ModelMetadata": service.model_metadata,
            "ModelConfig": extensions.configuration,
            "ModelStatistics": extensions.statistics,
            "RepositoryIndex": extensions.index,
            "RepositoryModelLoad": extensions.load,
            "RepositoryModelUnload": extensions.unload,
            "TraceSetting": extensions.trace,
        }
        self._unknown = streaming(reception, _unknown)
        self._known = {
            **health.handlers(),
            **reflection_handlers(reception),
            **{_path(name): _filling(reception, name, act) for name, act in answered.items()},
            _path("ServerLive"): _open("ServerLive", "live", lambda: True),
            _path("ServerReady"): _open("ServerReady", "ready", door.is_ready),
            _path("ModelInfer"): unary(reception, inference.infer),
            _path("ModelStreamInfer"): streaming(reception, inference.stream),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """The handler of a call."""
        return self._known.get(handler_call_details.method, self._unknown)


def _path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def _filling(reception: Reception, method: str, act: _Acts) -> Handler:
    request, response = request_class(method), response_class(method)

    async def answer(body: bytes, call: Call) -> bytes:
        filled = response()
        await act(read_message(body, request), filled, call)
        return bytes(filled.SerializeToString())

    return unary(reception, answer)


def _open(method: str, field: str, says: Callable[[], bool]) -> Handler:
    """A method of health: open to all."""
    response = response_class(method)

    async def answer(_: bytes, __: Context) -> bytes:
        return bytes(response(**{field: says()}).SerializeToString())

    return grpc.unary_unary_rpc_method_handler(answer)


async def _unknown(call: Call) -> None:
    await call.context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        "there is no such method here: reflection lists those there are",
    )

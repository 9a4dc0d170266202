"""Open Inference Protocol over gRPC: `inference.GRPCInferenceService` and what stands beside it.

This file and what it imports load `grpc`, which takes longer than all else of the data plane: it
is imported once the HTTP door answers.
"""

from collections.abc import Awaitable, Callable, Mapping

import grpc  # type: ignore[import-untyped]

from lichen.api.gate import Gate
from lichen.api.grpc_calls import Call, Context, Handler, streaming, unary
from lichen.api.grpc_inference import Inference
from lichen.api.grpc_standards import Health, reflection_handlers
from lichen.api.oip_http import PLATFORM, Door
from lichen.api.repository_calls import RepositoryCalls
from lichen.core.errors import InvalidInput, NotFound, Unavailable
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.grpc_codec import read_message
from lichen.protocol.grpc_messages import SERVICE, Message, request_class, response_class
from lichen.protocol.oip import EXTENSIONS
from lichen.security.policy import Action, Kind
from lichen.serving.repository import Repository
from lichen.serving.selector import Served

_Acts = Callable[[Message, Message, Call], Awaitable[None]]
"""Fills in the answer (second) to a request (first)."""


class Service:
    """The methods of the protocol that answer from what is known, and those of the repository."""

    def __init__(self, door: Door, repository: Repository) -> None:
        self._door = door
        self._repository = RepositoryCalls(door.gate, repository)

    async def server_metadata(self, _: Message, answer: Message, __: Call) -> None:
        """`ServerMetadata`."""
        answer.name, answer.version = "lichen", self._door.version
        answer.extensions.extend(EXTENSIONS)

    async def model_ready(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelReady`: false, as Triton answers, for what is not there as well."""
        try:
            self._readable(asked, call)
        except (NotFound, Unavailable):
            answer.ready = False
        else:
            answer.ready = True

    async def model_metadata(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelMetadata`."""
        served = self._readable(asked, call)
        answer.name, answer.platform = served.deployment.name, PLATFORM
        answer.versions.append(str(served.deployment.version))
        for told, specs in _sides(answer.inputs, answer.outputs, served.signature):
            for spec in specs:
                told.add(name=spec.name, datatype=spec.datatype.value, shape=spec.shape)

    async def model_config(self, asked: Message, answer: Message, call: Call) -> None:
        """`ModelConfig`, as far as a client needs it to make requests: no row limit, so size 0."""
        served = self._readable(asked, call)
        config = answer.config
        config.name, config.platform = served.deployment.name, PLATFORM
        for told, specs in _sides(config.input, config.output, served.signature):
            for spec in specs:
                told.add(name=spec.name, data_type=_config_type(spec.datatype), dims=spec.shape)
        for told, spec in zip(config.input, served.signature.inputs, strict=True):
            told.optional = spec.optional

    async def index(self, asked: Message, answer: Message, call: Call) -> None:
        """`RepositoryIndex`."""
        for one in await self._repository.index(call.principal, ready=asked.ready):
            answer.models.add(
                name=one.name, version=one.version, state=one.state, reason=one.reason
            )

    async def load(self, asked: Message, answer: Message, call: Call) -> None:
        """`RepositoryModelLoad`."""
        name = _named(asked)
        await self._repository.load(call.principal, name, list(asked.parameters))
        answer.model_name, answer.isLoaded = name, True

    async def unload(self, asked: Message, answer: Message, call: Call) -> None:
        """`RepositoryModelUnload`."""
        name = _named(asked)
        await self._repository.unload(call.principal, name)
        answer.model_name, answer.isUnloaded = name, True

    def _readable(self, asked: Message, call: Call) -> Served:
        served = self._door.plane.find(asked.name, asked.version or None)
        tenant = served.deployment.tenant
        self._door.gate.admit(call.principal, Action.READ, Kind.DEPLOYMENT, tenant)
        return served


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    """All that this server answers, by path; nobody learns without a key what there is not."""

    def __init__(self, door: Door, repository: Repository, health: Health) -> None:
        gate, service, inference = door.gate, Service(door, repository), Inference(door)
        answered: Mapping[str, _Acts] = {
            "ServerMetadata": service.server_metadata,
            "ModelReady": service.model_ready,
            "ModelMetadata": service.model_metadata,
            "ModelConfig": service.model_config,
            "RepositoryIndex": service.index,
            "RepositoryModelLoad": service.load,
            "RepositoryModelUnload": service.unload,
        }
        self._unknown = streaming(gate, _unknown)
        self._known = {
            **health.handlers(),
            **reflection_handlers(gate),
            **{_path(name): _filling(gate, name, act) for name, act in answered.items()},
            _path("ServerLive"): _open("ServerLive", "live", lambda: True),
            _path("ServerReady"): _open("ServerReady", "ready", door.is_ready),
            _path("ModelInfer"): unary(gate, inference.infer),
            _path("ModelStreamInfer"): streaming(gate, inference.stream),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """The handler of a call."""
        return self._known.get(handler_call_details.method, self._unknown)


def _path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def _filling(gate: Gate, method: str, act: _Acts) -> Handler:
    request, response = request_class(method), response_class(method)

    async def answer(body: bytes, call: Call) -> bytes:
        filled = response()
        await act(read_message(body, request), filled, call)
        return bytes(filled.SerializeToString())

    return unary(gate, answer)


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


def _sides(
    inputs: Message, outputs: Message, signature: Signature
) -> tuple[tuple[Message, tuple[TensorSpec, ...]], ...]:
    return (inputs, signature.inputs), (outputs, signature.outputs)


def _config_type(datatype: Datatype) -> str:
    return "TYPE_STRING" if datatype is Datatype.BYTES else f"TYPE_{datatype}"


def _named(asked: Message) -> str:
    """The deployment; KServe's stubs write its name where Triton's write the repository's."""
    name = str(asked.model_name or asked.repository_name)
    if not name:
        raise InvalidInput("the request names no model: write the deployment's name in model_name")
    return name

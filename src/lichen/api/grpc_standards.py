"""What every gRPC server should answer: health checking, and reflection of what it speaks."""

from collections.abc import AsyncIterator, Mapping

import grpc  # type: ignore[import-untyped]
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]

from lichen.api.grpc_calls import Call, Handler, Reception, streaming
from lichen.protocol.grpc_codec import read_message
from lichen.protocol.grpc_messages import POOL, SERVICE, Message

_REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
"""The younger name of the same messages, which newer tools ask for first."""


class Health:
    """`grpc.health.v1.Health`, open to all: the platform, and its one service."""

    def __init__(self) -> None:
        self._servicer = health.aio.HealthServicer()

    async def begin(self) -> None:
        """Say that all is well."""
        await self._servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)

    async def end(self) -> None:
        """Say to all who ask or watch that this process stops."""
        await self._servicer.enter_graceful_shutdown()

    def handlers(self) -> Mapping[str, Handler]:
        """The handlers of its methods, by path."""
        coded = {
            "request_deserializer": health_pb2.HealthCheckRequest.FromString,
            "response_serializer": health_pb2.HealthCheckResponse.SerializeToString,
        }
        return {
            f"/{health.SERVICE_NAME}/Check": grpc.unary_unary_rpc_method_handler(
                self._servicer.Check, **coded
            ),
            f"/{health.SERVICE_NAME}/Watch": grpc.unary_stream_rpc_method_handler(
                self._servicer.Watch, **coded
            ),
        }


def reflection_handlers(reception: Reception) -> Mapping[str, Handler]:
    """Reflection of all that this server speaks, for callers with a key."""
    for module in (health_pb2, reflection_pb2):
        POOL.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(names, pool=POOL)

    async def asked(call: Call) -> AsyncIterator[Message]:
        while (body := await call.context.read()) is not grpc.aio.EOF:
            yield read_message(body, reflection_pb2.ServerReflectionRequest)

    async def reflect(call: Call) -> None:
        async for answer in servicer.ServerReflectionInfo(asked(call), call.context):
            await call.context.write(answer.SerializeToString())

    handler = streaming(reception, reflect)
    return {
        f"/{name}/ServerReflectionInfo": handler
        for name in (reflection.SERVICE_NAME, _REFLECTION_V1)
    }

"""The gRPC server of one process: its port, its limits, its end."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped]
from grpc import aio

from lichen.api.grpc_calls import Traffic
from lichen.api.grpc_extensions import Behind
from lichen.api.grpc_standards import Health
from lichen.api.oip_grpc import Handlers
from lichen.api.oip_http import Door
from lichen.core.errors import Unavailable

_LAST_ANSWERS_SECONDS = 0.25
"""How long the last answers have to get on their way."""
_IDLE_MS = 600_000
_PING_MS, _PING_ANSWER_MS = 60_000, 20_000
_LEAST_PING_MS = 5_000
_STREAMS_OF_CONNECTION = 1024


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the port shows and whom it lets in, in PEM form."""

    chain: bytes
    key: bytes
    client_ca: bytes | None

    def credentials(self) -> Any:  # noqa: ANN401 - grpc has no types
        """The same for gRPC, which speaks TLS 1.2 and newer."""
        return grpc.ssl_server_credentials(
            [(self.key, self.chain)], self.client_ca, self.client_ca is not None
        )


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens; with TLS where there are certificates."""

    host: str
    port: int
    certificates: Certificates | None

    @property
    def target(self) -> str:
        """As gRPC writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class GrpcServer:
    """Answers at a door from `start` to `stop`, on the running loop."""

    def __init__(self, door: Door, behind: Behind) -> None:
        self._health = Health()
        self._traffic = Traffic()
        handlers = Handlers(door, behind, self._health, self._traffic)
        self._server = aio.server(handlers=(handlers,), options=_options(door))

    async def start(self, listening: Listening) -> int:
        """Listen, on a port that other processes of this user may share; the port.

        Raises:
            Unavailable: the port cannot be had.
        """
        try:
            if listening.certificates is None:
                port = self._server.add_insecure_port(listening.target)
            else:
                credentials = listening.certificates.credentials()
                port = self._server.add_secure_port(listening.target, credentials)
        except RuntimeError as error:
            raise Unavailable(
                f"the gRPC door cannot listen on {listening.target}: stop the program that has "
                "this port, or choose another with --grpc"
            ) from error
        await self._health.begin()
        await self._server.start()
        return int(port)

    async def stop(self, drain_seconds: float) -> None:
        """Take nothing new, answer what is in flight for so long, end.

        Streams that wait for their next request, and who watches health, do not hold it up.
        """
        await self._health.end()
        stopping = asyncio.create_task(self._server.stop(drain_seconds))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._traffic.until_none(), drain_seconds)
        await self._server.stop(min(drain_seconds, _LAST_ANSWERS_SECONDS))
        await stopping


def _options(door: Door) -> list[tuple[str, int]]:
    limits = door.limits
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", limits.head),
        ("grpc.absolute_max_metadata_size", limits.head),
        ("grpc.max_concurrent_streams", _STREAMS_OF_CONNECTION),
        ("grpc.server_handshake_timeout_ms", round(limits.stuck_seconds * 1000)),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.keepalive_time_ms", _PING_MS),
        ("grpc.keepalive_timeout_ms", _PING_ANSWER_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_MS),
        ("grpc.keepalive_permit_without_calls", 1),
    ]

"""The gRPC door of a data plane process: loaded late, so that HTTP answers as soon as it can."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from socket import socket
from typing import Any

from lichen.api.oip_http import Door
from lichen.api.telemetry_calls import TelemetryCalls
from lichen.server.tls import Tls
from lichen.serving.loader import settle_memory
from lichen.serving.repository import Repository

_LATE = "lichen.api.grpc_server"
"""Named here and not imported: it brings `grpc` with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """The port that the supervisor holds for the data plane processes of its platform.

    gRPC cannot be handed a listening socket: each process listens on the port by itself.
    """

    held: socket
    tls: Tls | None
    drain_seconds: float
    batch_rows: int


class GrpcDoor:
    """Opens when told to, closes when the process drains."""

    def __init__(
        self, door: Door, repository: Repository, telemetry: TelemetryCalls, place: Place
    ) -> None:
        self._door = door
        self._repository = repository
        self._telemetry = telemetry
        self._place = place
        self._stop_asked = asyncio.Event()

    def drain(self) -> None:
        """Take nothing new, answer what is in flight, end."""
        self._stop_asked.set()

    async def answer(self, on_listening: Callable[[], None]) -> None:
        """Load gRPC beside the running loop, listen, and answer until `drain`.

        Raises:
            Unavailable: the port cannot be had.
        """
        late: Any = await asyncio.to_thread(import_module, _LATE)
        behind = late.Behind(self._repository, self._telemetry, self._place.batch_rows)
        server = late.GrpcServer(self._door, behind)
        host, port = self._place.held.getsockname()[:2]
        await server.start(late.Listening(host, port, self._certificates(late)))
        settle_memory()
        on_listening()
        await self._stop_asked.wait()
        await server.stop(self._place.drain_seconds)

    def _certificates(self, late: Any) -> Any:  # noqa: ANN401 - a module that is loaded late
        tls = self._place.tls
        if tls is None:
            return None
        client_ca = None if tls.client_ca is None else tls.client_ca.read_bytes()
        return late.Certificates(tls.certificate.read_bytes(), tls.key.read_bytes(), client_ca)

"""The two doors of a data plane process: HTTP first, gRPC beside it, and both drain together."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from socket import socket

from lichen.server.asgi import InheritedServer
from lichen.server.grpc_door import GrpcDoor

FIRST_LOOK_SECONDS = 3.0
"""How long a restarted data plane lets callers wait in the backlog until its models are loaded."""


class Doors:
    """Open when all that is deployed was `looked` at, until SIGTERM or SIGINT."""

    def __init__(self, http: InheritedServer, grpc: GrpcDoor | None, looked: asyncio.Event) -> None:
        self._http = http
        self._grpc = grpc
        self._looked = looked

    async def answer(self, listening: socket, announce_ready: Callable[[], None]) -> None:
        """Answer on the socket until told to stop; `announce_ready` is called when both doors do.

        Raises:
            Unavailable: the gRPC door cannot listen; HTTP is drained then.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._drain)
        beside = asyncio.create_task(self._answer_beside(announce_ready))
        try:
            with suppress(TimeoutError):  # the socket holds what comes meanwhile
                await asyncio.wait_for(self._looked.wait(), FIRST_LOOK_SECONDS)
            await self._http.serve([listening])
            if self._looked.is_set():
                await beside
        finally:
            beside.cancel()

    async def _answer_beside(self, announce_ready: Callable[[], None]) -> None:
        await self._looked.wait()
        if self._grpc is None:
            announce_ready()
            return
        try:
            await self._grpc.answer(announce_ready)
        finally:
            self._http.drain()  # neither stays open alone

    def _drain(self) -> None:
        self._http.drain()
        if self._grpc is not None:
            self._grpc.drain()

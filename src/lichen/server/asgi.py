"""An ASGI application on a socket that the supervisor bound, stopped by our own signals."""

import asyncio
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket

import uvicorn
import uvloop
from starlette.types import ASGIApp

from lichen.api.admin_lane import AdminProtocol


class InheritedServer(uvicorn.Server):
    """uvicorn's server, which leaves signals to the loop and tells when it listens."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the loop."""
        yield

    def drain(self) -> None:
        """Take nothing new, answer what is in flight, end."""
        self.should_exit = True

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._on_listening()


def encrypted(config: uvicorn.Config, context: ssl.SSLContext | None) -> uvicorn.Config:
    """The configuration with TLS of ours on every connection; without a context as it was."""
    if context is not None:
        config.ssl_context_factory = lambda _config, _default: context
    return config


def answer(
    app: ASGIApp,
    listening: socket,
    on_listening: Callable[[], None],
    drain_seconds: float,
    context: ssl.SSLContext | None = None,
) -> None:
    """Answer until SIGTERM or SIGINT, then drain; over TLS when there is a context for it."""
    config = uvicorn.Config(
        app,
        http=AdminProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
    )
    server = InheritedServer(encrypted(config, context), on_listening)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(server, listening))


async def _serve(server: InheritedServer, listening: socket) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.drain)
    await server.serve([listening])

"""Accepting connections: as many as allowed, each process in its turn, handshakes counted too."""

import asyncio
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from lichen.server.asgi import InheritedServer
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.tls import tls_of
from lichen.server.turns import Turns

KEPT_FOR_OTHERS = 256
"""Descriptors that connections leave to models, the store and the logs."""
LINGER_SECONDS = 1.0
MOST_LINGERING = 128
_STEP_BACK_SECONDS = 0.005
"""How long a process waits for a sibling with fewer connections to take the next one."""
_EXHAUSTED_SECONDS = 0.1
_ACCEPTED_AT_ONCE = 4
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_SENTENCE = b'{"error":"this server has as many connections as it takes: try again in a moment"}'
_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_SENTENCE), _SENTENCE)
)

_log = logging.getLogger(__name__)
Factory = Callable[[], asyncio.BaseProtocol]


@dataclass(frozen=True, slots=True)
class Entrance:
    """How connections come in: over TLS or not, at most so many, in turn with siblings."""

    context: ssl.SSLContext | None
    most: int
    handshake_seconds: float
    turns: Turns | None = None


def entrance_of(settings: Settings, slot: int) -> Entrance:
    """How connections come in to process `slot` of the data plane.

    Raises:
        InvalidInput: the files of TLS are not usable.
        StorageFailed: the home cannot be written.
    """
    tls, processes = tls_of(settings.security), settings.operation.dataplane_processes
    turns = Turns(Home(settings.home).turns, slot, processes) if processes > 1 else None
    context = None if tls is None else tls.context()
    most = raise_file_limit(settings.limits.connections)
    return Entrance(context, most, settings.limits.header_seconds, turns)


def raise_file_limit(wanted: int) -> int:
    """Let this process open more files, as far as it may; how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - KEPT_FOR_OTHERS)
    if soft != resource.RLIM_INFINITY and soft < wanted + KEPT_FOR_OTHERS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + KEPT_FOR_OTHERS, hard))
    return max(1, wanted)


class Acceptor:
    """Takes connections from one listening socket; stands where uvicorn keeps an asyncio server."""

    def __init__(self, listening: socket.socket, factory: Factory, entrance: Entrance) -> None:
        listening.settimeout(0)
        self._listening = listening
        self._factory = factory
        self._entrance = entrance
        self._loop = asyncio.get_running_loop()
        self._shaking: set[asyncio.Task[object]] = set()
        self._lingering: set[socket.socket] = set()
        self._open = self._pending = 0
        self._least_then: int | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(listening, self._come)

    def count(self, connections: int) -> None:
        """Told by whoever keeps the connections, whenever one comes or goes."""
        self._pending -= max(0, connections - self._open)  # it came through, and is counted once
        self._open = connections
        self._tell()

    def close(self) -> None:
        """Take nothing new; who is not through the handshake yet is cut off."""
        if self._pause is not None:
            self._pause.cancel()
        else:
            self._loop.remove_reader(self._listening)
        for task in self._shaking:
            task.cancel()
        for refused in self._lingering:
            refused.close()

    async def wait_closed(self) -> None:
        """Wait until nothing of it is left."""
        await asyncio.gather(*self._shaking, return_exceptions=True)

    @property
    def _number(self) -> int:
        return self._open + self._pending

    def _tell(self) -> None:
        if self._entrance.turns is not None:
            self._entrance.turns.have(self._number)

    def _come(self) -> None:
        """Somebody knocks: a sibling with fewer connections goes first."""
        least = self._least()
        if least is not None and least < self._number:
            self._least_then = least
            self._step_back(_STEP_BACK_SECONDS)
        else:
            self._accept()

    def _least(self) -> int | None:
        turns = self._entrance.turns
        return None if turns is None else turns.least_of_others()

    def _step_back(self, seconds: float) -> None:
        if self._pause is None:
            self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(seconds, self._come_again)

    def _come_again(self) -> None:
        """It had its time: take what is still there, unless it is at work taking them."""
        least = self._least()
        if least is not None and least < self._number and least != self._least_then:
            self._least_then = least
            self._step_back(_STEP_BACK_SECONDS)
            return
        self._pause = None
        self._loop.add_reader(self._listening, self._come)
        for _ in range(_ACCEPTED_AT_ONCE):
            if not self._accept():
                return

    def _accept(self) -> bool:
        try:
            accepted, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            _log.error("no connection can be taken now: %s", error.strerror)
            self._step_back(_EXHAUSTED_SECONDS)
            return False
        accepted.settimeout(0)
        if self._number >= self._entrance.most:
            self._refuse(accepted)
        else:
            self._take(accepted)
        return True

    def _take(self, accepted: socket.socket) -> None:
        task: asyncio.Task[object] = self._loop.create_task(self._shake_hands(accepted))
        self._shaking.add(task)
        task.add_done_callback(self._shaking.discard)
        self._pending += 1
        self._tell()

    def _failed(self, accepted: socket.socket) -> None:
        accepted.close()
        self._pending -= 1
        self._tell()

    async def _shake_hands(self, accepted: socket.socket) -> None:
        context, seconds = self._entrance.context, self._entrance.handshake_seconds
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._factory,
                accepted,
                ssl=context,
                ssl_handshake_timeout=None if context is None else seconds,
            )
        except OSError as error:  # an SSLError is one, and a handshake that takes too long
            _log.debug("a connection did not come about: %s", error)
            self._failed(accepted)
        except asyncio.CancelledError:
            self._failed(accepted)
            raise

    def _refuse(self, accepted: socket.socket) -> None:
        """Say that there are too many, where that can be said, and close a moment later.

        A close with the request unread would tear the answer down before the caller reads it.
        """
        if self._entrance.context is not None or len(self._lingering) >= MOST_LINGERING:
            accepted.close()
            return
        try:
            accepted.send(_TOO_MANY)
            accepted.shutdown(socket.SHUT_WR)
        except OSError:
            accepted.close()
            return
        self._lingering.add(accepted)
        self._loop.call_later(LINGER_SECONDS, self._let_go, accepted)

    def _let_go(self, refused: socket.socket) -> None:
        self._lingering.discard(refused)
        refused.close()


class _Counted(set[asyncio.Protocol]):
    """The connections that uvicorn keeps, which tells their number."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        super().__init__()
        self._tell_number = tell

    def add(self, element: asyncio.Protocol) -> None:
        super().add(element)
        self._tell_number(len(self))

    def discard(self, element: object) -> None:
        super().discard(element)
        self._tell_number(len(self))


class EntranceServer(InheritedServer):
    """uvicorn's server behind an entrance of ours."""

    def __init__(self, config: uvicorn.Config, entrance: Entrance) -> None:
        super().__init__(config, lambda: None)
        self._entrance = entrance

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await self.lifespan.startup()
        acceptors: list[Acceptor] = []
        protocol, state = self.config.http_protocol_class, self.server_state

        def tell(connections: int) -> None:
            for one in acceptors:
                one.count(connections)

        state.connections = _Counted(tell)  # type: ignore[assignment]

        def make() -> asyncio.BaseProtocol:
            return protocol(  # type: ignore[call-arg]
                config=self.config, server_state=state, app_state=self.lifespan.state
            )

        acceptors += [Acceptor(one, make, self._entrance) for one in sockets or []]
        self.servers = acceptors  # type: ignore[assignment]
        self.started = True

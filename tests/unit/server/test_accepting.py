"""Who takes a connection: the process with fewest, never more than allowed, never for long."""

import asyncio
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from lichen.server import accepting
from lichen.server.accepting import Acceptor, Entrance, raise_file_limit
from lichen.server.turns import Turns

PATIENCE_SECONDS = 60.0


class Greeting(asyncio.Protocol):
    """Says who took the connection."""

    def __init__(self, who: bytes, connections: set[asyncio.Protocol]) -> None:
        self._who, self._connections = who, connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connections.add(self)
        transport.write(self._who)

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self)


def opened(
    listening: socket.socket, who: bytes, most: int = 100, turns: Turns | None = None
) -> Acceptor:
    made: list[Acceptor] = []
    connections = accepting._Counted(lambda number: made[0].count(number))
    entrance = Entrance(None, most, 5.0, turns)
    made.append(Acceptor(listening, lambda: Greeting(who, connections), entrance))
    return made[0]


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def knock(listening: socket.socket) -> tuple[bytes, Line]:
    line = await asyncio.open_connection(*listening.getsockname())
    return await asyncio.wait_for(line[0].read(4096), PATIENCE_SECONDS), line


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not look():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)


async def gone(*lines: Line) -> None:
    for _, writer in lines:
        writer.close()
        await writer.wait_closed()


async def closed(*acceptors: Acceptor) -> None:
    """End them, once all their callers are gone."""
    for one in acceptors:
        await until(lambda one=one: one._number == 0)  # type: ignore[misc]
        one.close()
        await one.wait_closed()


@pytest.fixture
def shared(tmp_path: Path) -> Callable[[int], Turns]:
    return lambda slot: Turns(tmp_path / "turns", slot, 2)


def test_two_take_turns(shared: Callable[[int], Turns]) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            turns = shared(0), shared(1)
            own = listening, listening.dup()  # as each process has a descriptor of its own
            both = [opened(own[slot], b"%d" % slot, turns=turns[slot]) for slot in (0, 1)]
            said = [await knock(listening) for _ in range(10)]
            assert sorted(who for who, _ in said) == [b"0"] * 5 + [b"1"] * 5
            await gone(*(line for _, line in said))
            await closed(*both)
            own[1].close()
            assert [one.least_of_others() for one in turns] == [0, 0]

    uvloop.run(main())


def test_a_sibling_that_does_not_answer_is_waited_for_a_moment_only(
    shared: Callable[[int], Turns],
) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            shared(1).have(0)  # it is there, has none, and takes none
            alone = opened(listening, b"0", turns=shared(0))
            said = [await knock(listening) for _ in range(5)]
            assert [who for who, _ in said] == [b"0"] * 5
            await gone(*(line for _, line in said))
            await closed(alone)

    uvloop.run(main())


def test_one_too_many_is_told_so_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "LINGER_SECONDS", 0.01)

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            small = opened(listening, b"0", most=2)
            said = [await knock(listening) for _ in range(3)]
            assert [who for who, _ in said[:2]] == [b"0"] * 2
            assert said[2][0].startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in said[2][0]
            head, _, body = said[2][0].partition(b"\r\n\r\n")
            assert b"content-length: %d" % len(body) in head
            await gone(said[0][1])
            await until(lambda: small._number == 1)
            who, line = await knock(listening)
            assert who == b"0"
            await gone(line, said[1][1], said[2][1])
            await closed(small)

    uvloop.run(main())


def test_without_descriptors_it_waits_and_goes_on() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            acceptor = opened(listening, b"0")
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            client = socket.create_connection(listening.getsockname())
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                await asyncio.sleep(0.05)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            client.settimeout(0)
            assert (
                await asyncio.wait_for(
                    asyncio.get_running_loop().sock_recv(client, 10), PATIENCE_SECONDS
                )
                == b"0"
            )
            client.close()
            await closed(acceptor)

    uvloop.run(main())


def test_the_file_limit_bounds_the_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        assert raise_file_limit(100) == 100
        most = raise_file_limit(10**9)
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert most == raised - accepting.KEPT_FOR_OTHERS
        assert raised == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""One careful GET: what it refuses, and what it never says."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread

import pytest

from lichen.carbon.grids import web as web_module
from lichen.carbon.grids.replay import ReplayServer, Told
from lichen.carbon.grids.service import Throttled
from lichen.carbon.grids.web import Web
from lichen.core.errors import InvalidInput, Unavailable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer(lambda _: Told('{"a": 1}', date=NOW)) as replay:
        yield replay


def test_an_answer_is_a_json_object(server: ReplayServer) -> None:
    reply = Web(server.url + "/base/").get("/x", {"q": "a b"}, NOW, {"auth-token": "t"})
    assert reply.document() == {"a": 1}
    assert server.asked[0].path == "/base/x"
    assert server.asked[0].query == {"q": "a b"}


def test_nobody_there_is_told_without_the_query() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unavailable, match=r"^127\.0\.0\.1 does not answer: ") as told:
        Web(address).get("/api", {"securityToken": "hidden"}, NOW)
    assert "hidden" not in str(told.value)


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        web = Web(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.05)
        with pytest.raises(Unavailable, match="does not answer"):
            web.get("/", {}, NOW)


def test_an_answer_that_drips_is_cut_off() -> None:
    """Each byte comes in time, the whole never."""

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                connection.sendall(b"{")
                time.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=drip, args=(listening,))
        thread.start()
        web = Web(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout_s=0.5)
        with pytest.raises(Unavailable, match=r"did not end its answer in 0\.5 s"):
            web.get("/", {}, NOW)
        thread.join()


def test_json_that_is_no_object_is_refused(server: ReplayServer) -> None:
    server.answer = lambda _: Told("[1]", date=NOW)
    with pytest.raises(InvalidInput, match="no object"):
        Web(server.url).get("/", {}, NOW).document()


def test_an_endless_answer_is_not_read(
    server: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_module, "MOST_BYTES", 100)
    server.answer = lambda _: Told(b"x" * 1000, date=NOW)
    with pytest.raises(InvalidInput, match="more than 100 bytes"):
        Web(server.url).get("/", {}, NOW)


def test_a_token_that_is_no_header_is_not_shown(server: ReplayServer) -> None:
    with pytest.raises(InvalidInput, match="no header may") as told:
        Web(server.url).get("/", {}, NOW, {"auth-token": "secret\n"})
    assert "secret" not in str(told.value)
    assert told.value.__cause__ is None


def test_waiting_without_being_told_how_long(server: ReplayServer) -> None:
    server.answer = lambda _: Told("", 429, {"Retry-After": "soon"}, date=NOW)
    with pytest.raises(Throttled) as told:
        Web(server.url).get("/", {}, NOW)
    assert told.value.wait_s is None


@pytest.mark.parametrize("address", ["", "api.example.org", "file:///etc/passwd", "http://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="no address"):
        Web(address)

"""HTTP/1.1 as it may arrive: split, pipelined, oversized, malformed; both lanes in order."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Protocol

import pytest

BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
).encode()
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Platform(Protocol):
    key: str
    address: tuple[str, int]


@pytest.fixture
def wire(platform: Platform) -> Iterator[socket.socket]:
    with socket.create_connection(platform.address, timeout=60) as connection:
        yield connection


def infer(key: str, *headers: str, body: bytes = BODY, path: str = "") -> bytes:
    lines = [
        f"POST {path or '/v2/models/linear/infer'} HTTP/1.1",
        "Host: here",
        f"Authorization: Bearer {key}",
        *(headers or (f"Content-Length: {len(body)}",)),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def statuses(wire: socket.socket, count: int) -> list[int]:
    """The statuses of so many answers, in their order; fewer when the connection closes."""
    received = b""
    while len(STATUS.findall(received)) < count or not received.endswith(b"}"):
        part = wire.recv(65536)
        if not part:
            break
        received += part
    return [int(status) for status in STATUS.findall(received)]


def closed(wire: socket.socket) -> bool:
    try:
        while wire.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


def test_a_connection_is_kept_and_used_again(platform: Platform, wire: socket.socket) -> None:
    for _ in range(3):
        wire.sendall(infer(platform.key))
        assert statuses(wire, 1) == [200]


@pytest.mark.parametrize("step", [1, 7, 200])
def test_a_request_may_come_in_pieces(platform: Platform, wire: socket.socket, step: int) -> None:
    request = infer(platform.key)
    for start in range(0, len(request), step):
        wire.sendall(request[start : start + step])
    assert statuses(wire, 1) == [200]


def test_pipelined_requests_of_both_lanes_are_answered_in_order(
    platform: Platform, wire: socket.socket
) -> None:
    good, unknown = infer(platform.key), infer(platform.key, path="/v2/models/none/infer")
    ordinary = infer(platform.key, path="/v2/models/linear/infer?lane=ordinary")
    refused = infer("lk_none", body=b"{}")
    wire.sendall(good + unknown + ordinary + good + refused + good)
    assert statuses(wire, 6) == [200, 404, 200, 200, 401, 200]


def test_chunked_bodies_are_read(platform: Platform, wire: socket.socket) -> None:
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:50], BODY[50:])
    )
    request = infer(platform.key, "Transfer-Encoding: chunked", body=chunks + b"0\r\n\r\n")
    wire.sendall(request + request)
    assert statuses(wire, 2) == [200, 200]


def test_who_expects_is_told_to_continue(platform: Platform, wire: socket.socket) -> None:
    length = f"Content-Length: {len(BODY)}"
    wire.sendall(infer(platform.key, length, "Expect: 100-continue", body=b""))
    assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(BODY)
    assert statuses(wire, 1) == [200]


def test_who_expects_with_too_much_is_refused_at_once(
    platform: Platform, wire: socket.socket
) -> None:
    wire.sendall(infer(platform.key, "Content-Length: 9999999", "Expect: 100-continue", body=b""))
    assert statuses(wire, 1) == [413]
    assert closed(wire)


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"POST /v2/models/linear/infer HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (
            b"POST /v2/models/linear/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
            b"Content-Length: 5\r\n\r\n{}",
            400,
        ),
        (
            b"POST /v2/models/linear/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"NONSENSE\r\n\r\n", 400),
    ],
)
def test_heads_that_no_lane_takes(wire: socket.socket, request_head: bytes, status: int) -> None:
    wire.sendall(request_head)
    received = wire.recv(65536)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert list(json.loads(received.partition(b"\r\n\r\n")[2])) == ["error"]
    assert closed(wire)


def test_a_head_that_never_ends_is_cut_off(wire: socket.socket) -> None:
    wire.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n")
    sent = 0
    try:
        while sent < 4_000_000:
            sent += wire.send(b"X: " + b"y" * 1000 + b"\r\n")
    except ConnectionError:
        pass
    assert sent < 4_000_000


def test_http_1_0_is_answered_and_closed(platform: Platform, wire: socket.socket) -> None:
    wire.sendall(infer(platform.key).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert statuses(wire, 1) == [200]
    assert closed(wire)


def test_a_caller_who_leaves_does_not_disturb_others(
    platform: Platform, wire: socket.socket
) -> None:
    for _ in range(20):
        with socket.create_connection(platform.address, timeout=60) as leaving:
            leaving.sendall(infer(platform.key))
    wire.sendall(infer(platform.key))
    assert statuses(wire, 1) == [200]

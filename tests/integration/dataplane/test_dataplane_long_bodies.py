"""A body of 50 MB, and everybody else: who is answered while it is read."""

import socket
import threading
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from lichen.serving.deployment import Deployment

ROW = b"[0.12345678901234567, 0.2, 0.3, 0.4]"
ROWS = 50_000_000 // len(ROW)
MANY = 10
"""Answers that fit into the reading of the body, and not into what comes after it."""


class Platform(Protocol):
    url: str
    address: tuple[str, int]
    key: str
    infer: Callable[[str, object], httpx.Response]
    start: Callable[[], None]
    until: Callable[[Callable[[], bool]], None]
    register: Callable[[str], int]
    deploy: Callable[..., object]


def long_request(platform: Platform, *, packed: bool) -> bytes:
    head = b'{"parameters":{"binary_data_output":true},"inputs":[{"name":"features",'
    tensor = b'"shape":[%d,4],"datatype":"FP32","data":[' % ROWS
    rows = b",".join([ROW[1:-1] if packed else ROW] * ROWS)
    body = b"".join([head, tensor, rows, b"]}]}"])
    lines = [
        b"POST /v2/models/linear/infer HTTP/1.1",
        b"Host: here",
        b"Authorization: Bearer " + platform.key.encode(),
        b"Connection: close",
        b"Content-Length: %d" % len(body),
    ]
    return b"\r\n".join([*lines, b"", body])


def answered_meanwhile(platform: Platform, message: bytes) -> tuple[int, bytes]:
    """How many small requests got their answer between the long one's end and its answer."""
    sent, ended = threading.Event(), threading.Event()
    answer: list[bytes] = []

    def ask_at_length() -> None:
        with socket.create_connection(platform.address) as connection:
            connection.sendall(message)
            sent.set()
            answer.append(connection.recv(65536))
            ended.set()
            while connection.recv(2**20):
                pass

    other = threading.Thread(target=ask_at_length)
    small: dict[str, Any] = {"name": "features", "datatype": "FP32", "shape": [1, 4]}
    asked = {"inputs": [{**small, "data": [1, 2, 3, 4]}]}
    count = 0
    with httpx.Client(headers={"Authorization": f"Bearer {platform.key}"}, timeout=60) as client:
        other.start()
        sent.wait()
        while not ended.is_set():
            ours = client.post(f"{platform.url}/v2/models/linear/infer", json=asked)
            assert ours.status_code == 200
            count += not ended.is_set()
        other.join()
    return count, answer[0]


def test_others_are_answered_while_a_long_body_is_read(fresh: Platform) -> None:
    fresh.register("line")
    fresh.deploy(Deployment("linear", "line", 1), wait=False)
    fresh.start()
    fresh.until(lambda: fresh.infer("linear", [[1.0, 2.0, 3.0, 4.0]]).status_code == 200)
    for packed in (True, False):
        count, answer = answered_meanwhile(fresh, long_request(fresh, packed=packed))
        assert answer.startswith(b"HTTP/1.1 200 OK"), answer
        assert count >= MANY

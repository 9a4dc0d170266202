"""Callers that are slow, silent, many or gone: each costs only itself."""

import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from typing import Protocol

import httpx
import numpy as np
import pytest

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.sections import Settings
from lichen.serving.deployment import Deployment, Observed

ROW = [[1.0, 2.0, 3.0, 4.0]]
STUCK_SECONDS = 0.5
CONNECTIONS = 300
MOST_UNREAD_BYTES = 64 * 2**20
WIDE, WIDER, ROWS = 512, 2048, 128
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
ID = re.compile(rb'"id":"([^"]+)"')
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close() a reset."""


class Platform(Protocol):
    settings: Settings
    catalog: Catalog
    process: Popen[bytes]
    key: str
    url: str
    address: tuple[str, int]

    def start(self) -> None: ...
    def register(self, model: str, scale: float = 1.0) -> int: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...
    def infer(self, name: str, rows: object) -> httpx.Response: ...
    def until(self, look: Callable[[], bool]) -> None: ...


@pytest.fixture
def strict(fresh: Platform) -> Platform:
    """A data plane with short patience; `d` is fast, `slow` is not."""
    return started(fresh, header_seconds=STUCK_SECONDS)


@pytest.fixture
def usual(fresh: Platform) -> Platform:
    """The same with the patience that is usual, and a limit of connections."""
    return started(fresh, connections=CONNECTIONS + 1)


def started(fresh: Platform, **limited: float) -> Platform:
    limits = replace(fresh.settings.limits, **limited)  # type: ignore[arg-type] # some are whole
    fresh.settings = replace(fresh.settings, limits=limits)
    fresh.register("m")
    inputs = (TensorSpec("features", Datatype.FP32, (-1, WIDE)),)
    signature = Signature(inputs, (TensorSpec("raw", Datatype.FP32, (-1, WIDER)),))
    weights = np.ones((WIDE, WIDER), dtype=np.float32)
    draft = Draft("wide", "regression", "linear", signature, "test")
    fresh.catalog.register(draft, {"model.onnx": linear_core(weights)})
    fresh.start()
    fresh.deploy(Deployment("d", "m", 1))
    fresh.deploy(Deployment("slow", "wide", 1))
    return fresh


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def line(platform: Platform, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(platform.address, timeout=60))


def request(platform: Platform, name: str, request_id: str = "", rows: int = 1) -> bytes:
    columns = WIDE if name == "slow" else 4
    data = [0.0] * (columns * rows)
    tensor = {"name": "features", "datatype": "FP32", "shape": [rows, columns], "data": data}
    outputs = [{"name": "raw", "parameters": {"binary_data": True}}] if name == "slow" else None
    asked = {"id": request_id, "inputs": [tensor], **({"outputs": outputs} if outputs else {})}
    body = json.dumps(asked).encode()
    head = (
        f"POST /v2/models/{name}/infer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {platform.key}"
    )
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def rest(wire: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = b""
    try:
        while part := wire.recv(1 << 20):
            received += part
    except ConnectionResetError:
        pass
    return received


def answers(wire: socket.socket, count: int) -> bytes:
    received = b""
    while len(STATUS.findall(received)) < count:
        part = wire.recv(1 << 20)
        assert part, f"closed after {received[-500:]!r}"
        received += part
    return received


def well(platform: Platform) -> bool:
    return platform.infer("d", ROW).status_code == 200


def test_a_head_or_a_body_that_drips_is_cut_off_and_told_why(
    strict: Platform, stack: ExitStack
) -> None:
    asked = request(strict, "d")
    head, body = line(strict, stack), line(strict, stack)
    head.sendall(asked[:30])
    body.sendall(asked[:-40])
    for turn in range(100):
        time.sleep(0.1)
        try:
            head.sendall(asked[30 + turn : 31 + turn])
            body.sendall(b" ")
        except OSError:
            break
        assert well(strict)
        assert turn < 99, "they may drip as long as they like"
    for wire in (head, body):
        assert rest(wire)[:13] in (b"HTTP/1.1 408 ", b""), "a reset may overtake the answer"


def test_who_says_nothing_is_let_go_and_who_was_served_may_stay(
    strict: Platform, stack: ExitStack
) -> None:
    silent, served = line(strict, stack), line(strict, stack)
    served.sendall(request(strict, "d"))
    answers(served, 1)
    assert rest(silent) == b""
    served.sendall(request(strict, "d"))
    assert STATUS.findall(answers(served, 1)) == [b"200"]


def test_many_idle_connections_cost_little_and_one_too_many_is_told_so(
    usual: Platform, stack: ExitStack
) -> None:
    assert well(usual)
    before = resident_kilobytes(usual)
    idle = [line(usual, stack) for _ in range(CONNECTIONS)]
    for wire in idle:
        wire.sendall(request(usual, "d"))
    for wire in idle:
        assert STATUS.findall(answers(wire, 1)) == [b"200"]
    assert (resident_kilobytes(usual) - before) / CONNECTIONS < 40
    assert well(usual)

    def is_let_in() -> bool:
        last = line(usual, stack)
        last.sendall(request(usual, "d"))
        return STATUS.findall(answers(last, 1)) == [b"200"]

    usual.until(is_let_in)  # the one before has closed, which takes a moment to be seen
    told = rest(line(usual, stack))
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in told
    for wire in idle:
        wire.close()
    usual.until(lambda: well(usual))


def test_sixty_four_pipelined_requests_of_slow_and_fast_models_keep_their_order(
    usual: Platform, stack: ExitStack
) -> None:
    wire = line(usual, stack)
    names = ["slow" if number % 16 == 3 else "d" for number in range(64)]
    wire.sendall(b"".join(request(usual, name, f"r{n}") for n, name in enumerate(names)))
    received = b""
    while len(ID.findall(received)) < len(names):
        received += wire.recv(1 << 20)
    assert ID.findall(received) == [b"r%d" % number for number in range(64)]
    assert set(STATUS.findall(received)) == {b"200"}


def test_a_slow_model_does_not_hold_up_a_fast_one(usual: Platform, stack: ExitStack) -> None:
    slow, fast = line(usual, stack), line(usual, stack)
    slow.sendall(request(usual, "slow", rows=ROWS) * 16)
    answers(slow, 1)
    for _ in range(3):
        fast.sendall(request(usual, "d"))
        answers(fast, 1)
    slow.settimeout(0)
    with_the_first = received_now(slow)
    assert len(STATUS.findall(with_the_first)) < 15, "the fast one waited for all the slow ones"


def test_callers_that_leave_in_the_middle_of_a_batch_cost_the_others_nothing(
    usual: Platform, stack: ExitStack
) -> None:
    staying, leaving = ([line(usual, stack) for _ in range(6)] for _ in range(2))
    for wire in (wire for pair in zip(staying, leaving, strict=True) for wire in pair):
        wire.sendall(request(usual, "slow", rows=ROWS))
    for wire in leaving:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        wire.close()
    for wire in staying:
        assert STATUS.findall(answers(wire, 1)) == [b"200"]
    assert well(usual)


@pytest.mark.parametrize("name", ["d", "slow"])
def test_who_reads_nothing_is_not_written_to_without_end(
    strict: Platform, stack: ExitStack, name: str
) -> None:
    wire = stack.enter_context(socket.socket())
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    wire.connect(strict.address)
    before, sent = resident_kilobytes(strict), 0
    asked = request(strict, name) * 100
    wire.settimeout(1)
    with suppress(OSError):  # nothing more is taken, or it was cut off
        while sent < MOST_UNREAD_BYTES:
            sent += wire.send(asked[sent % len(asked) :])
    assert sent < MOST_UNREAD_BYTES, "requests are not read while their answers are not"
    assert resident_kilobytes(strict) - before < 32 * 1024
    assert well(strict)

    def is_cut_off() -> bool:
        try:
            return wire.send(b" ") == 0
        except TimeoutError:
            return False
        except OSError:
            return True

    wire.settimeout(0.2)
    strict.until(is_cut_off)


def received_now(wire: socket.socket) -> bytes:
    received = b""
    try:
        while part := wire.recv(1 << 20):
            received += part
    except BlockingIOError:
        return received
    return received


def resident_kilobytes(platform: Platform) -> int:
    status = Path(f"/proc/{platform.process.pid}/status").read_text()
    return int(next(one for one in status.splitlines() if "VmRSS" in one).split()[1])

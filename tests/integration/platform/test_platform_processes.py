"""Two processes of the data plane: one address, one state, one ledger, whatever happens to one."""

import json
import os
import re
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Protocol

import httpx
import numpy as np
import pytest

from lichen.client.connection import Lichen
from lichen.core.clock import SystemClock
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.footprint import parse_receipt
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.server.home import Home
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

Until = Callable[[Callable[[], bool]], None]
PROCESSES, LINES, TRIES = 2, 12, 10
SIGNATURE = Signature(
    (TensorSpec("features", Datatype.FP32, (-1, 2)),), (TensorSpec("raw", Datatype.FP32, (-1, 1)),)
)
BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}]}
).encode()
RECEIPT = re.compile(rb"lichen-receipt: ([^\r]+)", re.IGNORECASE)


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def down(self) -> int: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


class Line:
    """One connection that is kept."""

    def __init__(self, lichen: Lichen) -> None:
        self._key = lichen._session.key
        host, port = lichen.platform().addresses.http.removeprefix("http://").split(":")
        self.wire = socket.create_connection((host, int(port)), timeout=60)

    def request(self, path: str = "/v2/models/d/infer", body: bytes = BODY) -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self._key}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def ask(self, request: bytes | None = None) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer; status 0 when the connection broke."""
        try:
            self.wire.sendall(self.request() if request is None else request)
            return self.answer()
        except ConnectionError:
            return 0, b"", b""

    def answer(self) -> tuple[int, bytes, bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), head, body

    def _more(self) -> bytes:
        part = self.wire.recv(65536)
        if not part:
            raise ConnectionResetError
        return part


def value(answer: tuple[int, bytes, bytes]) -> float:
    assert answer[0] == 200, answer
    return float(json.loads(answer[2])["outputs"][0]["data"][0])


@pytest.fixture
def two(stopped: Running) -> Running:
    """A platform of two processes that runs, with versions 1 and 2 of model `m`."""
    stopped.environment["LICHEN_DATAPLANE_PROCESSES"] = str(PROCESSES)
    stopped.up()
    home = Home(stopped.home)
    documents = SqliteDocuments(home.documents)
    catalog = Catalog(documents, LocalBlobs(home.blobs), SystemClock())
    for scale in (1.0, 10.0):
        weights = np.full((2, 1), scale, dtype=np.float32)
        files = {"model.onnx": linear_core(weights)}
        catalog.register(Draft("m", "regression", "linear", SIGNATURE, "test"), files)
    documents.close()
    return stopped


@pytest.fixture
def lines() -> Iterator[Callable[[Lichen], list[Line]]]:
    """Opens connections enough that each process has some."""
    with ExitStack() as stack:

        def opened(lichen: Lichen, count: int = LINES) -> list[Line]:
            made = [Line(lichen) for _ in range(count)]
            for line in made:
                stack.enter_context(line.wire)
            return made

        yield opened


def connections(running: Running) -> list[int]:
    """How many each process says that it has."""
    return list(struct.unpack_from(f"={PROCESSES}q", Home(running.home).turns.read_bytes()))


def shared(
    running: Running, lichen: Lichen, lines: Callable[[Lichen], list[Line]], until: Until
) -> list[Line]:
    """Connections that both took in turn: one that other work keeps from its turn misses it."""
    for _ in range(TRIES):
        opened = lines(lichen)
        until(lambda: sum(connections(running)) == LINES)
        if min(connections(running)) >= LINES // 3:
            return opened
        for line in opened:
            line.wire.close()
        until(lambda: sum(connections(running)) == 0)
    raise AssertionError("left alone, one takes nearly all")


def test_they_share_connections_evenly_and_are_ready_only_together(
    two: Running, lines: Callable[[Lichen], list[Line]], until: Until
) -> None:
    lichen = two.client()
    assert {"dataplane", "dataplane-1"} < set(two.pids())
    opened = shared(two, lichen, lines, until)

    lichen.deployments.deploy("m@1", "d")
    assert {value(line.ask()) for line in opened} == {2.0}
    lichen.deployments.deploy("m@2", "d")
    assert {value(line.ask()) for line in opened} == {20.0}, "ready means ready in both"

    one = opened[0]
    unload, load = (
        one.request(f"/v2/repository/models/d/{what}", b"") for what in ("unload", "load")
    )
    assert one.ask(unload)[0] == 200
    assert {line.ask()[0] for line in opened} == {503}
    assert one.ask(load)[0] == 200
    assert {value(line.ask()) for line in opened} == {20.0}
    lichen.deployments.undeploy("d")
    until(lambda: {line.ask()[0] for line in opened} == {404})


def test_a_swap_fails_no_request_in_either(
    two: Running, lines: Callable[[Lichen], list[Line]], until: Until
) -> None:
    lichen = two.client()
    lichen.deployments.deploy("m@1", "d")
    done = Event()
    opened = lines(lichen)[:4]
    newest = [0.0] * len(opened)

    def call(number: int) -> set[tuple[int, float]]:
        seen = set()
        while not done.is_set():
            answer = opened[number].ask()
            newest[number] = value(answer)
            seen.add((answer[0], newest[number]))
        return seen

    with ThreadPoolExecutor(len(opened)) as callers:
        seen = [callers.submit(call, number) for number in range(len(opened))]
        try:
            for turn in range(6):
                version = 2 - turn % 2
                lichen.deployments.deploy(f"m@{version}", "d")
                wanted = {2.0 * 10 ** (version - 1)}
                until(lambda: set(newest) == wanted or any(one.done() for one in seen))  # noqa: B023
        finally:
            done.set()
    assert all(one.result() == {(200, 2.0), (200, 20.0)} for one in seen)


def test_a_killed_one_costs_only_its_own_connections_and_comes_back(
    two: Running, lines: Callable[[Lichen], list[Line]], until: Until
) -> None:
    lichen = two.client()
    lichen.deployments.deploy("m@1", "d")
    opened = shared(two, lichen, lines, until)
    before, share = two.pids(), connections(two)
    os.kill(before["dataplane-1"], signal.SIGKILL)
    statuses = [line.ask()[0] for line in opened]
    assert sorted(set(statuses)) == [0, 200]
    assert statuses.count(200) == share[0]
    assert {line.ask()[0] for line in lines(lichen)} == {200}, "the other goes on"
    until(lambda: two.pids().get("dataplane-1", 0) not in (0, before["dataplane-1"]))
    assert two.pids()["dataplane"] == before["dataplane"]
    until(lambda: min(connections(two)) > 0 or not lines(lichen))
    lichen.deployments.deploy("m@2", "d")
    assert {value(line.ask()) for line in lines(lichen)} == {20.0}


def test_both_drain_and_the_books_hold_what_all_receipts_said(
    two: Running, lines: Callable[[Lichen], list[Line]], until: Until
) -> None:
    lichen = two.client()
    lichen.deployments.deploy("m@1", "d")
    opened = lines(lichen)
    heads = [line.ask()[1] for line in opened for _ in range(3)]
    until(lambda: sum(connections(two)) == LINES)
    address = opened[0].wire.getpeername()
    for line in opened:
        line.wire.sendall(line.request()[:-10])

    with ThreadPoolExecutor(1) as stopping:
        stopped = stopping.submit(two.down)
        until(lambda: takes_nothing_new(address))
        for line in opened:
            line.wire.sendall(line.request()[-10:])
            answer = line.answer()
            assert value(answer) == 2.0
            heads.append(answer[1])
        assert stopped.result() == 0

    two.up()
    charged = sum(parse_receipt(RECEIPT.findall(head)[0].decode()).energy.nj for head in heads)
    lichen = two.client()
    books = lichen.ledger()
    assert sum(one.nj for one in books.accounts) == 0
    booked = {one.account: one.nj for one in books.accounts}
    assert booked["work/default/d/m@1/fp32"] == charged
    overhead = {name: nj for name, nj in booked.items() if name.startswith("overhead/")}
    assert "overhead/dataplane" in overhead
    assert "overhead/dataplane-1" not in overhead, "one account for all processes"
    assert min(overhead.values()) >= 0
    assert lichen.verify_ledger().sound


def test_the_metrics_of_both_are_one_and_a_kill_takes_nothing_from_them(
    two: Running, lines: Callable[[Lichen], list[Line]], until: Until
) -> None:
    lichen = two.client()
    lichen.deployments.deploy("m@1", "d")
    answers = [line.ask() for line in shared(two, lichen, lines, until) for _ in range(3)]
    charged = sum(
        parse_receipt(RECEIPT.findall(head)[0].decode()).energy.nj for _, head, _ in answers
    )

    def told(plane: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {key}"}
        said = httpx.get(f"{plane}/metrics", headers=headers, timeout=60).text
        pairs = [line.rpartition(" ") for line in said.splitlines() if "_total{" in line]
        return {name: value for name, _, value in pairs}

    key = lichen._session.key
    planes = lichen.platform().addresses
    counted = told(planes.http)
    (joules,) = [value for name, value in counted.items() if name.startswith("lichen_energy")]
    assert joules == f"{charged // 10**9}.{charged % 10**9:09d}"
    assert told(planes.control) == counted
    before = two.pids()["dataplane-1"]
    os.kill(before, signal.SIGKILL)
    assert told(planes.control) == counted, "it is dead, and its counters stand"
    until(lambda: two.pids().get("dataplane-1", 0) not in (0, before))
    assert told(planes.control) == counted
    assert sorted(one.name for one in Home(two.home).metrics.iterdir()) == [
        "dataplane-0.metrics",
        "dataplane-1.metrics",
    ]


def takes_nothing_new(address: tuple[str, int]) -> bool:
    """Whether a new connection waits in vain, or is refused."""
    try:
        with socket.create_connection(address, timeout=0.5) as wire:
            wire.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            return not wire.recv(100)
    except OSError:
        return True

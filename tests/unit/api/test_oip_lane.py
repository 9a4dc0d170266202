"""The fast lane by itself: what it does when callers stall or leave and models misbehave."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from lichen.api.gate import Gate
from lichen.api.heads import Heads
from lichen.api.infer_lane import InferProtocol, protocol_for
from lichen.api.oip_http import Door, HttpLimits, application
from lichen.core.batch import Array
from lichen.core.clock import ManualClock
from lichen.core.events import NoObserver, Subject
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.function import FunctionPredictor
from lichen.security.identity import Role
from lichen.security.tokens import KeyRing
from lichen.serving.batcher import Batcher
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import Deployment
from lichen.serving.plane import DataPlane
from lichen.serving.replica import Replica
from lichen.serving.selector import Selector, Served
from lichen.store.documents import MemoryDocuments

WATCHED = (Subject("d", "m", 1, "fp32"), NoObserver())
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)
STUCK_SECONDS = 10.0
NAN, RAISES = 7.0, 13.0


class Wire(asyncio.Transport):
    """Keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""

    def answer(self) -> tuple[int, Any]:
        head, _, body = self.written.partition(b"\r\n\r\n")
        self.written = b""
        return int(head.split()[1]), json.loads(body)


class House:
    """A lane, the model behind it, and how often that ran."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.runs = 0
        replica = Replica(FunctionPredictor(SIGNATURE, self.compute), Stopwatch(lambda: 0, 0))
        metering = NoMetering()
        batcher = Batcher(replica, metering, metering, loop, (8, 8), WATCHED)
        selector = Selector()
        selector.replace({"d": Served(Deployment("d", "m", 1), replica, batcher)}, {})
        gate = Gate(KeyRing(MemoryDocuments(), ManualClock(), Role.PREDICTOR))
        limits = HttpLimits(body=1000, head=500, stuck_seconds=STUCK_SECONDS)
        door = Door(DataPlane(selector), gate, limits, "0", lambda: True)
        config = uvicorn.Config(
            application(door),
            http=protocol_for(door),
            interface="asgi3",
            log_config=None,
            ws="none",
        )
        config.load()
        self.config, self.protocol, self.replica = config, protocol_for(door), replica
        self.may_compute = threading.Event()
        self.may_compute.set()
        self.wire, self.lane = self.connect()

    def connect(self) -> tuple[Wire, InferProtocol]:
        wire, lane = Wire(), self.protocol(self.config, ServerState(), {})
        lane.connection_made(wire)
        return wire, lane

    def compute(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        self.runs += 1
        self.may_compute.wait()
        values = inputs["x"]
        if (values == RAISES).any():
            raise ZeroDivisionError("/secret/path")
        return {"y": np.where(values == NAN, np.nan, values)}


def request(value: float = 1.0, query: str = "") -> bytes:
    """For the fast lane; with a query, for the ordinary one."""
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [value]}
    body = json.dumps({"inputs": [tensor]}).encode()
    target = f"/v2/models/d/infer{query}"
    head = f"POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not look():  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.001)


def in_house(act: Callable[[House], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        await act(House())

    asyncio.run(run())


def test_an_answer_and_the_errors_of_a_model() -> None:
    async def act(house: House) -> None:
        for value, status, said in ((1.0, 200, ""), (NAN, 500, "NaN"), (RAISES, 500, "failed")):
            house.lane.data_received(request(value))
            await settle()
            answered, body = house.wire.answer()
            assert answered == status
            assert said in body.get("error", "")
            assert "secret" not in json.dumps(body)
        assert not house.wire.closed
        house.lane.connection_lost(None)

    in_house(act)


@pytest.mark.parametrize("query", ["", "?ordinary"])
def test_what_nobody_foresaw_is_a_500_without_details(
    monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("/secret/path")

    monkeypatch.setattr(DataPlane, "infer", fail)

    async def act(house: House) -> None:
        house.lane.data_received(request(query=query))
        await settle()
        status, body = house.wire.answer()
        assert status == 500
        assert "secret" not in body["error"]
        house.lane.connection_lost(None)

    in_house(act)


def test_work_of_a_caller_who_left_is_dropped() -> None:
    async def act(house: House) -> None:
        house.lane.data_received(request())
        house.lane.connection_lost(ConnectionResetError())
        await settle()
        assert house.runs == 0
        assert house.wire.written == b""

    in_house(act)


@pytest.mark.parametrize("query", ["", "?ordinary"])
def test_work_that_waits_is_dropped_when_its_caller_leaves(query: str) -> None:
    async def act(house: House) -> None:
        house.replica.learn(1, 10**9)  # so long takes a thread
        house.may_compute.clear()
        house.lane.data_received(request())
        wire, lane = house.connect()
        await until(lambda: house.runs == 1)
        lane.data_received(request(query=query))
        await settle()
        lane.connection_lost(ConnectionResetError())
        house.may_compute.set()
        await until(lambda: bool(house.wire.written))
        await settle()
        assert house.runs == 1
        assert wire.written == b""

    in_house(act)


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v2/mod", request()[:-3], request(query="?ordinary")[:-3]]
)
def test_a_connection_that_stands_still_is_closed(sent: bytes) -> None:
    async def act(house: House) -> None:
        if sent:
            house.lane.data_received(sent)
        for now in (100.0, 101.0, 105.0, 110.0):
            house.lane.close_if_stuck(now)
        assert not house.wire.closed
        house.lane.close_if_stuck(112.0)
        assert house.wire.closed

    in_house(act)


@pytest.mark.parametrize("query", ["", "?ordinary"])
def test_whose_requests_wait_behind_one_another_is_written_nothing_once_gone(query: str) -> None:
    async def act(house: House) -> None:
        house.lane.data_received(request(query=query) * 3)
        house.lane.connection_lost(ConnectionResetError())
        for _ in range(10):
            await settle()
        assert house.wire.written == b""

    in_house(act)


def test_one_that_moves_or_waits_for_its_answer_is_not() -> None:
    async def act(house: House) -> None:
        whole = request()
        house.lane.data_received(whole[:-20])
        for number in range(10):
            house.lane.data_received(whole[number - 20 : number - 19])
            house.lane.close_if_stuck(100.0 + number)
        house.lane.data_received(whole[-10:])
        await settle()
        assert house.wire.answer()[0] == 200
        for now in (200.0, 270.0):
            house.lane.close_if_stuck(now)
        assert not house.wire.closed
        house.lane.connection_lost(None)

    in_house(act)


@pytest.mark.parametrize("query", ["", "?ordinary"])
def test_an_idle_connection_is_closed_in_the_end_and_a_used_one_is_not(query: str) -> None:
    async def act(house: House) -> None:
        for now in range(100, 1000, 70):
            house.lane.data_received(request(query=query))
            await settle()
            assert house.wire.answer()[0] == 200
            house.lane.close_if_stuck(float(now))
            assert not house.wire.closed
        house.lane.close_if_stuck(1000.0)
        house.lane.close_if_stuck(1020.0)
        assert house.wire.closed
        house.lane.connection_lost(None)

    in_house(act)


def test_a_head_that_was_parsed_before_is_not_parsed_again() -> None:
    async def act(house: House) -> None:
        for value in (1.0, 2.0, 3.0):
            house.lane.data_received(request(value))
            await settle()
            status, body = house.wire.answer()
            assert status == 200
            assert body["outputs"][0]["data"] == [value]
        house.lane.parser = cast(Any, None)  # whoever parses now fails
        house.lane.data_received(request(4.0))
        await settle()
        assert house.wire.answer()[1]["outputs"][0]["data"] == [4.0]

    in_house(act)


def _chunked(value: float) -> bytes:
    head, _, body = request(value).partition(b"\r\n\r\n")
    head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    return head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


_MESSAGES = {
    "plain": request(1.0),
    "other": request(2.5),
    "wrong": request(1.0).replace(b"FP32", b"FP99"),
    "closing": request(3.0).replace(b"Host: h", b"Host: h\r\nConnection: close"),
    "chunked": _chunked(4.0),
    "ordinary": request(5.0, query="?x"),
    "unknown": request(6.0).replace(b"/d/", b"/e/"),
}


def _cut(joined: bytes, cuts: list[int]) -> list[bytes]:
    ends = [0, *(min(end, len(joined)) for end in accumulate(cuts)), len(joined)]
    return [joined[start:end] for start, end in pairwise(ends) if end > start]


async def _told(house: House, parts: list[bytes], *, knows: bool) -> list[bytes]:
    """What is answered to each part, by a lane that knows heads or never does."""
    found: list[bytes] = []
    for part in parts:
        if not knows:
            house.lane.heads = Heads()
        if not house.wire.closed:
            house.lane.data_received(part)
            for _ in range(3):
                await settle()
        found.append(house.wire.written)
        house.wire.written = b""
    house.lane.connection_lost(None)
    return found


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(_MESSAGES)), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 400), max_size=6),
    pipelined=st.booleans(),
)
def test_known_heads_change_no_answer(
    names: list[str], cuts: list[int], *, pipelined: bool
) -> None:
    joined = b"".join(_MESSAGES[name] for name in names)
    parts = _cut(joined, cuts) if pipelined else [_MESSAGES[name] for name in names]

    async def both() -> None:
        told = [await _told(House(), parts, knows=knows) for knows in (True, False)]
        assert told[0] == told[1]

    asyncio.run(both())


@pytest.mark.parametrize("query", ["", "?ordinary"])
def test_trailers_are_passed_over(query: str) -> None:
    async def act(house: House) -> None:
        head, _, body = request(query=query).partition(b"\r\n\r\n")
        head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        house.lane.data_received(head + b"\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body))
        kept = len(house.lane.headers)
        house.lane.data_received(b"Authorization: Bearer x\r\n" * 100)
        assert len(house.lane.headers) == kept
        house.lane.data_received(b"\r\n")
        await settle()
        assert house.wire.answer()[0] == 200
        house.lane.connection_lost(None)

    in_house(act)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_cut_off(*, chunked: bool) -> None:
    async def act(house: House) -> None:
        head = b"POST /v2/models/d/infer HTTP/1.1\r\nHost: h\r\n"
        house.lane.data_received(
            head + b"Transfer-Encoding: chunked\r\n\r\n800\r\n" + b"x" * 2048
            if chunked
            else head + b"Content-Length: 2048\r\n\r\n"
        )
        await settle()
        status, body = house.wire.answer()
        assert status == 413
        assert "1000 bytes" in body["error"]
        assert house.wire.closed
        house.lane.data_received(b"x" * 100)
        assert house.wire.written == b""

    in_house(act)

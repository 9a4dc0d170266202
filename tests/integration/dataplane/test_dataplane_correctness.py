"""Closing is not correctness (L2): requests of known cost, through the real serving path.

Three ONNX models repeat the same arithmetic 60, 110 and 180 times a row, so a request of n rows
costs n times as many units. They are asked in one mix by 1, 16 and 100 connections at once, so that
batches mix sizes and models overlap on the loop and in threads, and once more while another
process burns a core. Shares that follow rows, and clocks that see only their own work, charge each
request in proportion to its units. Energy that is shared out by who was in flight does not, and
must fail the very same test.

A busy machine disturbs single batches, so the same mix is asked again and again, and each of its
requests counts with the median of what it was charged. More passes are made, up to `PASSES`, as
long as that is not within the bounds yet.
"""

import asyncio
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from time import clock_gettime_ns, monotonic_ns
from typing import Protocol

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment, Observed, State

UNITS = {"light": 60, "middle": 110, "heavy": 180}
"""Cosines of 8000 numbers, for each row: arithmetic that outweighs what a call costs besides. They
go towards the number that is its own cosine, so that the last is no cheaper than the first."""
NUMBERS = 8000
ROWS = (1, 2, 3, 5)
FEWEST_REQUESTS = 60
FEWEST_PASSES, PASSES = 3, 20
NJ_PER_CPU_NS = 2.0
"""What the meter page of these tests says."""


class Platform(Protocol):
    catalog: Catalog
    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    authorization: dict[str, str]

    def start(self) -> None: ...
    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...


@dataclass(frozen=True)
class Asked:
    """One request of the mix."""

    model: str
    rows: int

    @property
    def units(self) -> int:
        return UNITS[self.model] * self.rows


@dataclass(frozen=True)
class Paid:
    """One answer: when its request was under way, and what its receipt says."""

    began_ns: int
    ended_ns: int
    nj: int


def arithmetic(units: int) -> bytes:
    """A model of so many units."""
    nodes = [helper.make_node("Mul", ["x", "ones"], ["wide"])]
    last = "wide"
    for number in range(units):
        nodes.append(helper.make_node("Cos", [last], [f"y{number}"]))
        last = f"y{number}"
    nodes.append(helper.make_node("ReduceMean", [last, "axis"], ["y"], keepdims=1))
    kept = [
        numpy_helper.from_array(np.ones((1, NUMBERS), dtype=np.float32), "ones"),
        numpy_helper.from_array(np.array([1]), "axis"),
    ]
    takes = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])
    gives = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "arithmetic", [takes], [gives], kept)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


@pytest.fixture
def metered(fresh: Platform) -> Platform:
    """A data plane that serves the three models."""
    signature = Signature(
        (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
    )
    fresh.start()
    for model, units in UNITS.items():
        draft = Draft(model, "regression", "arithmetic", signature, "test")
        fresh.catalog.register(draft, {"model.onnx": arithmetic(units)})
        assert fresh.deploy(Deployment(model, model, 1)).state is State.READY
    return fresh


def drawn(requests: int) -> list[Asked]:
    chance = random.Random(2)  # noqa: S311 - a mix that can be drawn again, no secret
    return [Asked(chance.choice(list(UNITS)), chance.choice(ROWS)) for _ in range(requests)]


def serve(platform: Platform, mix: Sequence[Asked], connections: int) -> list[Paid]:
    """What each request of the mix paid, asked over so many connections at once."""
    paid: dict[int, Paid] = {}

    async def run() -> None:
        left = iter(enumerate(mix))
        await asyncio.gather(*[call(platform, left, paid) for _ in range(connections)])

    asyncio.run(run())
    return [paid[number] for number in range(len(mix))]


async def call(
    platform: Platform, left: Iterator[tuple[int, Asked]], paid: dict[int, Paid]
) -> None:
    """One connection: it asks for the next of the mix whenever it was answered."""
    reader, writer = await asyncio.open_connection(*platform.address)
    key = platform.authorization["Authorization"]
    for number, one in left:
        data = [[1.0]] * one.rows
        tensor = {"name": "x", "datatype": "FP32", "shape": [one.rows, 1], "data": data}
        body = json.dumps({"inputs": [tensor]}).encode()
        head = (
            f"POST /v2/models/{one.model}/infer HTTP/1.1\r\nHost: t\r\nAuthorization: {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        began_ns = monotonic_ns()
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r\n")[0]))
        ended_ns = monotonic_ns()
        assert answer.startswith(b"http/1.1 200"), answer
        nj = int(answer.split(b"lichen-receipt: nj=")[1].split(b",")[0])
        paid[number] = Paid(began_ns, ended_ns, nj)
    writer.close()
    await writer.wait_closed()


def by_receipt(paid: Sequence[Paid]) -> list[float]:
    return [float(one.nj) for one in paid]


def by_wall_overlap(paid: Sequence[Paid]) -> list[float]:
    """What others do: the energy of each moment shared by the requests that were in flight."""
    total_nj = sum(one.nj for one in paid)
    moments = sorted({moment for one in paid for moment in (one.began_ns, one.ended_ns)})
    shares = [0.0] * len(paid)
    covered_ns = 0
    for start_ns, end_ns in pairwise(moments):
        flying = [
            index
            for index, one in enumerate(paid)
            if one.began_ns <= start_ns and end_ns <= one.ended_ns
        ]
        covered_ns += (end_ns - start_ns) if flying else 0
        for index in flying:
            shares[index] += (end_ns - start_ns) / len(flying)
    return [share * total_nj / covered_ns for share in shares]


def is_right(mix: Sequence[Asked], charged: Sequence[Sequence[float]]) -> bool:
    """Is the energy of a request its known part of the whole: median error 3 %, p95 10 %?

    Args:
        mix: the requests.
        charged: what each of them was charged, by pass.
    """
    typical = [statistics.median(each) for each in zip(*charged, strict=True)]
    unit = statistics.median(
        [nj / one.units for nj, one in zip(typical, mix, strict=True) for _ in range(one.rows)]
    )
    relative = [abs(nj / (unit * one.units) - 1) for nj, one in zip(typical, mix, strict=True)]
    median, p95 = statistics.median(relative), statistics.quantiles(relative, n=20)[-1]
    return bool(median < 0.03 and p95 < 0.10)


@contextmanager
def burning() -> Iterator[None]:
    """Another process that uses all of a core."""
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        burner.kill()
        burner.wait()


def check(platform: Platform, connections: int) -> None:
    """Ask until what was charged is right; the shares of who was in flight never are."""
    mix = drawn(max(FEWEST_REQUESTS, connections))
    receipts, overlaps = list[list[float]](), list[list[float]]()
    for number in range(1, PASSES + 1):
        before_ns = cpu_ns(platform)
        paid = serve(platform, mix, connections)
        spent_ns = cpu_ns(platform) - before_ns
        charged_ns = sum(one.nj for one in paid) / NJ_PER_CPU_NS
        assert 0.5 * spent_ns < charged_ns < spent_ns, "the work is most of what the process did"
        receipts.append(by_receipt(paid))
        overlaps.append(by_wall_overlap(paid))
        if number >= FEWEST_PASSES:
            assert not is_right(mix, overlaps)
            if is_right(mix, receipts):
                return
    raise AssertionError(f"not within the bounds after {PASSES} passes")


def cpu_ns(platform: Platform) -> int:
    """CPU of the data plane's process, all its threads."""
    return clock_gettime_ns((~platform.process.pid << 3) | 2)


@pytest.mark.parametrize("connections", [1, 16, 100])
def test_receipts_follow_the_work_through_mixed_batches_and_models(
    metered: Platform, connections: int
) -> None:
    check(metered, connections)


def test_receipts_follow_the_work_while_a_foreign_process_burns_a_core(metered: Platform) -> None:
    with burning():
        check(metered, 16)

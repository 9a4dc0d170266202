"""Closing is not correctness (L2): requests of known cost, through the real serving path.

Three ONNX models do 60, 110 and 240 units of the same arithmetic for each row. They are asked in
one mix by 1, 16 and 100 connections at once, so that models overlap on the loop and in their
threads; and once more while another process burns a core. Receipts must be in proportion to the
units of each request. Energy that is shared out by who was in flight is not, and must fail the very
same test as soon as anything overlaps.

Noise of a busy machine only ever adds to what work takes. So the same mix is asked again and again,
and each of its requests counts with the lower quartile of what it was charged. More passes are
made, up to `MOST_PASSES`, as long as that is not within the bounds yet.
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

UNITS = {"light": 60, "middle": 110, "heavy": 240}
"""Cosines of 4000 numbers, for each row. They go towards the number that is its own cosine, so that
the last is no cheaper than the first."""
NUMBERS = 4000
ROWS = (2, 3, 5, 8)
JUDGED = 60
FEWEST_PASSES, MOST_PASSES = 4, 40
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
    def units(self) -> float:
        """What it costs."""
        return float(UNITS[self.model] * self.rows)


@dataclass(frozen=True)
class Paid:
    """One answer: when its request was under way, and what its receipt says."""

    began_ns: int
    ended_ns: int
    nj: int


def arithmetic(units: int) -> bytes:
    """A model of so many units a row.

    A text goes through it as well, which leaves it to one runtime: the others take numbers only.
    """
    nodes = [
        helper.make_node("Mul", ["x", "ones"], ["y0"]),
        *(helper.make_node("Cos", [f"y{one}"], [f"y{one + 1}"]) for one in range(units)),
        helper.make_node("ReduceMean", [f"y{units}", "axis"], ["y"], keepdims=1),
        helper.make_node("Identity", ["tag"], ["same"]),
    ]
    kept = [
        numpy_helper.from_array(np.ones((1, NUMBERS), dtype=np.float32), "ones"),
        numpy_helper.from_array(np.array([1]), "axis"),
    ]
    takes, gives = (
        [
            helper.make_tensor_value_info(number, TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info(text, TensorProto.STRING, ["n"]),
        ]
        for number, text in (("x", "tag"), ("y", "same"))
    )
    graph = helper.make_graph(nodes, "arithmetic", takes, gives, kept)
    opsets = [helper.make_opsetid("", 18)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(made.SerializeToString())


@pytest.fixture(scope="module")
def metered(platform: Platform) -> Platform:
    """A data plane that serves the three models."""
    signature = Signature(
        (TensorSpec("x", Datatype.FP32, (-1, 1)), TensorSpec("tag", Datatype.BYTES, (-1,))),
        (TensorSpec("y", Datatype.FP32, (-1, 1)), TensorSpec("same", Datatype.BYTES, (-1,))),
    )
    for model, units in UNITS.items():
        draft = Draft(model, "regression", "arithmetic", signature, "test")
        platform.catalog.register(draft, {"model.onnx": arithmetic(units)})
        assert platform.deploy(Deployment(model, model, 1)).state is State.READY
    return platform


def drawn(connections: int) -> list[Asked]:
    chance = random.Random(2)  # noqa: S311 - a mix that can be drawn again, no secret
    return [
        Asked(chance.choice(list(UNITS)), chance.choice(ROWS))
        for _ in range(max(JUDGED, connections))
    ]


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
        body = body_of(one.rows)
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


def body_of(rows: int) -> bytes:
    number = {"name": "x", "datatype": "FP32", "shape": [rows, 1], "data": [1.0] * rows}
    text = {"name": "tag", "datatype": "BYTES", "shape": [rows], "data": ["a"] * rows}
    return json.dumps({"inputs": [number, text]}).encode()


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


def is_right(known: Sequence[float], charged: Sequence[Sequence[float]]) -> bool:
    """Is the energy of a request its known part of the whole: median error 3 %, p95 10 %?

    Args:
        known: what each request costs, in any unit.
        charged: what each of them was charged, by pass.
    """
    typical = [statistics.quantiles(each, n=4)[0] for each in zip(*charged, strict=True)]
    ratios = [nj / cost for nj, cost in zip(typical, known, strict=True)]
    unit = statistics.median(ratios)
    relative = [abs(ratio / unit - 1) for ratio in ratios]
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
    mix = drawn(connections)
    known = [one.units for one in mix]
    receipts, overlaps = list[list[float]](), list[list[float]]()
    for number in range(1, MOST_PASSES + 1):
        before_ns = cpu_ns(platform)
        paid = serve(platform, mix, connections)
        spent_ns = cpu_ns(platform) - before_ns
        charged_ns = sum(one.nj for one in paid) / NJ_PER_CPU_NS
        assert 0.5 * spent_ns < charged_ns < spent_ns, "the work is most of what the process did"
        receipts.append(by_receipt(paid))
        overlaps.append(by_wall_overlap(paid))
        if number >= FEWEST_PASSES:
            assert connections == 1 or not is_right(known, overlaps)
            if is_right(known, receipts):
                return
    raise AssertionError(f"not within the bounds after {MOST_PASSES} passes")


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

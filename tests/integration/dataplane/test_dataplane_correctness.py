"""Closing is not correctness (L2): requests of known cost, through the real serving path.

Three ONNX models do 24, 60 and 160 units of the same arithmetic for each row. What a row of each
costs is measured by asking full batches alone. Then they are asked in one mix by 16 and by 100
connections at once, so that models overlap on the loop and in their threads and batches hold
requests of several sizes; and once more while another process burns a core. Each kind of request is
judged by its median charge, beside those of the other models at the same time. Energy that is
shared out by who was in flight must fail the very same test.

A busy machine may change its mood between the two measurements, so more rounds of both are made, up
to `MOST_ROUNDS`, as long as that is not within the bounds yet.
"""

import random
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import clock_gettime_ns, monotonic
from typing import Protocol

import pytest
from known.asking import Answers, Asked, Turn, ask, body_of, request
from known.judging import by_wall_overlap, errors
from known.models import BATCH_ROWS, UNITS, arithmetic
from known.records import charged

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment, Observed, State

ROWS = (2, 4, 6)
ALONE, LOADED_SECONDS, MOST_ROUNDS = 30, 2.5, 8
NJ_PER_CPU_NS = 2.0
"""What the meter page of these tests says."""


class Platform(Protocol):
    catalog: Catalog
    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    key: str

    def deploy(self, deployment: Deployment, *, wait: bool = True) -> Observed: ...


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


def turn(platform: Platform, asked: Asked) -> Turn:
    return "default", asked, request(asked.deployment, *body_of(asked), platform.key)


def known_costs(platform: Platform) -> dict[str, float]:
    """What a row of each model costs: full batches asked alone and in turns, their median."""
    turns = [turn(platform, Asked(model, BATCH_ROWS)) for model in UNITS]
    found, charges = Answers(), defaultdict[str, list[float]](list)
    ask(platform.address, [iter(turns * ALONE)], found)
    for kind, nj in zip(found.kind, found.nj, strict=True):
        charges[found.kinds[kind][1].deployment].append(nj / BATCH_ROWS)
    return {model: statistics.median(nj) for model, nj in charges.items()}


def mixed(platform: Platform, connection: int) -> Iterator[Turn]:
    """What one connection asks, without end: one model, so that each always has a third of them."""
    chance = random.Random(connection)  # noqa: S311 - a mix that can be drawn again, no secret
    model = tuple(UNITS)[connection % len(UNITS)]
    turns = [
        turn(platform, Asked(model, rows, is_binary))
        for rows in ROWS
        for is_binary in (True, False)
    ]
    while True:
        yield chance.choice(turns)


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
    found = []
    for _ in range(MOST_ROUNDS):
        known = known_costs(platform)
        answers, began_ns = Answers(), cpu_ns(platform)
        turns = [mixed(platform, connection) for connection in range(connections)]
        ask(platform.address, turns, answers, partial(is_past, monotonic() + LOADED_SECONDS))
        charged_ns, spent_ns = sum(answers.nj) / NJ_PER_CPU_NS, cpu_ns(platform) - began_ns
        assert 0.5 * spent_ns < charged_ns < spent_ns, "the work is most of what the process did"
        judged = charged(answers, known)
        assert not errors(by_wall_overlap(judged)).passes
        found.append(errors(judged))
        if found[-1].passes:
            return
    raise AssertionError(f"not within the bounds in {MOST_ROUNDS} rounds: {[*map(str, found)]}")


def is_past(moment: float) -> bool:
    return monotonic() > moment


def cpu_ns(platform: Platform) -> int:
    """CPU of the data plane's process, all its threads."""
    return clock_gettime_ns((~platform.process.pid << 3) | 2)


@pytest.mark.parametrize("connections", [16, 100])
def test_receipts_follow_the_work_through_mixed_batches_and_models(
    metered: Platform, connections: int
) -> None:
    check(metered, connections)


def test_receipts_follow_the_work_while_a_foreign_process_burns_a_core(metered: Platform) -> None:
    with burning():
        check(metered, 100)

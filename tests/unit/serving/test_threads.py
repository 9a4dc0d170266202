"""How many threads a model gets: as few CPU nanoseconds as keep what is promised."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import Deployment, ServiceLevel, Threads
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.guest import Guest
from lichen.serving.guests.starting import GuestRules, Guests
from lichen.serving.threads import Cost, candidates, choose, onnx_with_threads

MILLISECOND = 1e6
MEASURED = {
    1: Cost(10 * MILLISECOND, 10 * MILLISECOND),
    2: Cost(11 * MILLISECOND, 6 * MILLISECOND),
    4: Cost(14 * MILLISECOND, 4 * MILLISECOND),
    8: Cost(24 * MILLISECOND, 4.5 * MILLISECOND),
}


@pytest.mark.parametrize(
    ("p95_ms", "threads"), [(None, 1), (12.0, 1), (9.0, 2), (5.0, 4), (4.2, 4), (1.0, 4)]
)
def test_the_cheapest_that_keeps_the_promise_is_chosen(p95_ms: float | None, threads: int) -> None:
    assert choose(MEASURED, p95_ms) == threads


costs = st.builds(Cost, st.floats(1, 1e9), st.floats(1, 1e9))


@given(st.dictionaries(st.integers(1, 64), costs, min_size=1), st.floats(1e-6, 1e3))
def test_nothing_cheaper_keeps_the_promise_and_nothing_is_faster_if_none_does(
    measured: dict[int, Cost], p95_ms: float
) -> None:
    chosen = measured[choose(measured, p95_ms)]
    keeping = [one for one in measured.values() if one.wall_ns <= p95_ms * MILLISECOND]
    if keeping:
        assert chosen in keeping
        assert chosen.cpu_ns == min(one.cpu_ns for one in keeping)
    else:
        assert chosen.wall_ns == min(one.wall_ns for one in measured.values())


def test_all_the_threads_of_a_machine_are_tried_at_last() -> None:
    assert candidates(1) == [1]
    assert candidates(6) == [1, 2, 4, 6]


@pytest.mark.parametrize("threads", [0, -1, 513])
def test_a_number_of_threads_out_of_reach_is_refused(threads: int) -> None:
    with pytest.raises(InvalidInput, match="give 1 to 512, or auto"):
        Deployment("d", "m", 1, threads=threads)


def test_measured_threads_are_measured_again_for_another_promise() -> None:
    slow, fast = ServiceLevel(p95_ms=50.0), ServiceLevel(p95_ms=5.0)
    assert Deployment("d", "m", 1, level=slow).runs_like(Deployment("d", "m", 1, level=fast))
    measured = Deployment("d", "m", 1, level=slow, threads="auto")
    assert measured.runs_like(Deployment("d", "m", 1, level=slow, threads="auto", generation=2))
    assert not measured.runs_like(Deployment("d", "m", 1, level=fast, threads="auto"))
    assert not measured.runs_like(Deployment("d", "m", 1, level=slow))


def opened(tmp_path: Path, threads: Threads, p95_ms: float | None) -> object:
    guests = Guests(tmp_path, Environments(tmp_path, {}), NoMetering(), GuestRules())
    weights = np.random.default_rng(1).normal(size=(6, 4))
    deployment = Deployment("d", "m", 1, level=ServiceLevel(p95_ms=p95_ms), threads=threads)
    content = linear_core(weights)
    try:
        return onnx_with_threads(
            guests, deployment, ({MODEL_FILE: content}, None), lambda: OnnxPredictor(content)
        )
    finally:
        guests.close()


@pytest.mark.parametrize("p95_ms", [None, 1000.0])
def test_one_thread_that_keeps_the_promise_stays_in_this_process(
    tmp_path: Path, p95_ms: float | None
) -> None:
    assert isinstance(opened(tmp_path, "auto", p95_ms), OnnxPredictor)
    assert list(tmp_path.iterdir()) == []


def test_more_threads_are_tried_when_one_does_not_keep_the_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    found = opened(tmp_path, "auto", 1e-6)
    assert isinstance(found, OnnxPredictor | Guest)  # whichever was the faster of the two
    assert list(tmp_path.iterdir()) == []


def test_threads_that_the_machine_does_not_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(InvalidInput, match="3 threads are asked for, and this machine has 2"):
        opened(tmp_path, 3, None)


def test_asked_for_threads_run_in_a_process_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    found = opened(tmp_path, 2, None)
    assert isinstance(found, Guest)
    assert found.signature.inputs[0].shape == (-1, 6)

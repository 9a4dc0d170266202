"""Laws of the simulator: the clairvoyant is what trying everything finds."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.control.simulation.clairvoyant import clairvoyant_g
from lichen.control.simulation.grid import Grid
from lichen.control.simulation.job import JOULES_PER_KWH, SimulatedJob
from lichen.control.simulation.run import Piece
from lichen.control.simulation.scoring import grams_of

STEP = 4
"""Seconds; jobs begin, end and pause on whole ones, which no optimum of whole bounds betters."""


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Grid, SimulatedJob]:
    """A short series, and a job somewhere in it."""
    values = draw(st.lists(st.integers(1, 9), min_size=3, max_size=5))
    grid = Grid("DE", 0, STEP, np.asarray(values, dtype=np.float64))
    end = len(values) * STEP
    release = draw(st.integers(0, 3))
    deadline = draw(st.integers(release + 1, min(end, release + 13)))
    job = SimulatedJob(
        id="a",
        where="here",
        release_s=release,
        deadline_s=deadline,
        duration_s=draw(st.integers(1, deadline - release)),
        power_w=draw(st.integers(0, 3)),
        interruptible=draw(st.booleans()),
        pause_cost_j=draw(st.sampled_from([0.0, 0.5, 2.0, 7.0])),
        at_once_s=release,
    )
    return grid, job


def every_way(job: SimulatedJob) -> list[list[Piece]]:
    """All schedules on whole seconds."""
    seconds = range(int(job.release_s), int(job.deadline_s))
    count = int(job.duration_s)
    if not job.interruptible:
        blocks = [range(at, at + count) for at in seconds if at + count <= job.deadline_s]
        return [[Piece("DE", block[0], block[-1] + 1)] for block in blocks]
    return [_pieces(chosen) for chosen in combinations(seconds, count)]


def _pieces(seconds: tuple[int, ...]) -> list[Piece]:
    pieces: list[Piece] = []
    for second in seconds:
        if pieces and pieces[-1].end_s == second:
            pieces[-1] = Piece("DE", pieces[-1].start_s, second + 1)
        else:
            pieces.append(Piece("DE", second, second + 1))
    return pieces


@settings(max_examples=150, deadline=None)
@given(scenes())
def test_the_clairvoyant_is_what_trying_everything_finds(scene: tuple[Grid, SimulatedJob]) -> None:
    grid, job = scene
    best = min(grams_of(job, way, {"DE": grid}) for way in every_way(job))
    assert clairvoyant_g(job, grid, job.deadline_s) * JOULES_PER_KWH == pytest.approx(
        best * JOULES_PER_KWH, abs=1e-6
    )

"""Laws of the simulator: exact beside trying everything, past-only, in time, within capacity."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.control.simulation.clairvoyant import clairvoyant_g
from lichen.control.simulation.grid import Grid
from lichen.control.simulation.job import JOULES_PER_KWH, SimulatedJob
from lichen.control.simulation.outcome import JobOutcome, Simulation
from lichen.control.simulation.scoring import grams_of
from lichen.control.simulation.simulate import Options, simulate
from lichen.control.simulation.standing import Piece

HOUR = 3600
STEPS = 48
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


@settings(max_examples=100)
@given(scenes())
def test_the_clairvoyant_is_what_trying_everything_finds(scene: tuple[Grid, SimulatedJob]) -> None:
    grid, job = scene
    best = min(grams_of(job, way, {"DE": grid}) for way in every_way(job))
    assert clairvoyant_g(job, grid, job.deadline_s) * JOULES_PER_KWH == pytest.approx(
        best * JOULES_PER_KWH, abs=1e-6
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Grid], list[SimulatedJob]]:
    """Two days of some zones, and jobs of every kind in it, on and off the steps."""
    zones = ["DE", "FR"][: draw(st.integers(1, 2))]
    seed = draw(st.integers(0, 99))
    random = np.random.default_rng(seed)
    steps = STEPS
    grids = [Grid(zone, 0, HOUR, random.uniform(20.0, 600.0, steps).round(1)) for zone in zones]
    jobs = []
    for number in range(draw(st.integers(1, 5))):
        release = draw(st.integers(0, (steps - 18) * 4)) * HOUR / 4
        window = draw(st.integers(1, 72)) * HOUR / 4
        jobs.append(
            SimulatedJob(
                id=str(number),
                where=f"row {number}",
                release_s=release,
                deadline_s=release + window,
                duration_s=window * draw(st.sampled_from([0.05, 0.3, 0.5, 0.83, 1.0])),
                power_w=draw(st.sampled_from([0.0, 40.0, 2000.0])),
                interruptible=draw(st.booleans()),
                pause_cost_j=draw(st.sampled_from([0.0, 1e4, 2e6])),
                at_once_s=release,
                zones=draw(st.sampled_from([(), *((zone,) for zone in zones)])),
            )
        )
    return grids, jobs


def check_ran_in_time(jobs: list[SimulatedJob], done: Simulation) -> None:
    """Each job ran for as long as it takes, within its window, without overlap."""
    for job, outcome in zip(jobs, done.jobs, strict=True):
        spans = [(one.start.timestamp(), one.end.timestamp()) for one in outcome.segments]
        assert sum(end - start for start, end in spans) == pytest.approx(job.duration_s, abs=1e-3)
        assert all(before[1] < after[0] + 1e-3 for before, after in pairwise(spans))
        assert spans[0][0] >= job.release_s - 1e-3
        assert spans[-1][1] <= job.deadline_s + 1e-3
        assert job.interruptible or len(spans) == 1
        assert outcome.late_s == 0


@settings(max_examples=60)
@given(worlds())
def test_with_perfect_foresight_each_job_reaches_the_clairvoyant(
    world: tuple[list[Grid], list[SimulatedJob]],
) -> None:
    grids, jobs = world
    done = simulate(jobs, {grid.zone: grid for grid in grids}, Options(forecast="perfect"))
    check_ran_in_time(jobs, done)
    for outcome in done.jobs:
        assert outcome.grams == pytest.approx(outcome.grams_clairvoyant, rel=1e-4, abs=1e-9)


@settings(max_examples=40)
@given(
    worlds(),
    st.sampled_from(["outlook", "persistence", "noise:0.3"]),
    st.booleans(),
)
def test_no_forecast_beats_the_clairvoyant_or_misses_a_deadline(
    world: tuple[list[Grid], list[SimulatedJob]],
    forecast: str,
    replans: bool,  # noqa: FBT001
) -> None:
    grids, jobs = world
    options = Options(forecast=forecast, replans=replans)
    done = simulate(jobs, {grid.zone: grid for grid in grids}, options)
    check_ran_in_time(jobs, done)
    for outcome in done.jobs:
        assert outcome.grams >= outcome.grams_clairvoyant * (1 - 1e-9) - 1e-9


@settings(max_examples=40)
@given(
    worlds(),
    st.sampled_from(["outlook", "persistence"]),
    st.integers(1, STEPS),
)
def test_what_comes_later_alters_no_earlier_decision(
    world: tuple[list[Grid], list[SimulatedJob]], forecast: str, step: int
) -> None:
    grids, jobs = world
    moment = step * HOUR
    altered = [
        Grid(one.zone, 0, HOUR, np.where(np.arange(STEPS) < step, one.values, 700.0 - one.values))
        for one in grids
    ]
    before, after = (
        simulate(jobs, {grid.zone: grid for grid in some}, Options(forecast=forecast))
        for some in (grids, altered)
    )
    for one, other in zip(before.jobs, after.jobs, strict=True):
        assert ran_by(one, moment) == ran_by(other, moment)


def ran_by(outcome: JobOutcome, moment: float) -> list[tuple[str, float, float]]:
    """What a job ran before a moment."""
    spans = [
        (one.zone, one.start.timestamp(), min(one.end.timestamp(), moment))
        for one in outcome.segments
    ]
    return [span for span in spans if span[1] < moment]


@settings(max_examples=40)
@given(worlds(), st.integers(1, 2), st.sampled_from(["perfect", "outlook"]))
def test_no_more_runs_at_a_time_than_there_are_cores(
    world: tuple[list[Grid], list[SimulatedJob]], cores: int, forecast: str
) -> None:
    grids, jobs = world
    options = Options(forecast=forecast, cores={grid.zone: cores for grid in grids})
    done = simulate(jobs, {grid.zone: grid for grid in grids}, options)
    edges = sorted(
        (moment, change, one.zone)
        for job in done.jobs
        for one in job.segments
        for moment, change in ((one.start, 1), (one.end, -1))
    )
    running = dict.fromkeys((grid.zone for grid in grids), 0)
    for _, change, zone in edges:
        running[zone] += change
        assert running[zone] <= cores
    for job, outcome in zip(jobs, done.jobs, strict=True):
        ran = sum((one.end - one.start).total_seconds() for one in outcome.segments)
        assert ran == pytest.approx(job.duration_s, abs=1e-3)

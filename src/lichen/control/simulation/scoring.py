"""From when each job ran to grams, beside running at once and the best there was."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from lichen.control.simulation.clairvoyant import clairvoyant_g
from lichen.control.simulation.grid import Floats, Grid
from lichen.control.simulation.job import JOULES_PER_KWH, SimulatedJob
from lichen.control.simulation.outcome import JobOutcome, PlannerEffort, RanSegment, Totals
from lichen.control.simulation.run import Effort
from lichen.control.simulation.standing import Piece
from lichen.control.simulation.world import World
from lichen.core.units import NANOJOULES_PER_JOULE
from lichen.energy.power.parameters import MILLI, SPECPOWER_2017

WEEK_S = 7 * 86400
DRAWS = 2000
INTERVAL = (0.05, 0.95)
_LATE_S = 1e-3


def outcome(world: World, job: SimulatedJob, runs: Sequence[Sequence[Piece]]) -> JobOutcome:
    """How a job fared; of several runs the mean grams, and the segments of the first."""
    pieces = runs[0]
    zones = world.zones_of(job)
    end_s = world.end_of(job)
    return JobOutcome(
        id=job.id,
        segments=tuple(
            RanSegment(_moment(one.start_s), _moment(one.end_s), one.zone) for one in pieces
        ),
        grams=float(np.mean([_grams(world, job, one) for one in runs])),
        grams_at_once=at_once_g(job, world.grids[zones[0]]),
        grams_clairvoyant=min(clairvoyant_g(job, world.grids[zone], end_s) for zone in zones)
        if pieces
        else 0.0,
        nj=_nanojoules(job, pieces),
        late_s=_late_s(job, runs),
    )


def _late_s(job: SimulatedJob, runs: Sequence[Sequence[Piece]]) -> float:
    late = max(one[-1].end_s if one else 0.0 for one in runs) - job.deadline_s
    return late if late > _LATE_S else 0.0


def _grams(world: World, job: SimulatedJob, pieces: Sequence[Piece]) -> float:
    grams = grams_of(job, pieces, world.grids)
    if not world.counts_beyond:
        return grams
    end_s = world.clock.end_s
    beyond = sum(
        max(0.0, one.end_s - max(one.start_s, end_s)) * world.grids[one.zone].at(end_s)
        for one in pieces
    )
    return grams + job.power_w * beyond / JOULES_PER_KWH


def grams_of(job: SimulatedJob, pieces: Sequence[Piece], grids: Mapping[str, Grid]) -> float:
    """gCO2e of a job that ran like this; a pause is paid for when the job goes on."""
    work = sum(grids[one.zone].integral(one.start_s, one.end_s) for one in pieces)
    resumed = sum(grids[one.zone].at(one.start_s) for one in pieces[1:])
    return (job.power_w * work + job.pause_cost_j * resumed) / JOULES_PER_KWH


def at_once_g(job: SimulatedJob, grid: Grid) -> float:
    """gCO2e of running when nobody plans it; what lies after the end of the grid counts nothing."""
    work = grid.integral(job.at_once_s, job.at_once_s + job.duration_s)
    return job.power_w * work / JOULES_PER_KWH


def _nanojoules(job: SimulatedJob, pieces: Sequence[Piece]) -> int:
    seconds = sum(one.end_s - one.start_s for one in pieces)
    joules = job.power_w * seconds + job.pause_cost_j * max(0, len(pieces) - 1)
    return round(joules * NANOJOULES_PER_JOULE)


def totals(jobs: Sequence[SimulatedJob], outcomes: Sequence[JobOutcome], effort: Effort) -> Totals:
    """The sums over all jobs, and the share of the clairvoyant saving with its interval."""
    grams, at_once, best = (
        np.asarray([getattr(one, name) for one in outcomes])
        for name in ("grams", "grams_at_once", "grams_clairvoyant")
    )
    saved, possible = at_once - grams, at_once - best
    weeks = np.asarray([int(job.release_s // WEEK_S) for job in jobs])
    share, low, high = share_of(saved, possible, weeks)
    before = float(at_once.sum())
    return Totals(
        jobs=len(jobs),
        late=sum(one.late_s > 0 for one in outcomes),
        grams=float(grams.sum()),
        grams_at_once=before,
        grams_clairvoyant=float(best.sum()),
        saved_percent=100 * float(saved.sum()) / before if before else None,
        share=share,
        share_low=low,
        share_high=high,
        nj=sum(one.nj for one in outcomes),
        pauses=sum(max(0, len(one.segments) - 1) for one in outcomes),
        planner=planner_effort(effort, float(saved.sum())),
    )


def share_of(
    saved: Floats, possible: Floats, weeks: np.ndarray, seed: int = 0
) -> tuple[float | None, float | None, float | None]:
    """What was saved of what could have been, and the 90 % interval by drawing whole weeks anew.

    Jobs of one week share its weather, so weeks are drawn, not jobs (block bootstrap); one week
    alone says nothing of others.
    """
    if possible.sum() <= 0:
        return None, None, None
    found, group = np.unique(weeks, return_inverse=True)
    if len(found) == 1:
        return float(saved.sum() / possible.sum()), None, None
    by_week = np.stack([np.bincount(group, weights=one) for one in (saved, possible)])
    drawn = np.random.default_rng(seed).integers(by_week.shape[1], size=(DRAWS, by_week.shape[1]))
    above, below = by_week[:, drawn].sum(axis=2)
    shares = above[below > 0] / below[below > 0]
    low, high = np.quantile(shares, INTERVAL)
    return float(saved.sum() / possible.sum()), float(low), float(high)


def planner_effort(effort: Effort, saved_g: float) -> PlannerEffort:
    """What planning took, by the model of a host without a meter (M2)."""
    nanojoules_per_ns = SPECPOWER_2017.slope.median_mw / MILLI
    nj = round(effort.cpu_ns * nanojoules_per_ns)
    grams = effort.weighted * nanojoules_per_ns / NANOJOULES_PER_JOULE / JOULES_PER_KWH
    return PlannerEffort(
        plans=effort.plans,
        methods=dict(effort.methods),
        cpu_seconds=effort.cpu_ns / 1e9,
        nj=nj,
        grams=grams,
        share_of_saving=grams / saved_g if saved_g > 0 else None,
    )


def _moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)

"""The best that one job could have done, alone and knowing all: exact, whatever its kind.

Between the edges of steps the intensity stands still, so the cost of a schedule is linear in the
moments at which its segments begin and end. Of all best ones, one has at most a single moment that
is neither the edge of a step nor a bound of the window: that leaves few enough to try them all.
"""

from dataclasses import dataclass

import numpy as np

from lichen.control.simulation.grid import Floats, Grid
from lichen.control.simulation.job import JOULES_PER_KWH, SimulatedJob

_CLOSE_S = 1e-6


def clairvoyant_g(job: SimulatedJob, grid: Grid, end_s: float) -> float:
    """gCO2e of the cheapest way to run a job between its release and a moment.

    Args:
        job: whose; as much of it runs as has room.
        grid: the intensities as they came true.
        end_s: it is done by then.
    """
    edges, values = grid.within(job.release_s, end_s)
    duration = min(job.duration_s, end_s - job.release_s)
    if not job.interruptible:
        return job.power_w * cheapest_block(edges, values, duration)[1] / JOULES_PER_KWH
    if job.pause_cost_j == 0:
        return job.power_w * _cheapest_seconds(edges, values, duration) / JOULES_PER_KWH
    return _with_pauses(job, edges, values, duration) / JOULES_PER_KWH


def cheapest_block(edges: Floats, values: Floats, duration: float) -> tuple[float, float]:
    """When a block of so many seconds begins at its cheapest, and its g/kWh x s.

    The cost bends only where the block's begin or end passes an edge.
    """
    summed = np.concatenate(([0.0], np.cumsum(np.diff(edges) * values)))
    begins = np.concatenate((edges, edges - duration))
    latest = edges[-1] - duration
    begins = np.unique(begins[(begins >= edges[0]) & (begins <= latest)])
    if not len(begins):
        begins = np.asarray([edges[0]])
    costs = np.interp(begins + duration, edges, summed) - np.interp(begins, edges, summed)
    best = int(np.argmin(np.round(costs, 6)))
    return float(begins[best]), float(costs[best])


def _cheapest_seconds(edges: Floats, values: Floats, duration: float) -> float:
    """g/kWh x s of the cheapest seconds, wherever they lie."""
    order = np.argsort(values, kind="stable")
    lengths = np.diff(edges)[order]
    before = np.cumsum(lengths) - lengths
    used = np.clip(duration - before, 0.0, lengths)
    return float(used @ values[order])


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the duration is made up: of whole steps, of a part of one, and of the clipped ends."""

    first: bool
    last: bool
    whole: int
    part_s: float


def _with_pauses(job: SimulatedJob, edges: Floats, values: Floats, duration: float) -> float:
    """Joules x g/kWh of the best with every pause paid for."""
    lengths = np.diff(edges)
    step = float(lengths.max())
    shapes = {
        shape
        for first in (False, True)
        for last in (False, True)
        if (shape := _shape(lengths, step, duration, first=first, last=last)) is not None
    }
    return min(_best_of_shape(job, lengths, values, shape) for shape in shapes)


def _shape(
    lengths: Floats, step: float, duration: float, *, first: bool, last: bool
) -> _Shape | None:
    """None where the ends are whole steps anyway, or longer than the job."""
    clipped_first = lengths[0] < step - _CLOSE_S
    clipped_last = len(lengths) > 1 and lengths[-1] < step - _CLOSE_S
    if (first and not clipped_first) or (last and not clipped_last):
        return None
    left = duration - first * lengths[0] - last * lengths[-1]
    if left < -_CLOSE_S:
        return None
    whole = int((left + _CLOSE_S) // step)
    part = left - whole * step
    return _Shape(first, last, whole, part if part > _CLOSE_S else 0.0)


@dataclass(slots=True)
class _Costs:
    """Least joules x g/kWh up to the end of a step, `(whole + 1,)` by whole steps used so far.

    `rested` and `ran` say what the job did at the step's very end; the first of each pair stands
    before the part of a step is used, the second after. `idle` is of a job that has not begun.
    """

    rested: tuple[Floats, Floats]
    ran: tuple[Floats, Floats]
    idle: float


def _best_of_shape(job: SimulatedJob, lengths: Floats, values: Floats, shape: _Shape) -> float:
    """By dynamic programming over the steps, for every number of whole steps used so far."""
    never = np.full(shape.whole + 1, np.inf)
    costs = _Costs((never, never), (never, never), 0.0)
    step = float(lengths.max())
    for at, length in enumerate(lengths.tolist()):
        work, resume = job.power_w * float(values[at]), job.pause_cost_j * float(values[at])
        clipped = length < step - _CLOSE_S
        if clipped and (shape.first if at == 0 else shape.last):
            costs = _clipped_end(costs, resume, work * length)
            continue
        part_s = shape.part_s if 0 < shape.part_s <= length + _CLOSE_S else None
        costs = _after_step(
            costs,
            resume,
            whole=None if clipped else work * length,
            part=None if part_s is None else work * part_s,
        )
    after = 1 if shape.part_s else 0
    return float(min(costs.rested[after][-1], costs.ran[after][-1]))


def _begun(costs: _Costs, resume: float, part: int) -> tuple[Floats, Floats]:
    """The cost of going on after a rest, and the least of going on at the step's begin."""
    after_rest = costs.rested[part] + resume
    if part == 0:
        after_rest = after_rest.copy()
        after_rest[0] = min(after_rest[0], costs.idle)
    return after_rest, np.minimum(after_rest, costs.ran[part])


def _clipped_end(costs: _Costs, resume: float, paid: float) -> _Costs:
    """The first or the last step of the window is shorter, and used from end to end."""
    never = np.full_like(costs.ran[0], np.inf)
    ran = tuple(_begun(costs, resume, part)[1] + paid for part in (0, 1))
    return _Costs((never, never), (ran[0], ran[1]), np.inf)


def _after_step(costs: _Costs, resume: float, *, whole: float | None, part: float | None) -> _Costs:
    """A step later: it rested, ran through it, or ran the part at its begin or at its end."""
    rested = [np.minimum(costs.rested[at], costs.ran[at]) for at in (0, 1)]
    ran = [np.full_like(one, np.inf) for one in rested]
    if whole is not None:
        for at in (0, 1):
            ran[at][1:] = _begun(costs, resume, at)[1][:-1] + whole
    if part is not None:
        after_rest, at_begin = _begun(costs, resume, 0)
        rested[1] = np.minimum(rested[1], at_begin + part)
        ran[1] = np.minimum(ran[1], np.minimum(after_rest, costs.ran[0] + resume) + part)
    return _Costs((rested[0], rested[1]), (ran[0], ran[1]), costs.idle)

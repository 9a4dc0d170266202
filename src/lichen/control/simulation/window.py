"""Whether each job can run in a world at all: its zones, its place, and its time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.world import World
from lichen.core.errors import InvalidInput

_CLOSE_S = 1e-6


class Outside(StrEnum):
    """What becomes of jobs whose window does not lie within the grids' time."""

    REFUSE = "refuse"
    """The simulation is refused, unless it is but the end of a window: that ends with the grids."""
    DROP = "drop"
    """They are left out."""
    CUT = "cut"
    """As in published work: what runs after its end is not counted, and what would have to begin
    before it does not run, though it counts as run at once."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """The jobs that count, those of them that run, and remarks on the others."""

    counted: tuple[SimulatedJob, ...]
    run: tuple[SimulatedJob, ...]
    remarks: tuple[str, ...]


def fitting(jobs: Sequence[SimulatedJob], world: World, outside: Outside) -> Fitting:
    """The jobs that are simulated.

    Raises:
        InvalidInput: no job is left, or one cannot run; the message says where it is written.
    """
    for job in jobs:
        _check_place(job, world)
        _check_length(job, world)
    counted = _counted(jobs, world, outside)
    run = [job for job in counted if world.clock.start_s <= job.release_s < world.clock.end_s]
    if not run:
        raise InvalidInput("no job lies within the time of the intensities: " + _span(world))
    ends = sum(_end(job, world) > world.clock.end_s for job in run)
    past = "reach beyond the end of the intensities: " + (
        "what runs after it is not counted"
        if outside is Outside.CUT
        else "their windows are taken to end there"
    )
    said = (
        (len(jobs) - len(counted), "were left out: they lie outside of that of the intensities"),
        (len(counted) - len(run), "would begin before the intensities, and count at once alone"),
        (ends, past),
    )
    remarks = tuple(f"{count} jobs {text} ({_span(world)})" for count, text in said if count)
    return Fitting(tuple(counted), tuple(run), remarks)


def _counted(jobs: Sequence[SimulatedJob], world: World, outside: Outside) -> list[SimulatedJob]:
    match outside:
        case Outside.CUT:
            return [job for job in jobs if _touches(job, world)]
        case Outside.DROP:
            return [job for job in jobs if not _is_outside(job, world)]
        case Outside.REFUSE:
            for job in jobs:
                if not _runs_inside(job, world):
                    raise InvalidInput(_outside(job, world))
            return list(jobs)


def _check_place(job: SimulatedJob, world: World) -> None:
    name = f"{job.where}: job {job.id!r}"
    unknown = [zone for zone in job.zones if zone not in world.grids]
    if unknown:
        raise InvalidInput(
            f"{name} may run in {', '.join(unknown)}, of which there is no intensity: there is "
            + ", ".join(world.grids)
        )
    if all(job.cores > world.cores.get(zone, job.cores) for zone in world.zones_of(job)):
        raise InvalidInput(
            f"{name} needs {job.cores} cores, more than any of its zones has: give it fewer"
        )


def _check_length(job: SimulatedJob, world: World) -> None:
    window = job.deadline_s - job.release_s + world.steps_beyond * world.clock.step_s
    if job.duration_s > window + _CLOSE_S:
        raise InvalidInput(
            f"{job.where}: job {job.id!r} takes {job.duration_s:g} s, longer than the {window:g} s "
            "between its release and its deadline: give a later deadline"
        )


def _is_outside(job: SimulatedJob, world: World) -> bool:
    begin_s = min(job.release_s, job.at_once_s)
    return begin_s < world.clock.start_s or _end(job, world) > world.clock.end_s


def _runs_inside(job: SimulatedJob, world: World) -> bool:
    """Whether it could be run at once, and may begin, within the grids' time."""
    begin_s = min(job.release_s, job.at_once_s)
    end_s = max(job.release_s, job.at_once_s) + job.duration_s
    return begin_s >= world.clock.start_s and end_s <= world.clock.end_s + _CLOSE_S


def _end(job: SimulatedJob, world: World) -> float:
    """Of its window, or of its run at once if that ends later."""
    window_s = job.deadline_s + world.steps_beyond * world.clock.step_s
    return max(window_s, job.at_once_s + job.duration_s) - _CLOSE_S


def _touches(job: SimulatedJob, world: World) -> bool:
    """Whether any of it lies within the grids' time, run at once."""
    clock = world.clock
    return job.at_once_s < clock.end_s and job.at_once_s + job.duration_s > clock.start_s


def _outside(job: SimulatedJob, world: World) -> str:
    return (
        f"{job.where}: the window of job {job.id!r}, {_text(job.release_s)} to "
        f"{_text(job.deadline_s)}, leaves it no time within that of the intensities, "
        f"{_span(world)}: give a longer series, or --outside drop"
    )


def _span(world: World) -> str:
    return f"{_text(world.clock.start_s)} to {_text(world.clock.end_s)}"


def _text(second: float) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%MZ}"

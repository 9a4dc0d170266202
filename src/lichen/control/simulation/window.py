"""Whether each job can run in a world at all: its zones, its place, and its time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.world import World
from lichen.core.errors import InvalidInput

_CLOSE_S = 1e-6


class Outside(StrEnum):
    """What becomes of jobs whose window does not lie within the grids' time."""

    REFUSE = "refuse"
    """The simulation is refused."""
    DROP = "drop"
    """They are left out."""
    CUT = "cut"
    """Those that are released in that time stay; what runs after its end is not counted."""


def fitting(
    jobs: Sequence[SimulatedJob], world: World, outside: Outside
) -> tuple[list[SimulatedJob], list[str]]:
    """The jobs that are simulated, and remarks on those that are not.

    Raises:
        InvalidInput: no job is left, or one cannot run; the message says where it is written.
    """
    kept, cut = [], 0
    for job in jobs:
        _check_place(job, world)
        _check_length(job, world)
        if not _is_outside(job, world):
            kept.append(job)
        elif outside is Outside.REFUSE:
            raise InvalidInput(_outside(job, world))
        elif outside is Outside.CUT and _begins_inside(job, world):
            kept.append(job)
            cut += 1
    if not kept:
        raise InvalidInput("no job lies within the time of the intensities: " + _span(world))
    remarks = []
    if len(kept) < len(jobs):
        remarks.append(
            f"{len(jobs) - len(kept)} jobs were left out: they lie outside of the time of the "
            f"intensities, {_span(world)}"
        )
    if cut:
        remarks.append(
            f"{cut} jobs reach beyond the end of the intensities: what runs after it is not counted"
        )
    return kept, remarks


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
    end_s = job.deadline_s + world.steps_beyond * world.clock.step_s
    begin_s = min(job.release_s, job.at_once_s)
    end_s = max(end_s, job.at_once_s + job.duration_s)
    return begin_s < world.clock.start_s or end_s > world.clock.end_s + _CLOSE_S


def _begins_inside(job: SimulatedJob, world: World) -> bool:
    clock = world.clock
    return clock.start_s <= min(job.release_s, job.at_once_s) and job.release_s < clock.end_s


def _outside(job: SimulatedJob, world: World) -> str:
    return (
        f"{job.where}: the window of job {job.id!r}, {_text(job.release_s)} to "
        f"{_text(job.deadline_s)}, does not lie within that of the intensities, {_span(world)}: "
        "give a longer series, or --outside drop"
    )


def _span(world: World) -> str:
    return f"{_text(world.clock.start_s)} to {_text(world.clock.end_s)}"


def _text(second: float) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%MZ}"

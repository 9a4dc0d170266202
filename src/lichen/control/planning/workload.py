"""A job as the planner sees it, and the places where jobs run."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.core.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is left to do of one job, and within which bounds.

    Attributes:
        id: of the job.
        release: it may not run before.
        deadline: it has to be done by then, whatever the carbon.
        duration: how long it is expected to run still, at full speed.
        longest: how long it may take at worst: what a deadline is kept for.
        power_w: drawn while it runs, above the idle machine.
        interruptible: whether it may pause at a checkpoint and go on later.
        pause_cost_j: energy of one pause and resume.
        priority: of two that want one place, the higher gets it.
        zones: where it may run; empty means at every site.
        cores: that it holds while it runs.
        memory_bytes: that it holds while it runs.
        budget_g: gCO2e that may be spent on it; None where no budget speaks of it.
        running_in: the zone in which it runs now; None while it waits.
        has_begun: whether it has run already: while it waits then, its next start is a resume.
    """

    id: str
    release: datetime
    deadline: datetime
    duration: timedelta
    power_w: float
    longest: timedelta | None = None
    interruptible: bool = False
    pause_cost_j: float = 0.0
    priority: int = 0
    zones: tuple[str, ...] = ()
    cores: int = 1
    memory_bytes: int = 0
    budget_g: float | None = None
    running_in: str | None = None
    has_begun: bool = False

    @property
    def at_worst(self) -> timedelta:
        """How long it may take at worst."""
        return self.duration if self.longest is None else max(self.duration, self.longest)


@dataclass(frozen=True, slots=True)
class Site:
    """A worker, or as many alike as share a zone: what runs there at a time."""

    zone: str
    cores: int
    memory_bytes: int | None = None


def checked_workload(workload: Workload) -> Workload:
    """The workload itself, if it can be planned at all.

    Raises:
        InvalidInput: its deadline lies before its release, it is longer than its window, or a
            figure cannot be.
    """
    name = f"job {workload.id!r}"
    if workload.deadline < workload.release:
        raise InvalidInput(
            f"{name}: its deadline {workload.deadline.isoformat()} lies before its release "
            f"{workload.release.isoformat()}: give a later deadline"
        )
    if workload.duration > workload.deadline - workload.release:
        raise InvalidInput(
            f"{name} needs {workload.duration}, longer than the "
            f"{workload.deadline - workload.release} between its release and its deadline: "
            "give a later deadline"
        )
    if workload.duration <= timedelta(0) or not 0 <= workload.power_w < float("inf"):
        raise InvalidInput(f"{name} needs a duration above 0 and a power of 0 W or more")
    if workload.cores < 1 or not 0 <= workload.pause_cost_j < float("inf"):
        raise InvalidInput(f"{name} needs at least one core, and a pause that costs 0 J or more")
    return workload

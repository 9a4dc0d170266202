"""A job of a simulation: what it needs, and when it may run."""

from dataclasses import dataclass

JOULES_PER_KWH = 3_600_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedJob:
    """One row of a file of jobs; times are seconds since 1970 in UTC.

    Attributes:
        id: of the job.
        where: it is written, for what is said about it.
        release_s: it may not run before.
        deadline_s: it has to be done by then.
        duration_s: how long it runs.
        power_w: drawn while it runs.
        interruptible: whether it may pause and go on later.
        pause_cost_j: energy of one pause and resume, spent when it goes on.
        at_once_s: when it runs if nobody plans it: its release unless the file says otherwise.
        cores: that it holds while it runs.
        priority: of two that want one place, the higher gets it.
        zones: where it may run; empty means in every zone.
    """

    id: str
    where: str
    release_s: float
    deadline_s: float
    duration_s: float
    power_w: float
    interruptible: bool = False
    pause_cost_j: float = 0.0
    at_once_s: float
    cores: int = 1
    priority: int = 0
    zones: tuple[str, ...] = ()

    @property
    def joules(self) -> float:
        """Of the work itself, without pauses."""
        return self.duration_s * self.power_w

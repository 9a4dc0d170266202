"""What the planner intends: for each job when and where it runs, what that costs, and why."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Method(StrEnum):
    """How a plan was found."""

    EXACT = "exact"
    """Each job by itself, by sorting or dynamic programming: nothing else wants its place."""
    PROGRAM = "program"
    """All together, as a linear or mixed-integer program solved to its optimum."""
    HEURISTIC = "heuristic"
    """All together, one after the other: the program took too long."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A span in which a job runs without a pause."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Intention:
    """What is intended of one job.

    Attributes:
        job_id: whose.
        zone: where it runs; empty when it cannot be planned.
        segments: when, in order of time; the first begins now when it is to run now.
        expected_g: gCO2e of them, with the 10 % and 90 % quantiles over the courses; None where no
            outlook speaks of any zone in which it may run.
        low_g: see `expected_g`.
        high_g: see `expected_g`.
        at_once_g: gCO2e expected of running at once and without a pause; None likewise.
        why: one sentence for people.
        is_late: whether no plan meets its deadline: then it runs as soon as it can.
    """

    job_id: str
    zone: str
    segments: tuple[Segment, ...]
    expected_g: float | None
    low_g: float | None
    high_g: float | None
    at_once_g: float | None
    why: str
    is_late: bool = False

    @property
    def starts_at(self) -> datetime | None:
        """When it next runs."""
        return self.segments[0].start if self.segments else None

    @property
    def saved_g(self) -> float | None:
        """gCO2e expected to be saved against running at once; None where nothing is foreseen."""
        if self.at_once_g is None or self.expected_g is None:
            return None
        return self.at_once_g - self.expected_g


@dataclass(frozen=True, slots=True)
class Plan:
    """Intentions for all jobs, in the order in which the jobs were given."""

    made_at: datetime
    method: Method
    intentions: tuple[Intention, ...]
    remarks: tuple[str, ...] = ()

    def of(self, job_id: str) -> Intention | None:
        """What is intended of one job; None where it was not asked for."""
        return next((one for one in self.intentions if one.job_id == job_id), None)

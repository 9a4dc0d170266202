"""A workload in whole microseconds from now: what the arithmetic of a plan counts in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.control.planning.workload import Workload

MICROSECOND = timedelta(microseconds=1)
Span = tuple[int, int]
"""From, to, in microseconds from now."""
Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """What a job needs, counted from the moment of planning.

    Attributes:
        workload: whose.
        release: it may run from here; 0 is now.
        work: how long it runs.
        due: its deadline; below 0 when that has passed.
        end: its last expected end which leaves time for the worst case before the deadline.
    """

    workload: Workload
    release: int
    work: int
    due: int
    end: int

    @property
    def is_late(self) -> bool:
        """Whether it misses its deadline even when it runs at once."""
        return self.release + self.work > self.due

    @property
    def is_urgent(self) -> bool:
        """Whether waiting would put its deadline in danger."""
        return self.release + self.work >= self.end

    @property
    def at_once(self) -> Span:
        """The span of running at once, without a pause."""
        return (self.release, self.release + self.work)

    @property
    def is_fixed(self) -> bool:
        """Whether nothing is left to decide: it runs, and cannot be paused."""
        return self.workload.running_in is not None and not self.workload.interruptible


def need_of(workload: Workload, now: datetime) -> Need:
    """The workload as seen from `now`; its worst case eats into the time before the deadline.

    One that should be done by now still has something to do.
    """
    work = max(1, workload.duration // MICROSECOND)
    due = (workload.deadline - now) // MICROSECOND
    reserve = (workload.at_worst - workload.duration) // MICROSECOND
    release = max(0, (workload.release - now) // MICROSECOND)
    return Need(workload, release, work, due, due - reserve)


def joined(spans: list[Span]) -> Spans:
    """The spans in order of time, those that touch made one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and whole[-1][1] == start:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return tuple(whole)

"""Recurring work as a record, and which of its runs are due: pure, by a clock that is handed in.

What is due goes by these rules:

- No due moment becomes a job twice, wherever the clock jumps: none up to `settled_until` is judged
  again, and where that lies in the future because the clock was set back, none that ran already.
- After downtime at most one run is made up for, the newest; the older ones are recorded as missed.
- It is made up for while its window lasts, and later only if its kind is of use late; then, and
  with less than half of its window left, it runs at once.
- While the run before it has not ended, a run is skipped and recorded.
- What was due while the work was paused is neither made up for nor recorded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice

from lichen.control.periods import Period
from lichen.protocol.admin import JobKind, JsonObject
from lichen.protocol.scheduling import ScheduleRequest

MOST_RUNS_KEPT = 20
MOST_COUNTED = 1000
"""Missed runs are counted no further."""
ON_TIME = timedelta(minutes=1)
"""A run that is judged so soon after it was due is no late one."""
FURTHEST_AHEAD = timedelta(hours=1)
"""A clock that was set back by less is waited for."""
LONGEST_DEFAULT_WINDOW = timedelta(hours=48)


class Outcome(StrEnum):
    """What became of a due moment."""

    SUBMITTED = "submitted"
    MISSED = "missed"
    SKIPPED = "skipped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one due moment, or of `count` that were missed from `due` to `last_due`."""

    due: datetime
    outcome: Outcome
    sentence: str = ""
    job_id: str | None = None
    count: int = 1
    last_due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """One row of the collection `schedules`.

    Attributes:
        id: its own, also when a later one has the same name.
        every: as its sender wrote it; `period` is what it means.
        window: how long after it is due a run may be shifted.
        schedule: what else the sender says of when a run may be; its deadline is the window's.
        is_made_late: whether a run whose window has passed is still of use.
        settled_until: no due moment up to this one is judged again.
        runs: what became of the newest due moments, oldest first.
    """

    id: str
    name: str
    tenant: str
    kind: JobKind
    spec: JsonObject
    every: str
    period: Period
    window: timedelta
    schedule: ScheduleRequest
    is_made_late: bool
    created_by: str
    created_at: datetime
    settled_until: datetime
    is_paused: bool = False
    runs: tuple[Run, ...] = ()

    @property
    def next_due(self) -> datetime | None:
        """The first due moment that is not settled; None while paused."""
        return None if self.is_paused else self.period.after(self.settled_until)

    @property
    def last_job(self) -> str | None:
        """The job of the newest run that became one."""
        return next((run.job_id for run in reversed(self.runs) if run.job_id), None)

    def settled(self, *runs: Run) -> "Recurrence":
        """With what became of more due moments."""
        until = max((run.last_due or run.due for run in runs), default=self.settled_until)
        return replace(
            self,
            settled_until=max(until, self.settled_until),
            runs=_newest((*self.runs, *runs)),
        )

    def rewound(self, now: datetime) -> "Recurrence":
        """Goes by this clock again, where it was settled by one that stood far ahead."""
        if self.settled_until - now <= FURTHEST_AHEAD:
            return self
        return replace(self, settled_until=now)

    def ran(self, due: datetime) -> bool:
        """Whether a due moment became a job, as far as is kept."""
        return any(run.due == due and run.job_id for run in self.runs)

    def paused(self) -> "Recurrence":
        """Nothing is due until it is resumed."""
        return replace(self, is_paused=True)

    def resumed(self, now: datetime) -> "Recurrence":
        """Due again from now on; what was due in between is not made up for."""
        if not self.is_paused:
            return self
        return replace(self, is_paused=False, settled_until=max(now, self.settled_until))


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run to be submitted now; without a deadline it runs at once, since it is late."""

    due: datetime
    deadline: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class DueRuns:
    """What is due: what is settled already, in order, and then the run to be submitted."""

    settled: tuple[Run, ...] = ()
    run: DueRun | None = None


@dataclass(frozen=True, slots=True)
class UpcomingRun:
    """A run that is to come."""

    name: str
    tenant: str
    kind: JobKind
    due: datetime
    deadline: datetime


def due_runs(record: Recurrence, now: datetime, open_job: str | None = None) -> DueRuns:
    """What is due by the rules above.

    Args:
        record: the recurring work.
        now: the time of day.
        open_job: the job of the run before, where it has not ended.
    """
    if record.is_paused or record.period.after(record.settled_until) > now:
        return DueRuns()
    newest = record.period.latest(record.settled_until, now)
    if newest is None:
        return DueRuns()
    older = _missed(record, newest)
    run = _run_of(record, newest, now)
    if run is None:
        sentence = "its window passed before the platform could submit it"
        return DueRuns((*older, Run(due=newest, outcome=Outcome.MISSED, sentence=sentence)))
    skipped = _reason_to_skip(record, newest, open_job)
    if skipped is not None:
        return DueRuns((*older, Run(due=newest, outcome=Outcome.SKIPPED, sentence=skipped)))
    return DueRuns(older, run)


def upcoming(
    records: Iterable[Recurrence], now: datetime, until: datetime, most: int = MOST_COUNTED
) -> list[UpcomingRun]:
    """The runs that will be due after now and up to a moment, soonest first, `most` of them."""
    by_record = [_to_come(record, now, until) for record in records]
    return list(islice(merge(*by_record, key=lambda run: (run.due, run.name)), most))


def default_window(period: Period) -> timedelta:
    """Three quarters of the shortest distance of two runs, and at most two days."""
    return min(period.shortest_gap * 3 / 4, LONGEST_DEFAULT_WINDOW)


def _missed(record: Recurrence, newest: datetime) -> tuple[Run, ...]:
    """Those before the newest, as one; beyond `MOST_COUNTED` they are no longer counted."""
    dues = record.period.between(record.settled_until, newest)
    first = next(dues)
    if first == newest:
        return ()
    others = sum(1 for due in islice(dues, MOST_COUNTED) if due < newest)
    count = 1 + min(others, MOST_COUNTED - 1)
    more = " or more" if count == MOST_COUNTED else ""
    sentence = (
        f"{count}{more} {'was' if count == 1 else 'were'} due while the platform did not run; "
        "only the newest is made up for"
    )
    last = record.period.latest(record.settled_until, newest - timedelta(seconds=1))
    return (Run(due=first, outcome=Outcome.MISSED, sentence=sentence, count=count, last_due=last),)


def _reason_to_skip(record: Recurrence, due: datetime, open_job: str | None) -> str | None:
    if record.ran(due):
        return "it ran already, before the clock was set back"
    return None if open_job is None else f"the run before it, job {open_job}, has not ended"


def _run_of(record: Recurrence, due: datetime, now: datetime) -> DueRun | None:
    deadline = due + record.window
    is_late = now - due > ON_TIME
    if now - due <= max(record.window / 2, ON_TIME) and now < deadline:
        return DueRun(due, deadline, is_late)
    if now < deadline or record.is_made_late:
        return DueRun(due, None, is_late=True)
    return None


def _to_come(record: Recurrence, now: datetime, until: datetime) -> Iterator[UpcomingRun]:
    if record.is_paused:
        return
    for due in record.period.between(max(now, record.settled_until), until):
        yield UpcomingRun(record.name, record.tenant, record.kind, due, due + record.window)


def _newest(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The last of them, and the newest that became a job: a later run waits for its end."""
    kept = runs[-MOST_RUNS_KEPT:]
    job = next((run for run in reversed(runs) if run.job_id), None)
    return kept if job is None or job in kept else (job, *kept)

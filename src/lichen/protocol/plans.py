"""Messages of the control plane about plans: when jobs are to run, for how many grams, and why.

Carbon is integer nanograms, energy integer nanojoules, times RFC 3339 UTC.
"""

from datetime import datetime

import msgspec

from lichen.protocol.admin import JobKind, JobState


class PlannedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a job is to run without a pause."""

    start: datetime
    end: datetime


class Likely(msgspec.Struct, frozen=True, kw_only=True):
    """The median of a whole number with its 10 % and 90 % quantiles."""

    median: int
    low: int
    high: int


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is intended of one job.

    `expected_ng` is of the whole job, what has run of it included, with its 10 % and 90 %
    quantiles; `at_once_ng` is of the same energy run at once when the job was released, as was
    foreseen then; `saved_ng` is the difference. All are absent where nobody foresees the grid.
    `seconds`, `cpu_seconds` (of all threads; absent where no earlier job says) and `nj` are what a
    job like it needs in all, by `basis`. Whatever the plan says, the job runs from `must_start_by`
    on, to be done by its deadline.
    """

    job: str
    kind: JobKind
    state: JobState
    tenant: str
    name: str
    zone: str
    segments: list[PlannedSpan]
    release: datetime
    deadline: datetime
    must_start_by: datetime
    interruptible: bool
    priority: int
    seconds: Likely
    cpu_seconds: Likely | None
    nj: Likely
    power_w: float
    basis: str
    expected_ng: int | None
    expected_ng_low: int | None
    expected_ng_high: int | None
    at_once_ng: int | None
    saved_ng: int | None
    why: str
    is_late: bool
    method: str
    made_at: datetime


class PlannerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What planning cost so far, and what the jobs saved that have ended since.

    `saved_ng` compares their receipts with running at once as that was foreseen; it is below 0
    where waiting cost more. `share_of_saved` is grams of planning for each gram saved, absent
    before anything was.
    """

    plans: int
    nj: int
    ng: int
    jobs: int
    saved_ng: int
    share_of_saved: float | None


class DueRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run of recurring work that is to come: nothing is planned for it before it is `due`."""

    schedule: str
    kind: JobKind
    due: datetime
    deadline: datetime


class StandingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the standing plan, by the ids of the jobs; `next` is the following page's cursor.

    `made_at` and `method` are absent before the first plan. `due` are runs of recurring work in
    the hours that were asked for, soonest first, at most 100.
    """

    items: list[JobPlan]
    zone: str
    made_at: datetime | None
    method: str | None
    remarks: list[str]
    planner: PlannerAccount
    due: list[DueRun] = []
    next: str | None = None

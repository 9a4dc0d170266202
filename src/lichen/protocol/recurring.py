"""Messages of the control plane about recurring work: what is submitted again and again, and when.

Times RFC 3339 UTC.
"""

from datetime import datetime
from typing import Literal

import msgspec

from lichen.protocol.admin import JobRequest, JobState

RunOutcome = Literal["submitted", "missed", "skipped", "refused"]


class NewRecurringSchedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST schedules`: a job again and again, under a name that is new.

    `every` is `hour`, `day`, `week`, `month`, or a cron expression of five fields, by the clocks of
    `timezone`. The `deadline` of the job's schedule is a duration: for so long after each due
    moment it may be shifted to a cleaner time.
    """

    name: str
    every: str
    timezone: str = "UTC"
    job: JobRequest


class RecurringRun(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a due moment, or of `count` that were missed since `due`.

    `submitted` names its `job`, whose `state` is that of now; the others say why in `message`.
    """

    due: datetime
    outcome: RunOutcome
    message: str = ""
    job: str | None = None
    state: JobState | None = None
    count: int = 1


class RecurringSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Recurring work: when it is due next, and what became of the last times.

    Each run may be shifted within `window_seconds` after it is due. `runs` are the newest, oldest
    first; `upcoming` the next due moments, empty while it is paused.
    """

    name: str
    tenant: str
    every: str
    timezone: str
    window_seconds: int
    job: JobRequest
    paused: bool
    created_by: str
    created_at: datetime
    next_due: datetime | None = None
    last_due: datetime | None = None
    last_job: str | None = None
    runs: list[RecurringRun] = []
    upcoming: list[datetime] = []

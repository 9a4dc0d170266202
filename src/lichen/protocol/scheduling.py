"""When a job may run: as its sender asks, and as it is kept. Times RFC 3339 UTC, durations `6h`."""

from datetime import datetime

import msgspec


class ScheduleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a job that can wait: until when, and whether it may be shifted to a cleaner time.

    `deadline` and `earliest` are a moment, or a duration from now such as `90min`, `12h` or `2d`.
    A deadline alone makes the job green; `green` alone gives it 24 hours. `zones` limits where it
    may run; empty means wherever this platform has a worker. Of two jobs, the one of higher
    `priority` gets the place that both want.
    """

    deadline: str | None = None
    earliest: str | None = None
    green: bool | None = None
    interruptible: bool = False
    priority: int = 0
    zones: list[str] = []


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is intended of a job that can wait; grams as integer nanograms of the whole job.

    `starts_at` is when it next runs and `ends_at` when it is to be done. `saved_ng` is against
    running at once when it was released; it and `expected_ng` are absent where nobody foresees the
    grid.
    """

    starts_at: datetime
    ends_at: datetime
    must_start_by: datetime
    expected_ng: int | None
    saved_ng: int | None
    why: str


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The same, settled when the job was accepted."""

    release: datetime
    deadline: datetime
    green: bool = True
    interruptible: bool = False
    priority: int = 0
    zones: tuple[str, ...] = ()

"""Recurring work as messages of the control plane, and back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from lichen.control.periods import Period, period_of
from lichen.control.recurrence import Recurrence, Run, default_window
from lichen.control.recurrences import new_id
from lichen.control.recurring_kinds import recurring_kind
from lichen.control.submissions import Sender
from lichen.core.durations import is_duration, parse_duration, readable_duration
from lichen.core.errors import InvalidInput
from lichen.core.ids import checked_name
from lichen.protocol.admin import JobRequest, JobState, JsonObject
from lichen.protocol.recurring import NewRecurringSchedule, RecurringRun, RecurringSchedule
from lichen.protocol.scheduling import ScheduleRequest

SHOWN_AHEAD = 5
"""How many of the next due moments are shown."""
LEAST_WINDOW = timedelta(minutes=1)


def recurrence_of(
    request: NewRecurringSchedule, spec: JsonObject, sender: Sender, now: datetime
) -> Recurrence:
    """The recurring work that is asked for, due from now on.

    Raises:
        InvalidInput: its name, kind, period, time zone or window is not usable.
    """
    kind = recurring_kind(request.job.kind)
    period = period_of(request.every, request.timezone)
    asked = request.job.schedule or ScheduleRequest()
    if asked.green is None:
        asked = msgspec.structs.replace(asked, green=kind.is_green)
    return Recurrence(
        id=new_id(),
        name=checked_name(request.name, "schedule"),
        tenant=sender.tenant,
        kind=request.job.kind,
        spec=spec,
        every=request.every.strip(),
        period=period,
        window=_window(asked, period, kind.begins_after + LEAST_WINDOW),
        schedule=asked,
        is_made_late=kind.is_made_late,
        created_by=sender.principal,
        created_at=now,
        settled_until=now,
    )


def schedule_view(
    record: Recurrence, now: datetime, state_of: Callable[[str], JobState | None]
) -> RecurringSchedule:
    """Recurring work as its tenant sees it; `state_of` a job, None where it is gone."""
    submitted = [run for run in record.runs if run.job_id]
    ahead = () if record.is_paused else _ahead(record, now)
    return RecurringSchedule(
        name=record.name,
        tenant=record.tenant,
        every=record.every,
        timezone=record.period.timezone,
        window_seconds=round(record.window.total_seconds()),
        job=JobRequest(kind=record.kind, spec=record.spec, schedule=record.schedule),
        paused=record.is_paused,
        created_by=record.created_by,
        created_at=record.created_at,
        next_due=next(iter(ahead), None),
        last_due=submitted[-1].due if submitted else None,
        last_job=record.last_job,
        runs=[_run_view(run, state_of) for run in record.runs],
        upcoming=list(ahead),
    )


def _ahead(record: Recurrence, now: datetime) -> tuple[datetime, ...]:
    start = max(record.settled_until, now)
    return tuple(islice(record.period.following(start), SHOWN_AHEAD))


def _run_view(run: Run, state_of: Callable[[str], JobState | None]) -> RecurringRun:
    return RecurringRun(
        due=run.due,
        outcome=run.outcome.value,
        message=run.sentence,
        job=run.job_id,
        state=state_of(run.job_id) if run.job_id else None,
        count=run.count,
    )


def _window(asked: ScheduleRequest, period: Period, least: timedelta) -> timedelta:
    if asked.earliest is not None:
        raise InvalidInput(
            "recurring work has no `earliest`: it is due when `every` says; write a cron "
            "expression such as '0 3 * * *' for a later hour"
        )
    if asked.deadline is None:
        return default_window(period)
    if not is_duration(asked.deadline):
        raise InvalidInput(
            f"the deadline {asked.deadline[:60]!r} is no duration: that of recurring work counts "
            "from each due moment, so write it as 90min, 6h or 2d"
        )
    window, gap = parse_duration(asked.deadline), period.shortest_gap
    if window > gap:
        raise InvalidInput(
            f"the deadline {readable_duration(window)} is longer than the "
            f"{readable_duration(gap)} until it is due again: give at most that"
        )
    if window < least:
        raise InvalidInput(
            f"the deadline {readable_duration(window)} leaves a run no time: give at least "
            f"{readable_duration(least)}"
        )
    return window

"""Whether a job that can wait runs now: one pure function from its record and its row of the plan.

A plan may be late, wrong or gone. So whatever it says: a job never waits past the moment by which
it must start, a job without a plan runs at once, and one that cannot pause is never told to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lichen.control.intentions import StandingIntention
from lichen.control.planning.plan import Segment
from lichen.control.transitions import JobRecord
from lichen.core.clock import rfc3339
from lichen.protocol.admin import JobState
from lichen.protocol.scheduling import Schedule

MINUTE = timedelta(minutes=1)
GRACE, LONG_GRACE = timedelta(seconds=15), timedelta(seconds=60)
"""A job that was just accepted, or resumed, waits so long for the planner's first word of it; the
longer where the planner shows that it is there: its first plan loads a solver."""
GRACE_SHARE = 50
"""But at most this part of the time that is left to its deadline."""
HEARD_OF = timedelta(seconds=45)
"""A planner at work renews its lease more often than this."""
SILENT_AFTER = timedelta(minutes=5)
"""A planner that was not heard of for so long is taken to be gone."""
AWAKE = timedelta(0)
"""Of a planner that is taken to be there."""
SHORTEST_PAUSE = timedelta(minutes=5)
"""A pause that would be shorter is not worth the work that it repeats."""
SHORTEST_RUN = timedelta(minutes=2)
"""An attempt is not paused before it ran so long, so that changing plans do not wear it out."""


class Verdict(StrEnum):
    """What a job does now."""

    RUN = "run"
    WAIT = "wait"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Order:
    """What a job does now, and why, in one sentence.

    Attributes:
        verdict: run, wait, or pause what runs.
        says: why; empty for a job that has no schedule.
        until: when a job that waits or pauses goes on by itself; else when to look again.
        is_forced: whether it runs since it would else be late: it goes before all others.
    """

    verdict: Verdict
    says: str = ""
    until: datetime | None = None
    is_forced: bool = False


def order(
    job: JobRecord,
    standing: StandingIntention | None,
    now: datetime,
    planner_silent_for: timedelta,
) -> Order:
    """What a job that is queued or running does now.

    Args:
        job: its record; one without a schedule runs.
        standing: what is planned for it; None where nothing is.
        now: the time; a later call may pass an earlier one.
        planner_silent_for: how long nothing was heard of the planner.
    """
    schedule = job.schedule
    if schedule is None:
        return Order(Verdict.RUN)
    settled = _forced(schedule, standing, now) or _as_asked(job, schedule, now)
    if settled is not None:
        return settled
    if standing is None:
        grace = LONG_GRACE if planner_silent_for < HEARD_OF else GRACE
        return _unplanned(job, schedule, now, grace)
    if planner_silent_for >= SILENT_AFTER:
        silent = f"the planner has said nothing for {planner_silent_for // MINUTE} minutes"
        return Order(Verdict.RUN, f"it runs at once: {silent}")
    return _planned(job, schedule, standing, now)


def has_waited(job: JobRecord, standing: StandingIntention | None, now: datetime) -> bool:
    """Whether a job that starts now was kept from it by the plan for a minute or more."""
    if job.schedule is None or standing is None:
        return False
    return now - max(job.created_at, job.schedule.release) > MINUTE


def latest_start(job: JobRecord, standing: StandingIntention | None) -> datetime | None:
    """By when a job has to run to be done in time, as far as is known; None without a schedule."""
    if standing is not None:
        return standing.must_start_by
    return None if job.schedule is None else job.schedule.deadline


def _forced(schedule: Schedule, standing: StandingIntention | None, now: datetime) -> Order | None:
    """The order of a job that has no time left to wait; None while it has some."""
    if now >= schedule.deadline:
        says = f"it runs at once: its deadline {_said(schedule.deadline)} has passed"
        return Order(Verdict.RUN, says, is_forced=True)
    if standing is None or now < schedule.release:
        return None
    if standing.intention.is_late:
        says = f"it runs at once: {standing.intention.why}"
        return Order(Verdict.RUN, says, is_forced=True)
    if now >= standing.must_start_by:
        says = f"it runs to be done by its deadline {_said(schedule.deadline)}"
        return Order(Verdict.RUN, says, is_forced=True)
    return None


def _as_asked(job: JobRecord, schedule: Schedule, now: datetime) -> Order | None:
    """The order of a job that its sender left no choice; None where the plan has one."""
    if job.state is JobState.RUNNING:
        if schedule.interruptible:
            return None
        return Order(Verdict.RUN, "it runs on: it is not interruptible")
    if now < schedule.release:
        says = f"it is not to start before {_said(schedule.release)}"
        return Order(Verdict.WAIT, says, schedule.release)
    if schedule.green:
        return None
    return Order(Verdict.RUN, "it runs at once: it is not to be shifted for carbon")


def _unplanned(job: JobRecord, schedule: Schedule, now: datetime, grace: timedelta) -> Order:
    if job.state is JobState.RUNNING:
        return Order(Verdict.RUN, "it runs on: nothing is planned for it")
    since = max(job.resumed_at or job.created_at, schedule.release)
    until = since + min(grace, (schedule.deadline - since) / GRACE_SHARE)
    if since - grace <= now < until:
        return Order(Verdict.WAIT, "it waits for the planner's first word of it", until)
    return Order(Verdict.RUN, "it runs at once: nothing is planned for it")


def _planned(
    job: JobRecord, schedule: Schedule, standing: StandingIntention, now: datetime
) -> Order:
    """The order by the segments of the plan."""
    intention = standing.intention
    if job.state is JobState.RUNNING:
        return _held_back(job, standing, now)
    if not intention.segments:
        return Order(Verdict.RUN, f"it runs at once: {intention.why}")
    current, following = _around(intention.segments, now)
    if current is not None and not _is_all_but_over(schedule, current, following, now):
        return Order(Verdict.RUN, f"it runs as planned: {intention.why}", current.end)
    if following is None:
        return Order(Verdict.RUN, "it runs on: its planned time is over and it is not done")
    says = f"it waits for {_said(following.start)} as planned: {intention.why}"
    return Order(Verdict.WAIT, says, min(following.start, standing.must_start_by))


def _is_all_but_over(
    schedule: Schedule, current: Segment, following: Segment | None, now: datetime
) -> bool:
    """Whether a job would start only to be paused again."""
    return (
        schedule.interruptible
        and following is not None
        and current.end - now < SHORTEST_RUN
        and following.start - current.end >= SHORTEST_PAUSE
    )


def _held_back(job: JobRecord, standing: StandingIntention, now: datetime) -> Order:
    """The order of an interruptible job that runs: pause between two segments, or run on."""
    current, following = _around(standing.intention.segments, now)
    if current is not None:
        return Order(Verdict.RUN, "it runs as planned", current.end)
    if following is None:
        return Order(Verdict.RUN, "it runs on: its planned time is over and it is not done")
    goes_on = min(following.start, standing.must_start_by)
    if goes_on - now < SHORTEST_PAUSE:
        return Order(Verdict.RUN, "it runs on: a pause would be too short", goes_on)
    ran_enough_at = (job.running_since or now) + SHORTEST_RUN
    if now < ran_enough_at:
        return Order(Verdict.RUN, "it runs on: it began a moment ago", ran_enough_at)
    says = f"it pauses until {_said(goes_on)} as planned: {standing.intention.why}"
    return Order(Verdict.PAUSE, says, goes_on)


def _around(segments: tuple[Segment, ...], now: datetime) -> tuple[Segment | None, Segment | None]:
    """The segment that holds now, and the first one after now."""
    current = next((one for one in segments if one.start <= now < one.end), None)
    following = next((one for one in segments if one.start > now), None)
    return current, following


def _said(moment: datetime) -> str:
    return rfc3339(moment.replace(microsecond=0))

"""What the planner is asked and what is kept of its answer: pure functions over jobs and plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.control.expectations import Expectation, Left, left_of
from lichen.control.intentions import StandingIntention, Totals
from lichen.control.planning.plan import Intention, Plan
from lichen.control.planning.workload import Workload
from lichen.control.transitions import JobRecord
from lichen.core.units import grams, joules
from lichen.protocol.admin import JobState

LEAST_MARGIN, MOST_MARGIN, MARGIN_SHARE = timedelta(seconds=20), timedelta(minutes=10), 0.01
"""Kept free before a deadline for starting a process and a busy machine: this share of the job's
window, between the two bounds."""
PRIOR_SHARE = 0.5
"""Of the window of a job of which nothing is known, what is kept free for it: it may take half of
its window and still be done in time."""
MOST_FIXED = 200
"""So many jobs that run at once are told to the planner; more of them leave no place for long."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far an unfinished job is: seconds for which it ran, and what share of it is done."""

    ran_s: float = 0.0
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An unfinished job with what is known of it.

    `starts_by` leaves time for others that need its place after it (`sharing.sharing`); None where
    none do.
    """

    job: JobRecord
    expected: Expectation
    progressed: Progressed = Progressed()
    starts_by: datetime | None = None

    @property
    def rest(self) -> Left:
        """What is left to do, as far as earlier jobs say."""
        return left_of(self.expected, self.progressed.ran_s, self.progressed.fraction)

    @property
    def left(self) -> Left:
        """What is left to do; of what nobody knows it may take half of the window."""
        found = self.rest
        schedule = self.job.schedule
        if schedule is None or not self.expected.is_prior:
            return found
        kept_free = PRIOR_SHARE * (schedule.deadline - schedule.release)
        return Left(found.duration, max(found.at_worst, kept_free))


def is_shiftable(job: JobRecord) -> bool:
    """Whether the planner chooses when the job runs."""
    return job.schedule is not None and job.schedule.green and _may_run(job)


def _may_run(job: JobRecord) -> bool:
    is_told_to_end = job.cancelling or job.pausing
    return job.state in (JobState.QUEUED, JobState.RUNNING) and not is_told_to_end


def workloads(
    known: Sequence[Known], zone: str, now: datetime, budgets: Mapping[str, float]
) -> Sequence[Workload]:
    """What is left of each unfinished job; first those that take their place in any case.

    Args:
        known: the unfinished jobs.
        zone: in which they run.
        now: the time.
        budgets: gCO2e that may still be spent, by job, where a budget speaks of it.
    """
    able = [one for one in known if _may_run(one.job)]
    fixed = [one for one in able if not is_shiftable(one.job)]
    first = sorted(fixed, key=lambda one: one.job.state is not JobState.RUNNING)[:MOST_FIXED]
    return [
        *(_fixed(one, zone, now) for one in first),
        *(_shiftable(one, zone, now, budgets) for one in able if is_shiftable(one.job)),
    ]


def _shiftable(one: Known, zone: str, now: datetime, budgets: Mapping[str, float]) -> Workload:
    job, left = one.job, one.left
    schedule = job.schedule
    assert schedule is not None  # noqa: S101 - `is_shiftable` says so
    return Workload(
        id=job.id,
        release=max(now, schedule.release, job.not_before or now),
        deadline=due(one),
        duration=left.duration,
        longest=due(one) - _latest_start(one),
        power_w=one.expected.power_w,
        interruptible=schedule.interruptible,
        pause_cost_j=one.expected.pause_j,
        priority=schedule.priority,
        zones=schedule.zones,
        budget_g=budgets.get(job.id),
        running_in=zone if job.state is JobState.RUNNING else None,
        has_begun=bool(job.segments),
    )


def _fixed(one: Known, zone: str, now: datetime) -> Workload:
    """A job that runs as soon as it may: its window is no longer than itself."""
    job, left = one.job, one.left
    starts = [now, job.not_before or now]
    if job.schedule is not None:
        starts.append(job.schedule.release)
    release = max(starts)
    return Workload(
        id=job.id,
        release=release,
        deadline=release + left.duration,
        duration=left.duration,
        power_w=one.expected.power_w,
        priority=0 if job.schedule is None else job.schedule.priority,
        running_in=zone if job.state is JobState.RUNNING else None,
    )


def margin(job: JobRecord) -> timedelta:
    """What is kept free before a job's deadline."""
    if job.schedule is None:
        return LEAST_MARGIN
    share = MARGIN_SHARE * (job.schedule.deadline - job.schedule.release)
    return min(max(LEAST_MARGIN, share), MOST_MARGIN)


def due(one: Known) -> datetime:
    """By when a job is to be done: its deadline less what is kept free before it."""
    schedule = one.job.schedule
    assert schedule is not None  # noqa: S101 - only jobs that can wait are asked for
    return schedule.deadline - margin(one.job)


def must_start_by(one: Known) -> datetime:
    """The last moment at which a job can start, or go on, and still be done in time at worst."""
    schedule = one.job.schedule
    assert schedule is not None  # noqa: S101 - only jobs that can wait are asked for
    return max(schedule.release, _latest_start(one))


def _latest_start(one: Known) -> datetime:
    alone = due(one) - one.left.at_worst
    return alone if one.starts_by is None else min(alone, one.starts_by)


def rows(
    plan: Plan, known: Sequence[Known], fence: int, earlier: Mapping[str, StandingIntention]
) -> Sequence[StandingIntention]:
    """What stands of a plan: of each job that can wait.

    Args:
        plan: for all jobs.
        known: the jobs.
        fence: of the planner.
        earlier: the rows that stood before, by job.
    """
    by_id = {one.job.id: one for one in known if is_shiftable(one.job)}
    return [
        StandingIntention(
            intention=one,
            made_at=plan.made_at,
            method=plan.method,
            must_start_by=must_start_by(by_id[one.job_id]),
            fence=fence,
            totals=_totals(one, by_id[one.job_id], earlier.get(one.job_id)),
        )
        for one in plan.intentions
        if one.job_id in by_id
    ]


def _totals(intention: Intention, one: Known, before: StandingIntention | None) -> Totals | None:
    stood = None if before is None else before.totals
    if stood is not None and one.job.state is JobState.RUNNING:
        return stood
    if intention.expected_g is None or intention.at_once_g is None:
        return None
    left_j = one.expected.power_w * one.left.duration.total_seconds()
    g_per_j = intention.at_once_g / left_j if stood is None else stood.at_once_g_per_j
    spent_j, spent_g = _spent(one.job)
    return Totals(spent_g + intention.expected_g, g_per_j * (spent_j + left_j), g_per_j)


def _spent(job: JobRecord) -> tuple[float, float]:
    """Joules and grams of what has run of a job that does not run now."""
    if job.segments:
        ng = sum(one.ng or 0 for one in job.segments)
        return joules(sum(one.nj for one in job.segments)), grams(ng)
    receipt = job.receipt
    if receipt is None:
        return 0.0, 0.0
    return joules(receipt.energy.nj), 0.0 if receipt.carbon is None else grams(receipt.carbon.ng)


def saved_g(row: StandingIntention, job: JobRecord) -> float | None:
    """gCO2e that a job saved by its receipt, against running at once as that was foreseen."""
    if row.totals is None or job.receipt is None or job.receipt.carbon is None:
        return None
    spent_j, spent_g = _spent(job)
    return row.totals.at_once_g_per_j * spent_j - spent_g


def at_stake_j(known: Sequence[Known]) -> float:
    """Joules of what has not run yet of the jobs that can wait: what planning can act on."""
    return sum(
        one.expected.power_w * one.left.duration.total_seconds()
        for one in known
        if is_shiftable(one.job)
    )

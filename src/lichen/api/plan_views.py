"""Rows of the standing plan as messages, beside the jobs that they are of."""

from lichen.control.expectations import Expectation, Spread
from lichen.control.intentions import StandingIntention
from lichen.control.plan_diary import PlanDiary
from lichen.control.transitions import JobRecord
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_JOULE
from lichen.protocol.plans import JobPlan, Likely, PlannedSpan, PlannerAccount
from lichen.protocol.scheduling import PlannedRun


def plan_view(row: StandingIntention, job: JobRecord, expected: Expectation) -> JobPlan:
    """What is intended of a job."""
    intention, schedule = row.intention, job.schedule
    assert schedule is not None  # noqa: S101 - only jobs with one have a row
    low, high = _ends(row)
    cpu = expected.cpu_seconds
    return JobPlan(
        job=job.id,
        kind=job.kind,
        state=job.state,
        tenant=job.tenant,
        name=job.subject,
        zone=intention.zone,
        segments=[PlannedSpan(start=one.start, end=one.end) for one in intention.segments],
        release=schedule.release,
        deadline=schedule.deadline,
        must_start_by=row.must_start_by,
        interruptible=schedule.interruptible,
        priority=schedule.priority,
        seconds=_likely(expected.seconds, 1),
        cpu_seconds=None if cpu is None else _likely(cpu, 1),
        nj=_likely(expected.joules, NANOJOULES_PER_JOULE),
        power_w=round(expected.power_w, 3),
        basis=expected.basis,
        expected_ng=_ng(row.totals.expected_g) if row.totals else None,
        expected_ng_low=low,
        expected_ng_high=high,
        at_once_ng=_ng(row.totals.at_once_g) if row.totals else None,
        saved_ng=saved_ng(row),
        why=intention.why,
        is_late=intention.is_late,
        method=row.method.value,
        made_at=row.made_at,
    )


def run_view(row: StandingIntention) -> PlannedRun | None:
    """The same for whoever looks at the job; None where it is to run at no time."""
    segments = row.intention.segments
    if not segments:
        return None
    return PlannedRun(
        starts_at=segments[0].start,
        ends_at=segments[-1].end,
        must_start_by=row.must_start_by,
        expected_ng=_ng(row.totals.expected_g) if row.totals else None,
        saved_ng=saved_ng(row),
        why=row.intention.why,
    )


def saved_ng(row: StandingIntention) -> int | None:
    """What the whole job is expected to save; None where nobody foresees the grid."""
    if row.totals is None:
        return None
    return _ng(row.totals.at_once_g) - _ng(row.totals.expected_g)


def account_view(diary: PlanDiary) -> PlannerAccount:
    """What planning cost and brought."""
    return PlannerAccount(
        plans=diary.plans,
        nj=diary.nj,
        ng=diary.ng,
        jobs=diary.jobs,
        saved_ng=diary.saved_ng,
        share_of_saved=diary.share_of_saved,
    )


def _ends(row: StandingIntention) -> tuple[int | None, int | None]:
    """The interval of the whole job: that of what is left lies about the whole."""
    intention, totals = row.intention, row.totals
    if totals is None or intention.expected_g is None:
        return None, None
    low, high = intention.low_g, intention.high_g
    assert low is not None  # noqa: S101 - they come together
    assert high is not None  # noqa: S101
    below, above = intention.expected_g - low, high - intention.expected_g
    return _ng(totals.expected_g - below), _ng(totals.expected_g + above)


def _likely(spread: Spread, unit: int) -> Likely:
    median, low, high = (round(one * unit) for one in (spread.median, spread.low, spread.high))
    return Likely(median=median, low=low, high=high)


def _ng(grams: float) -> int:
    return round(grams * NANOGRAMS_PER_GRAM)

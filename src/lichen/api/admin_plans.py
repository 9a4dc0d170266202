"""`/plans`: when jobs that can wait are to run, for how many grams, and why."""

from datetime import timedelta

from lichen.api.admin_routes import PAGE, Parameter, Plane, Question, Route
from lichen.api.plan_views import account_view, plan_view
from lichen.control.intentions import Intentions, StandingIntention
from lichen.control.plan_diary import read_diary
from lichen.control.recurrence import upcoming
from lichen.control.transitions import JobRecord
from lichen.core.errors import NotFound
from lichen.core.ids import TenantId
from lichen.protocol.admin import JobState
from lichen.protocol.plans import DueRun, JobPlan, StandingPlan
from lichen.security.policy import Action, Kind

HOURS, MOST_HOURS, MOST_DUE = 48, 8784, 100
"""How far ahead recurring work is shown when nothing is said and at most, and how many runs."""


def index(plane: Plane, question: Question) -> StandingPlan:
    """The standing plan, of the tenant's jobs."""
    rows = Intentions(plane.documents).page(question.cursor, question.limit)
    found = [(row, job) for row in rows if (job := _job_of(plane, row)) is not None]
    diary = read_diary(plane.documents)
    return StandingPlan(
        items=[_viewed(plane, row, job) for row, job in found if question.sees(job.tenant)],
        zone=plane.platform_zone,
        made_at=diary.made_at,
        method=None if diary.method is None else diary.method.value,
        remarks=list(diary.remarks),
        planner=account_view(diary),
        due=_due(plane, question),
        next=rows[-1].intention.job_id if len(rows) == question.limit else None,
    )


def show(plane: Plane, question: Question) -> JobPlan:
    """What is intended of one job."""
    job = plane.jobs.get(question.path["job"])
    plane.gate.admit(question.principal, Action.READ, Kind.JOB, TenantId(job.tenant))
    row = Intentions(plane.documents).of(job.id)
    if row is None or job.state.final:
        raise NotFound(f"nothing is planned for job {job.id}: {_why_not(job)}")
    return _viewed(plane, row, job)


def _due(plane: Plane, question: Question) -> list[DueRun]:
    now = plane.recurrences.now()
    hours = min(question.whole_number("hours") or HOURS, MOST_HOURS)
    seen = (one for one in plane.recurrences.all() if question.sees(one.tenant))
    found = upcoming(seen, now, now + timedelta(hours=hours), MOST_DUE)
    return [
        DueRun(schedule=run.name, kind=run.kind, due=run.due, deadline=run.deadline)
        for run in found
    ]


def _why_not(job: JobRecord) -> str:
    if job.state.final:
        return f"it has ended ({job.state})"
    if job.schedule is None or not job.schedule.green:
        return "it runs as soon as it may, without waiting for a cleaner grid"
    if job.state not in (JobState.QUEUED, JobState.RUNNING):
        return f"it is {job.state}"
    return "the planner has not spoken yet; if it stays silent, the job runs at once"


def _job_of(plane: Plane, row: StandingIntention) -> JobRecord | None:
    """The job of a row, unless it has ended since."""
    try:
        job = plane.jobs.get(row.intention.job_id)
    except NotFound:
        return None
    return None if job.state.final else job


def _viewed(plane: Plane, row: StandingIntention, job: JobRecord) -> JobPlan:
    return plan_view(row, job, plane.experience.expectation(job.kind, job.spec, job.tenant))


ROUTES = (
    Route(
        "GET",
        "/plans",
        "The standing plan: when each job that can wait is to run, for how many grams, and why",
        Kind.JOB,
        Action.READ,
        index,
        answer=StandingPlan,
        query=(
            *PAGE,
            Parameter(
                "hours",
                f"How far ahead recurring work is shown, at most {MOST_HOURS}. [{HOURS}]",
                kind="integer",
            ),
        ),
    ),
    Route(
        "GET",
        "/plans/{job}",
        "What is intended of one job",
        Kind.JOB,
        Action.READ,
        show,
        answer=JobPlan,
    ),
)

"""`/schedules`: recurring work, when it is due, and what became of it."""

from contextlib import suppress

import msgspec

from lichen.api.admin_jobs import checked_spec
from lichen.api.admin_routes import PAGE, Plane, Question, Route
from lichen.api.schedule_views import recurrence_of, schedule_view
from lichen.control.recurrence import Recurrence
from lichen.control.recurrences import Permission
from lichen.control.submissions import JobDraft
from lichen.core.errors import InvalidInput, NotFound, QueueFull
from lichen.core.ids import TenantId
from lichen.protocol.admin import JobKind, JobState, JsonObject, Page
from lichen.protocol.recurring import NewRecurringSchedule, RecurringSchedule
from lichen.security.policy import Action, Kind

_ONE = "/schedules/{name}"


def create(plane: Plane, question: Question) -> RecurringSchedule:
    """Keep recurring work whose name is new; it is due from now on."""
    request = question.body
    if not isinstance(request, NewRecurringSchedule):
        raise InvalidInput("the body is missing: send a schedule with its name")
    spec = checked_spec(plane, question, request.job)
    _check_data(plane, request.job.kind, spec)
    return keep_schedule(plane, question, request, spec)


def keep_schedule(
    plane: Plane, question: Question, request: NewRecurringSchedule, spec: JsonObject
) -> RecurringSchedule:
    """Keep recurring work of a spec that was checked.

    Raises:
        InvalidInput: its name, period, time zone or window is not usable, or there is too much.
        Conflict: there is some of its name.
    """
    now = plane.recurrences.now()
    record = recurrence_of(request, spec, question.sender, now)
    _check_submission(plane, record)
    kept = plane.recurrences.create(question.sender, record, msgspec.json.encode(request))
    return _viewed(plane, kept)


def index(plane: Plane, question: Question) -> Page[RecurringSchedule]:
    """The tenant's recurring work, by name."""
    found = plane.recurrences.page(question.cursor, question.limit)
    return Page(
        items=[_viewed(plane, one) for one in found if question.sees(one.tenant)],
        next=found[-1].name if len(found) == question.limit else None,
    )


def show(plane: Plane, question: Question) -> RecurringSchedule:
    """One of them."""
    record = plane.recurrences.get(question.path["name"])
    plane.gate.admit(question.principal, Action.READ, Kind.JOB, TenantId(record.tenant))
    return _viewed(plane, record)


def pause(plane: Plane, question: Question) -> RecurringSchedule:
    """Let nothing be due until it is resumed."""
    permit = _permission(plane, question)
    return _viewed(plane, plane.recurrences.pause(question.path["name"], permit))


def resume(plane: Plane, question: Question) -> RecurringSchedule:
    """Let it be due again from now on."""
    permit = _permission(plane, question)
    return _viewed(plane, plane.recurrences.resume(question.path["name"], permit))


def remove(plane: Plane, question: Question) -> None:
    """Forget it; jobs that it made go on."""
    plane.recurrences.remove(question.path["name"], _permission(plane, question))


def _permission(plane: Plane, question: Question) -> Permission:
    def permit(tenant: TenantId) -> None:
        plane.gate.admit(question.principal, Action.CHANGE, Kind.JOB, tenant)

    return permit


def _check_submission(plane: Plane, record: Recurrence) -> None:
    """Whether a run would be accepted if it were due now, and there were room for it."""
    seconds = round(record.window.total_seconds())
    asked = msgspec.structs.replace(record.schedule, deadline=f"{seconds}s")
    with suppress(QueueFull):  # there may be room when it is due
        plane.submissions.judged(JobDraft(record.kind, record.spec, record.tenant, asked))


def _check_data(plane: Plane, kind: JobKind, spec: JsonObject) -> None:
    """Whether there is the dataset, now; one that is gone by then fails that run alone."""
    if kind is JobKind.TRAIN:
        plane.datasets.get(spec["data"], spec.get("data_version"))


def _viewed(plane: Plane, record: Recurrence) -> RecurringSchedule:
    def state_of(job_id: str) -> JobState | None:
        try:
            return plane.jobs.get(job_id).state
        except NotFound:
            return None

    return schedule_view(record, plane.recurrences.now(), state_of)


ROUTES = (
    Route(
        "POST",
        "/schedules",
        "Let a job recur, under a name that is new",
        Kind.JOB,
        Action.CHANGE,
        create,
        answer=RecurringSchedule,
        body=NewRecurringSchedule,
        status=201,
    ),
    Route(
        "GET",
        "/schedules",
        "Recurring work: when it is due next, and what became of the last times",
        Kind.JOB,
        Action.READ,
        index,
        answer=Page[RecurringSchedule],
        query=PAGE,
    ),
    Route(
        "GET",
        _ONE,
        "One recurring piece of work",
        Kind.JOB,
        Action.READ,
        show,
        answer=RecurringSchedule,
    ),
    Route(
        "POST",
        f"{_ONE}/pause",
        "Let nothing be due until it is resumed",
        Kind.JOB,
        Action.CHANGE,
        pause,
        answer=RecurringSchedule,
    ),
    Route(
        "POST",
        f"{_ONE}/resume",
        "Let it be due again, from now on",
        Kind.JOB,
        Action.CHANGE,
        resume,
        answer=RecurringSchedule,
    ),
    Route("DELETE", _ONE, "Forget recurring work", Kind.JOB, Action.CHANGE, remove),
)

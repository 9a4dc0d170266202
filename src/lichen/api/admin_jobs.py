"""`/jobs`: what runs, ran and will run."""

import msgspec

from lichen.api.admin_explanations import checked_explanation
from lichen.api.admin_predictions import checked_prediction, read_spec
from lichen.api.admin_reports import checked_report
from lichen.api.admin_routes import PAGE, Parameter, Plane, Question, Raw, Route, StoredFile
from lichen.api.admin_scripts import checked_script
from lichen.api.admin_uploads import discard_named
from lichen.api.admin_views import job_view
from lichen.api.job_views import listed, viewed
from lichen.control.transitions import Cancel, JobRecord, Pause, Resume
from lichen.core.errors import Forbidden, InvalidInput, NotFound
from lichen.core.ids import Digest, TenantId, checked_name
from lichen.protocol.admin import (
    Job,
    JobKind,
    JobRequest,
    JobState,
    JsonObject,
    Page,
)
from lichen.protocol.explaining_data import ExplainResult
from lichen.protocol.predicting import PredictResult
from lichen.protocol.reports import ReportResult
from lichen.protocol.training import TASKS, ScriptTraining, TrainSpec
from lichen.security.identity import Role
from lichen.security.policy import Action, Kind

MAKING_FILES = {
    JobKind.PREDICT: PredictResult,
    JobKind.REPORT: ReportResult,
    JobKind.EXPLAIN: ExplainResult,
}


def submit(plane: Plane, question: Question) -> Job:
    """Accept a job whose input is in the platform already."""
    request = question.body
    if not isinstance(request, JobRequest):
        raise InvalidInput("the body is missing: send a kind and its spec")
    spec = checked_spec(plane, question, request)
    job, _ = plane.submissions.submit(
        question.sender, request.kind, spec, schedule=request.schedule
    )
    return job_view(job)


def checked_spec(plane: Plane, question: Question, request: JobRequest) -> JsonObject:
    """The spec of a job whose input is in the platform already.

    Raises:
        InvalidInput: it is not usable, or jobs of its kind begin with a file.
        NotFound, Forbidden: what it names is not there, or not the caller's to use.
    """
    if request.kind is JobKind.PREDICT:
        return checked_prediction(plane, question, read_spec(request.spec))
    if request.kind is JobKind.REPORT:
        return checked_report(plane, question, request.spec)
    if request.kind is JobKind.EXPLAIN:
        return checked_explanation(plane, question, request.spec)
    if request.kind is not JobKind.TRAIN:
        raise InvalidInput(
            "jobs of this kind begin with a file: POST it to /datasets, /datasets/NAME/rows "
            "or /models"
        )
    asked = _checked(request)
    if isinstance(asked, ScriptTraining):
        checked_script(asked, question.principal.role, plane.scripts)
    found: JsonObject = msgspec.to_builtins(asked, str_keys=True)
    return found


def index(plane: Plane, question: Question) -> Page[Job]:
    """The tenant's jobs, oldest first."""
    state = _state(question)
    found = plane.jobs.page(question.cursor, question.limit)
    shown = [job for job in found if question.sees(job.tenant) and state in (None, job.state)]
    return Page(
        items=[listed(plane, job) for job in shown],
        next=found[-1].id if len(found) == question.limit else None,
    )


def show(plane: Plane, question: Question) -> Job:
    """One job, with its progress while it runs."""
    return viewed(plane, _found(plane, question, Action.READ), with_saving=True)


def log(plane: Plane, question: Question) -> Raw:
    """What the job wrote."""
    job = _found(plane, question, Action.READ)
    return Raw(plane.job_log(job.id).encode(), "text/plain; charset=utf-8")


def cancel(plane: Plane, question: Question) -> Job:
    """Ask the job to end."""
    job = _found(plane, question, Action.CHANGE)
    after = plane.jobs.apply(job.id, Cancel())
    if after.state.final:  # it had not started, so no worker will clean up after it
        discard_named(plane, job.spec.get("file", {}).get("upload"))
    return viewed(plane, after)


def pause(plane: Plane, question: Question) -> Job:
    """Let the job stand still until it is resumed: one that runs ends at its next checkpoint."""
    job = _found(plane, question, Action.CHANGE)
    return viewed(plane, plane.jobs.apply(job.id, Pause()))


def resume(plane: Plane, question: Question) -> Job:
    """Let the job go on from its last checkpoint."""
    job = _found(plane, question, Action.CHANGE)
    return viewed(plane, plane.jobs.apply(job.id, Resume()))


def output(plane: Plane, question: Question) -> StoredFile:
    """What a batch prediction, a report or an explanation made."""
    job = _found(plane, question, Action.READ)
    if job.kind not in MAKING_FILES:
        raise NotFound(f"job {job.id} is of kind {job.kind}: it makes no file")
    if job.state is not JobState.SUCCEEDED:
        raise NotFound(f"job {job.id} is {job.state}: it has no output to fetch")
    if job.spec.get("is_whole") and question.principal.role is not Role.ADMIN:
        raise Forbidden(
            f"the report of job {job.id} names the work of every tenant: ask an admin for it, or "
            "for one of your own with `lichen report`"
        )
    made = msgspec.convert(job.result, MAKING_FILES[job.kind])
    return StoredFile(plane.stored(Digest(made.output)), made.media_type, made.filename)


def _checked(request: JobRequest) -> TrainSpec:
    task = request.spec.get("task")
    if task not in TASKS:
        raise InvalidInput(f"task {task!r} cannot be trained: choose one of {', '.join(TASKS)}")
    try:
        spec: TrainSpec = msgspec.convert(request.spec, TrainSpec)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the spec of the job is not usable: {error}") from error
    checked_name(spec.name or spec.data, "model")
    return spec


def _found(plane: Plane, question: Question, action: Action) -> JobRecord:
    job = plane.jobs.get(question.path["id"])
    plane.gate.admit(question.principal, action, Kind.JOB, TenantId(job.tenant))
    return job


def _state(question: Question) -> JobState | None:
    text = question.query.get("state")
    if text is None:
        return None
    try:
        return JobState(text)
    except ValueError:
        known = ", ".join(JobState)
        raise InvalidInput(f"there is no job state {text!r}: choose one of {known}") from None


ROUTES = (
    Route(
        "POST",
        "/jobs",
        "Accept a job",
        Kind.JOB,
        Action.CHANGE,
        submit,
        answer=Job,
        body=JobRequest,
        status=202,
    ),
    Route(
        "GET",
        "/jobs",
        "Jobs, oldest first",
        Kind.JOB,
        Action.READ,
        index,
        answer=Page[Job],
        query=(*PAGE, Parameter("state", "Only jobs in this state.")),
    ),
    Route("GET", "/jobs/{id}", "One job", Kind.JOB, Action.READ, show, answer=Job),
    Route(
        "GET",
        "/jobs/{id}/log",
        "What a job wrote",
        Kind.JOB,
        Action.READ,
        log,
        media_type="text/plain",
    ),
    Route(
        "GET",
        "/jobs/{id}/output",
        "The file that a batch prediction or a report made",
        Kind.JOB,
        Action.READ,
        output,
        media_type="application/octet-stream",
    ),
    Route(
        "POST", "/jobs/{id}/cancel", "Ask a job to end", Kind.JOB, Action.CHANGE, cancel, answer=Job
    ),
    Route(
        "POST",
        "/jobs/{id}/pause",
        "Let a job stand still, from its next checkpoint on",
        Kind.JOB,
        Action.CHANGE,
        pause,
        answer=Job,
    ),
    Route(
        "POST", "/jobs/{id}/resume", "Let a job go on", Kind.JOB, Action.CHANGE, resume, answer=Job
    ),
)

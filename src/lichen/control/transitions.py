r"""What may happen to a job: one pure function from a record and an event to the next record.

    queued --Claim--> running --Succeed--> succeeded
      |                 |  \--Fail-----> failed
      |                 |--Crash--> queued, or failed after too many attempts
      |                 |--Claim--> running again, once its lease ended or its worker restarted
      \--Cancel--> cancelled <--(Crash, Claim)-- running and told to cancel

The **fence** grows with each claim. Whoever speaks for an attempt states its fence, so an attempt
that was given up for dead can change nothing when it wakes up.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from lichen.core.errors import Conflict
from lichen.core.figures import Receipt
from lichen.protocol.admin import JobError, JobKind, JobState, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One row of the collection `jobs`.

    `attempt` counts starts, `fence` claims; `lease_until` and `worker` say who runs it now, and
    `pgid` is the process group of that run.
    """

    id: str
    kind: JobKind
    spec: JsonObject
    tenant: str
    state: JobState = JobState.QUEUED
    attempt: int = 0
    attempts_allowed: int = 20
    fence: int = 0
    cancelling: bool = False
    worker: str | None = None
    lease_until: datetime | None = None
    pgid: int | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: JobError | None = None
    result: JsonObject | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker takes the job, and holds it until `lease_until`.

    A worker's name is its alone: finding it on a running job means that its last life ended.
    """

    worker: str
    lease_until: datetime
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The attempt runs as this process group."""

    fence: int
    pgid: int


@dataclass(frozen=True, slots=True)
class Renew:
    """The attempt is alive."""

    fence: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Succeed:
    """The attempt made what was asked for."""

    fence: int
    result: JsonObject
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Fail:
    """The attempt found that it cannot be done; another would find the same."""

    fence: int
    error: JobError
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Crash:
    """The attempt's process ended without a word; `message` says how, `receipt` what it kept."""

    fence: int
    message: str
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """The worker stops and gives the job back; this start does not count as an attempt."""

    fence: int
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The tenant no longer wants it."""


OfAttempt = Started | Renew | Succeed | Fail | Crash | Release
Event = Claim | Cancel | OfAttempt


def step(job: JobRecord, event: Event, now: datetime) -> JobRecord:
    """The job after the event.

    Raises:
        Conflict: the event does not fit: another attempt holds the job, or it has ended.
    """
    match event:
        case Claim():
            return _claimed(job, event, now)
        case Cancel():
            return _cancelled(job, now)
        case Started() | Renew() | Succeed() | Fail() | Crash() | Release():
            if job.state is not JobState.RUNNING or job.fence != event.fence:
                raise Conflict(
                    f"job {job.id} is {job.state} under fence {job.fence}: an attempt with fence "
                    f"{event.fence} may no longer change it"
                )
            return _of_attempt(job, event, now)
        case _:
            assert_never(event)


def claimable(job: JobRecord, worker: str, now: datetime) -> bool:
    """Whether this worker may take the job now."""
    if job.state is JobState.QUEUED:
        return True
    expired = job.lease_until is None or job.lease_until <= now
    return job.state is JobState.RUNNING and (expired or job.worker == worker)


def _claimed(job: JobRecord, event: Claim, now: datetime) -> JobRecord:
    if not claimable(job, event.worker, now):
        raise Conflict(f"job {job.id} is {job.state}, held by {job.worker or 'nobody'}")
    paid = replace(job, receipt=event.receipt)
    if job.cancelling:
        return _ended(paid, JobState.CANCELLED, now)
    if job.attempt >= job.attempts_allowed:
        return _given_up(paid, "its worker ended", now)
    return replace(
        job,
        state=JobState.RUNNING,
        attempt=job.attempt + 1,
        fence=job.fence + 1,
        worker=event.worker,
        lease_until=event.lease_until,
        pgid=None,
        started_at=job.started_at or now,
    )


def _cancelled(job: JobRecord, now: datetime) -> JobRecord:
    match job.state:
        case JobState.QUEUED:
            return _ended(job, JobState.CANCELLED, now)
        case JobState.RUNNING:
            return replace(job, cancelling=True)
        case JobState.CANCELLED:
            return job
        case JobState.SUCCEEDED | JobState.FAILED:
            raise Conflict(f"job {job.id} has {job.state} already: there is nothing to cancel")


def _of_attempt(job: JobRecord, event: OfAttempt, now: datetime) -> JobRecord:
    match event:
        case Started(pgid=pgid):
            after = replace(job, pgid=pgid)
        case Renew(lease_until=lease_until):
            after = replace(job, lease_until=lease_until)
        case Succeed(result=result, receipt=receipt):
            done = _ended(job, JobState.SUCCEEDED, now)
            after = replace(done, result=result, receipt=receipt)
        case Fail():
            after = _failed(job, event, now)
        case Crash():
            after = _crashed(job, event, now)
        case Release():
            after = _released(job, event, now)
    return after


def _failed(job: JobRecord, event: Fail, now: datetime) -> JobRecord:
    if job.cancelling:
        return replace(_ended(job, JobState.CANCELLED, now), receipt=event.receipt)
    failed = _ended(job, JobState.FAILED, now)
    return replace(failed, error=event.error, receipt=event.receipt)


def _released(job: JobRecord, event: Release, now: datetime) -> JobRecord:
    if job.cancelling:
        return replace(_ended(job, JobState.CANCELLED, now), receipt=event.receipt)
    return replace(_queued(job), attempt=job.attempt - 1)


def _crashed(job: JobRecord, event: Crash, now: datetime) -> JobRecord:
    paid = replace(job, receipt=event.receipt)
    if job.cancelling:
        return _ended(paid, JobState.CANCELLED, now)
    if job.attempt >= job.attempts_allowed:
        return _given_up(paid, event.message, now)
    return _queued(job)


def _queued(job: JobRecord) -> JobRecord:
    return replace(job, state=JobState.QUEUED, worker=None, lease_until=None, pgid=None)


def _given_up(job: JobRecord, message: str, now: datetime) -> JobRecord:
    why = (
        f"job {job.id} was given up after {job.attempt} attempts that crashed; the last: {message}"
    )
    return replace(
        _ended(job, JobState.FAILED, now), error=JobError(code="WorkFailed", message=why)
    )


def _ended(job: JobRecord, state: JobState, now: datetime) -> JobRecord:
    return replace(job, state=state, finished_at=now, worker=None, lease_until=None, pgid=None)

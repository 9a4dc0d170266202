r"""What may happen to a job: one pure function from a record and an event to the next record.

    queued --Claim--> running --Succeed--> succeeded
      |                 |  \--Fail-----> failed
      |                 |--Crash--> queued, or failed after too many attempts
      |                 |--Claim--> running again, once its lease ended or its worker restarted
      |                 |--Defer--> queued
      |--Defer--> queued, and not claimed before a moment, until Wake lifts that
      |--Refuse--> failed
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
from lichen.protocol.scheduling import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One row of the collection `jobs`.

    `attempt` counts starts, `fence` claims; `lease_until` and `worker` say who runs it now, and
    `pgid` is the process group of that run. A queued job is not started before `not_before`;
    `waits_for` says why, and `has_waited` remembers it. Without a `schedule` it runs at once.
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
    not_before: datetime | None = None
    waits_for: str | None = None
    has_waited: bool = False
    schedule: Schedule | None = None


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
class Defer:
    """A budget does not hold what the job may cost: it waits (B1), and this start does not count.

    `receipt` is what its attempts cost so far. The worker alone says so, also of a queued job.
    """

    fence: int
    not_before: datetime
    waits_for: str
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """A budget will never hold what the queued job may cost, or lets nothing wait (B1)."""

    fence: int
    error: JobError


@dataclass(frozen=True, slots=True)
class Wake:
    """What a queued job waits for has changed: it may be taken now, and judged anew."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The tenant no longer wants it."""


OfAttempt = Started | Renew | Succeed | Fail | Crash | Release
OfQueue = Defer | Refuse | Wake
Event = Claim | Cancel | OfAttempt | OfQueue


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
        case Defer() | Refuse() | Wake():
            return _of_queue(job, event, now)
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
        return job.not_before is None or job.not_before <= now
    expired = job.lease_until is None or job.lease_until <= now
    return job.state is JobState.RUNNING and (expired or job.worker == worker)


def _claimed(job: JobRecord, event: Claim, now: datetime) -> JobRecord:
    if not claimable(job, event.worker, now):
        until = f", not to be started before {job.not_before}" if job.not_before else ""
        raise Conflict(f"job {job.id} is {job.state}, held by {job.worker or 'nobody'}{until}")
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
        not_before=None,
        waits_for=None,
    )


def _of_queue(job: JobRecord, event: OfQueue, now: datetime) -> JobRecord:
    match event:
        case Defer() if job.state is JobState.RUNNING and job.fence == event.fence:
            return _deferred(_released(job, event, now), event)
        case Defer() if job.state is JobState.QUEUED and job.fence == event.fence:
            return _deferred(job, event)
        case Refuse() if job.state is JobState.QUEUED and job.fence == event.fence:
            return replace(_ended(job, JobState.FAILED, now), error=event.error)
        case Wake() if job.state is JobState.QUEUED:
            return replace(job, not_before=None, waits_for=None)
        case _:
            raise Conflict(f"job {job.id} is {job.state} under fence {job.fence}: it cannot wait")


def _deferred(job: JobRecord, event: Defer) -> JobRecord:
    if job.state.final:
        return job
    receipt = event.receipt or job.receipt
    return replace(
        job,
        not_before=event.not_before,
        waits_for=event.waits_for,
        receipt=receipt,
        has_waited=True,
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


def _released(job: JobRecord, event: Release | Defer, now: datetime) -> JobRecord:
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
    return replace(
        job,
        state=state,
        finished_at=now,
        worker=None,
        lease_until=None,
        pgid=None,
        not_before=None,
        waits_for=None,
    )

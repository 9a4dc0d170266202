r"""What may happen to a job: one pure function from a record and an event to the next record.

    queued --Claim--> running --Succeed--> succeeded
      |                 |  \--Fail-----> failed
      |                 |--Crash--> queued, or failed after too many attempts
      |                 |--Claim--> running again, once its lease ended or its worker restarted
      |                 |--Release, Defer, Hold--> queued; that start does not count
      |                 |--Pause--> running and told to pause, until Resume lifts that
      |                 \--Cancel--> running and told to cancel
      |--Defer--> queued, and not claimed before a moment, until Wake lifts that
      |--Refuse--> failed
      |--Pause--> paused --Resume--> queued
      \--Cancel--> cancelled <--Cancel-- paused

Whatever ends the attempt of a job that was told to cancel makes it cancelled, and of one that was
told to pause makes it paused: Crash, Claim, Release, Defer, Hold. Its own word, Succeed or Fail,
stands.

A budget's wait is in the record (`not_before`); the plan's wait is not: who takes jobs asks
`dispatch.order` before each Claim. So neither can overwrite the other, and what ends the one does
not end the other.

The **fence** grows with each claim. Whoever speaks for an attempt states its fence, so an attempt
that was given up for dead can change nothing when it wakes up.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from lichen.control.interruptible import interruption
from lichen.core.errors import Conflict
from lichen.core.figures import Receipt
from lichen.protocol.admin import JobError, JobKind, JobState, JsonObject
from lichen.protocol.scheduling import Schedule
from lichen.protocol.segments import JobSegment

Segments = tuple[JobSegment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """One row of the collection `jobs`.

    `attempt` counts starts, `fence` claims; `lease_until` and `worker` say who runs it now, and
    `pgid` is the process group of that run, `running_since` when it began and `why` what for. A
    queued job is not started before `not_before`; `waits_for` says why, and `has_waited` remembers
    that it waited, for a budget or for cleaner power. Without a `schedule` it runs at once; what a
    person paused is planned anew from `resumed_at` on.
    `segments` are its spans of work so far; they sum to the `receipt` of a job that does not run.
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
    pausing: bool = False
    worker: str | None = None
    lease_until: datetime | None = None
    pgid: int | None = None
    created_at: datetime
    started_at: datetime | None = None
    running_since: datetime | None = None
    resumed_at: datetime | None = None
    finished_at: datetime | None = None
    error: JobError | None = None
    result: JsonObject | None = None
    receipt: Receipt | None = None
    segments: Segments = ()
    not_before: datetime | None = None
    waits_for: str | None = None
    has_waited: bool = False
    why: str | None = None
    schedule: Schedule | None = None

    @property
    def subject(self) -> str:
        """The model, deployment, dataset or standard it is about; empty where none is named."""
        said = (self.spec.get(part) for part in ("name", "deployment", "data", "standard"))
        return str(next(filter(None, said), ""))


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker takes the job, and holds it until `lease_until`; `why` says for what now.

    A worker's name is its alone: finding it on a running job means that its last life ended.
    """

    worker: str
    lease_until: datetime
    receipt: Receipt | None = None
    segments: Segments = ()
    why: str | None = None
    has_waited: bool = False


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
    segments: Segments = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """The attempt found that it cannot be done; another would find the same."""

    fence: int
    error: JobError
    receipt: Receipt | None = None
    segments: Segments = ()


@dataclass(frozen=True, slots=True)
class Crash:
    """The attempt's process ended without a word; `message` says how, `receipt` what it kept."""

    fence: int
    message: str
    receipt: Receipt | None = None
    segments: Segments = ()


@dataclass(frozen=True, slots=True)
class Release:
    """The attempt ended since it was told to, and the job is given back; it does not count."""

    fence: int
    receipt: Receipt | None = None
    segments: Segments = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """The attempt ended at a checkpoint, for cleaner power later; it does not count."""

    fence: int
    receipt: Receipt | None = None
    segments: Segments = ()


@dataclass(frozen=True, slots=True)
class Defer:
    """A budget does not hold what the job may cost: it waits (B1), and this start does not count.

    `receipt` is what its attempts cost so far. The worker alone says so, also of a queued job.
    """

    fence: int
    not_before: datetime
    waits_for: str
    receipt: Receipt | None = None
    segments: Segments = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """A budget will never hold what the queued job may cost, or lets nothing wait (B1)."""

    fence: int
    error: JobError


@dataclass(frozen=True, slots=True)
class Wake:
    """The budget that a queued job waits for has changed: it is judged anew."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The tenant no longer wants it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A person wants it to stand still: it ends at its next checkpoint, and is not taken."""


@dataclass(frozen=True, slots=True)
class Resume:
    """A person wants it to go on."""


OfAttempt = Started | Renew | Succeed | Fail | Crash | Release | Hold
OfQueue = Defer | Refuse | Wake
OfPerson = Cancel | Pause | Resume
Event = Claim | OfPerson | OfAttempt | OfQueue
_Paid = Claim | Succeed | Fail | Crash | Release | Hold | Defer


def step(job: JobRecord, event: Event, now: datetime) -> JobRecord:
    """The job after the event.

    Raises:
        Conflict: the event does not fit: another attempt holds the job, or it has ended.
    """
    match event:
        case Claim():
            return _claimed(job, event, now)
        case Cancel() | Pause() | Resume():
            return _as_wished(job, event, now)
        case Defer() | Refuse() | Wake():
            return _of_queue(job, event, now)
        case Started() | Renew() | Succeed() | Fail() | Crash() | Release() | Hold():
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
    return is_orphan(job, worker, now)


def is_orphan(job: JobRecord, worker: str, now: datetime) -> bool:
    """Whether the worker that runs the job is gone, as far as this one can tell."""
    expired = job.lease_until is None or job.lease_until <= now
    return job.state is JobState.RUNNING and (expired or job.worker == worker)


def _claimed(job: JobRecord, event: Claim, now: datetime) -> JobRecord:
    if not claimable(job, event.worker, now):
        until = f", not to be started before {job.not_before}" if job.not_before else ""
        raise Conflict(f"job {job.id} is {job.state}, held by {job.worker or 'nobody'}{until}")
    put_back = _abandoned(job, event, "its worker ended", now)
    if put_back.state is not JobState.QUEUED:
        return put_back
    return replace(
        put_back,
        state=JobState.RUNNING,
        attempt=job.attempt + 1,
        fence=job.fence + 1,
        worker=event.worker,
        lease_until=event.lease_until,
        started_at=job.started_at or now,
        running_since=now,
        receipt=None,
        not_before=None,
        waits_for=None,
        why=event.why,
        has_waited=job.has_waited or event.has_waited,
    )


def _as_wished(job: JobRecord, event: OfPerson, now: datetime) -> JobRecord:
    match event:
        case Cancel():
            return _cancelled(job, now)
        case Pause():
            return _paused(job)
        case Resume():
            return _resumed(job, now)


def _cancelled(job: JobRecord, now: datetime) -> JobRecord:
    match job.state:
        case JobState.QUEUED | JobState.PAUSED:
            return _ended(job, JobState.CANCELLED, now)
        case JobState.RUNNING:
            return replace(job, cancelling=True, pausing=False)
        case JobState.CANCELLED:
            return job
        case JobState.SUCCEEDED | JobState.FAILED:
            raise Conflict(f"job {job.id} has {job.state} already: there is nothing to cancel")


def _paused(job: JobRecord) -> JobRecord:
    if job.state.final or job.cancelling:
        told = f"has {job.state} already" if job.state.final else "is being cancelled"
        raise Conflict(f"job {job.id} {told}: there is nothing to pause")
    if job.state is JobState.RUNNING:
        possible = interruption(job.kind, job.spec)
        if not possible.is_possible:
            raise Conflict(f"job {job.id} runs already, and {possible.says}: let it end, or cancel")
        return replace(job, pausing=True)
    return replace(job, state=JobState.PAUSED, not_before=None, waits_for=None)


def _resumed(job: JobRecord, now: datetime) -> JobRecord:
    if job.state.final:
        raise Conflict(f"job {job.id} has {job.state} already: submit it again")
    if job.state is JobState.PAUSED:
        return replace(job, state=JobState.QUEUED, resumed_at=now)
    return replace(job, pausing=False)


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
    if job.state is not JobState.QUEUED:
        return job  # it was told to end, or to pause, and did
    waiting = replace(job, not_before=event.not_before, waits_for=event.waits_for, has_waited=True)
    return _paid(waiting, event)


def _of_attempt(job: JobRecord, event: OfAttempt, now: datetime) -> JobRecord:
    match event:
        case Started(pgid=pgid):
            return replace(job, pgid=pgid)
        case Renew(lease_until=lease_until):
            return replace(job, lease_until=lease_until)
        case Crash():
            return _abandoned(job, event, event.message, now)
        case Release() | Hold():
            return _released(job, event, now)
        case Succeed() | Fail():
            return _settled(job, event, now)


def _settled(job: JobRecord, event: Succeed | Fail, now: datetime) -> JobRecord:
    """The job ends with the attempt's own word, whatever it was told meanwhile."""
    if isinstance(event, Succeed):
        done = replace(_ended(job, JobState.SUCCEEDED, now), result=event.result)
    elif job.cancelling:
        done = _ended(job, JobState.CANCELLED, now)
    else:
        done = replace(_ended(job, JobState.FAILED, now), error=event.error)
    return _paid(done, event)


def _released(job: JobRecord, event: Release | Hold | Defer, now: datetime) -> JobRecord:
    if job.cancelling:
        return _paid(_ended(job, JobState.CANCELLED, now), event)
    uncounted = replace(_put_back(job, event), attempt=job.attempt - 1)
    return replace(uncounted, has_waited=True) if isinstance(event, Hold) else uncounted


def _abandoned(job: JobRecord, event: Crash | Claim, message: str, now: datetime) -> JobRecord:
    """The job after its attempt ended without a word; a queued one is as it was."""
    if job.cancelling:
        return _paid(_ended(job, JobState.CANCELLED, now), event)
    if job.attempt >= job.attempts_allowed:
        return _paid(_given_up(job, message, now), event)
    return job if job.state is JobState.QUEUED else _put_back(job, event)


def _put_back(job: JobRecord, event: _Paid) -> JobRecord:
    """Nobody runs it now: it is queued, or paused if it was told so."""
    free = replace(
        job,
        state=JobState.PAUSED if job.pausing else JobState.QUEUED,
        pausing=False,
        worker=None,
        lease_until=None,
        pgid=None,
        running_since=None,
    )
    return _paid(free, event)


def _paid(job: JobRecord, event: _Paid) -> JobRecord:
    """With what its attempts cost so far; nothing is taken back that was known already."""
    return replace(
        job,
        receipt=event.receipt or job.receipt,
        segments=event.segments or job.segments,
    )


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
        pausing=False,
        worker=None,
        lease_until=None,
        pgid=None,
        running_since=None,
        not_before=None,
        waits_for=None,
    )

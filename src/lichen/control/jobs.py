"""Jobs as rows: submitted durably, changed by compare-and-set, found again after any crash.

Collection `jobs` holds every job by its id, which grows with time; `jobs-open` holds the ids of
those that have not ended, so that a worker never reads the others; each change of a job touches its
entry there, so that a worker reads again only what changed.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from lichen.control.transitions import Event, JobRecord, step
from lichen.core.clock import Clock
from lichen.core.errors import Conflict, NotFound
from lichen.core.ids import JobId
from lichen.protocol.admin import JobKind, JsonObject
from lichen.protocol.scheduling import Schedule
from lichen.store.documents import MUST_NOT_EXIST, SCAN_LIMIT, Change, DocumentStore, scan_all

JOBS = "jobs"
OPEN = "jobs-open"
_MICROSECONDS = 10**6


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """How often a job is started again after a crash."""

    attempts: int = 20


class Jobs:
    """The one way to a job."""

    def __init__(
        self, documents: DocumentStore, clock: Clock, policy: JobPolicy | None = None
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._policy = policy or JobPolicy()

    def now(self) -> datetime:
        """The time by which jobs are judged."""
        return self._clock.now()

    def new_id(self) -> JobId:
        """A fresh id; ids sort by the time they were made."""
        microseconds = round(self._clock.now().timestamp() * _MICROSECONDS)
        return JobId(f"job-{microseconds:014x}{secrets.token_hex(3)}")

    def submit(
        self,
        kind: JobKind,
        spec: JsonObject,
        tenant: str,
        extra: Callable[[JobRecord], Sequence[Change]] = lambda _: (),
        schedule: Schedule | None = None,
    ) -> JobRecord:
        """Accept a job: once this returns, no crash loses it.

        Args:
            kind: what it does.
            spec: what it does it to.
            tenant: who pays.
            extra: changes committed together with it, or not at all.
            schedule: when it may run; None runs it at once.

        Raises:
            Conflict: `extra` did not hold; the job was not accepted.
        """
        job = JobRecord(
            id=self.new_id(),
            kind=kind,
            spec=spec,
            tenant=tenant,
            attempts_allowed=self._policy.attempts,
            created_at=self._clock.now(),
            schedule=schedule,
        )
        self._documents.commit(
            [
                Change(JOBS, job.id, msgspec.json.encode(job), MUST_NOT_EXIST),
                Change(OPEN, job.id, b"", MUST_NOT_EXIST),
                *extra(job),
            ]
        )
        return job

    def get(self, job_id: str) -> JobRecord:
        """One job.

        Raises:
            NotFound: there is none of this id.
        """
        return self._read(job_id)[0]

    def page(self, after: str, limit: int) -> list[JobRecord]:
        """Up to `limit` jobs in the order of their acceptance, after the id `after`."""
        return [_decoded(document.body) for document in self._documents.scan(JOBS, after, limit)]

    def since(self, moment: datetime) -> Iterator[JobRecord]:
        """Every job that was accepted since a moment, oldest first."""
        after = f"job-{round(moment.timestamp() * _MICROSECONDS):014x}"
        while page := self.page(after, SCAN_LIMIT):
            yield from page
            after = page[-1].id

    def unfinished(self) -> Iterator[JobRecord]:
        """Every job that has not ended, oldest first."""
        for document in scan_all(self._documents, OPEN):
            found = self._documents.get(JOBS, document.key)
            if found is not None:
                yield _decoded(found.body)

    def are_open(self, count: int) -> bool:
        """Whether so many jobs, or more, have not ended; it reads no further than it must."""
        after = ""
        while page := self._documents.scan(OPEN, after, min(count, SCAN_LIMIT)):
            count -= len(page)
            if count <= 0:
                return True
            after = page[-1].key
        return False

    def open_versions(self) -> dict[str, int]:
        """Ids of the jobs that have not ended, oldest first; a number grows as its job changes."""
        return self._documents.versions(OPEN)

    def apply(self, job_id: str, event: Event, now: datetime | None = None) -> JobRecord:
        """Let something happen to a job; the job afterwards.

        Args:
            job_id: to which.
            event: what.
            now: when; absent, the time by the clock.

        Raises:
            NotFound: there is none of this id.
            Conflict: the event does not fit, see `transitions.step`.
        """
        while True:
            job, version = self._read(job_id)
            after = step(job, event, now or self._clock.now())
            try:
                self._documents.commit(_changes(job, after, version))
            except Conflict:
                continue  # somebody else changed it in between: judge the event anew
            return after

    def changes(self, job_id: str, event: Event) -> Sequence[Change]:
        """What lets something happen to a job, to be committed together with other changes.

        The commit raises Conflict when the job changed since: ask anew then.

        Raises:
            Conflict: the event does not fit: its fence is stale, or the job has ended.
        """
        job, version = self._read(job_id)
        return _changes(job, step(job, event, self._clock.now()), version)

    def _read(self, job_id: str) -> tuple[JobRecord, int]:
        document = self._documents.get(JOBS, job_id)
        if document is None:
            raise NotFound(f"there is no job {job_id!r}: `lichen jobs ls` lists those there are")
        return _decoded(document.body), document.version


def _changes(before: JobRecord, after: JobRecord, version: int) -> list[Change]:
    changes = [Change(JOBS, after.id, msgspec.json.encode(after), version)]
    if not before.state.final:
        changes.append(Change(OPEN, after.id, None if after.state.final else b""))
    return changes


def _decoded(body: bytes) -> JobRecord:
    return msgspec.json.decode(body, type=JobRecord)

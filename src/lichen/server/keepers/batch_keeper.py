"""Turns what was asked at `/v1/batches` into jobs, and writes down how those ended.

A job and the batch that names it are one commit, so a kill at any moment leaves both or neither.
It asks the store once a second whether anything changed.
"""

import logging
from dataclasses import replace
from typing import Protocol

import msgspec

from lichen.control.jobs import Jobs
from lichen.control.submissions import JobDraft, Sender, Submissions
from lichen.control.transitions import Cancel, JobRecord
from lichen.core.clock import Clock, rfc3339
from lichen.core.errors import (
    Conflict,
    LichenError,
    NotFound,
    QueueFull,
    StorageFailed,
    Unavailable,
)
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.batches import BatchError, RequestCounts, Status
from lichen.protocol.predicting import PredictSpec
from lichen.protocol.scheduling import ScheduleRequest
from lichen.server.keepers.routine import Routine
from lichen.serving.batch_lines import check_lines
from lichen.serving.batch_records import (
    BATCH_KEYS,
    KEPT_KEYS,
    OPEN_BATCHES,
    Batches,
    BatchRecord,
    Repeatable,
    changes_of,
)
from lichen.store.blobs import BlobStore
from lichen.store.documents import Change, DocumentStore, scan_all

PERIOD_SECONDS = 1.0
_LOOKS_BETWEEN = 30
"""Without a change, it looks after so many periods again: deadlines pass by themselves."""
_SWEEP_LOOKS = 120
_FULL_PAUSE_NS = 30 * NANOSECONDS_PER_SECOND
"""A batch that found the queue full is tried again so much later, while its window lasts."""
_LONGEST_STOP_SECONDS = 1.0
PRINCIPAL = "batches"
_log = logging.getLogger(__name__)


class Looks(Protocol):
    """What the keeper needs of the control plane."""

    @property
    def jobs(self) -> Jobs:
        """The jobs."""
        ...

    @property
    def submissions(self) -> Submissions:
        """The door to them."""
        ...


class BatchKeeper:
    """A thread of the control plane."""

    def __init__(
        self, documents: DocumentStore, blobs: BlobStore, plane: Looks, clock: Clock
    ) -> None:
        self._documents = documents
        self._blobs = blobs
        self._jobs = plane.jobs
        self._submissions = plane.submissions
        self._batches = Batches(documents, clock)
        self._clock = clock
        self._seen_revision = -1
        self._looks = 0
        self._again_ns: dict[str, int] = {}
        self._routine = Routine("batches", self._again, PERIOD_SECONDS, PERIOD_SECONDS)

    def start(self) -> None:
        """Begin to look."""
        self._routine.start()

    def stop(self) -> None:
        """End."""
        self._routine.stop(_LONGEST_STOP_SECONDS)

    def turn(self) -> None:
        """Look after every batch that has not ended; none hinders another.

        Raises:
            StorageFailed: the store cannot be read.
        """
        for document in list(scan_all(self._documents, OPEN_BATCHES)):
            if self._routine.is_stopping:
                return
            try:
                self._look_after(document.key)
            except Conflict:
                self._seen_revision = -1  # it changed just now: look again
            except LichenError as error:
                _log.error("batch %s cannot be looked after now: %s", document.key, error)
                self._seen_revision = -1

    def forget(self) -> None:
        """Drop Idempotency-Keys that are older than `KEPT_KEYS`."""
        oldest = self._clock.now() - KEPT_KEYS
        for document in list(scan_all(self._documents, BATCH_KEYS)):
            if msgspec.json.decode(document.body, type=Repeatable).created_at < oldest:
                self._documents.commit([Change(BATCH_KEYS, document.key, None)])

    def _look_after(self, key: str) -> None:
        record, version = self._batches.read(key)
        if record.job_id is None:
            self._begin(record, version)
            return
        try:
            job = self._jobs.get(record.job_id)
        except NotFound:
            self._end(record, version, "failed", "its job is gone: send the batch again")
            return
        if job.state.final:
            self._settle(record, version, job)
        elif record.status == "cancelling":
            self._jobs.apply(job.id, Cancel())
        elif job.started_at is None and self._clock.now() > record.deadline:
            self._jobs.apply(job.id, Cancel())
            self._end(record, version, "expired", "its window ended before its job could start")

    def _begin(self, record: BatchRecord, version: int) -> None:
        """Check the requests, and submit the job that answers them."""
        now = self._clock.now()
        if record.status == "cancelling":
            self._keep(record, record.entered("cancelled", now), version)
            return
        if now >= record.deadline:
            self._end(record, version, "expired", "its window ended before its job was accepted")
            return
        if self._clock.monotonic_ns() < self._again_ns.get(record.key, 0):
            return
        total, errors = check_lines(self._blobs.path(record.input_digest), record.endpoint)
        counted = replace(record, counts=RequestCounts(total=total), errors=tuple(errors))
        if errors:
            self._keep(record, counted.entered("failed", now), version)
            return
        self._submit(record, counted, version)

    def _submit(self, before: BatchRecord, record: BatchRecord, version: int) -> None:
        size = self._blobs.path(record.input_digest).stat().st_size
        spec = PredictSpec(deployment=record.deployment, batch=record.key, size_bytes=size)
        asked = ScheduleRequest(deadline=rfc3339(record.deadline), interruptible=True)
        draft = JobDraft(JobKind.PREDICT, msgspec.to_builtins(spec), record.tenant, asked)
        sender = Sender(record.tenant, PRINCIPAL, record.id)

        def begun(job: JobRecord) -> list[Change]:
            after = replace(record, job_id=job.id).entered("in_progress", self._clock.now())
            return changes_of(before, after, version)

        try:
            job, is_new = self._submissions.accept(sender, draft, record.id.encode(), begun)
            if not is_new:  # a store was put back
                self._documents.commit(begun(job))
        except QueueFull:  # it was accepted: it waits for room
            self._again_ns[record.key] = self._clock.monotonic_ns() + _FULL_PAUSE_NS
        except (Conflict, StorageFailed, Unavailable):
            raise
        except LichenError as refusal:
            self._end(record, version, "failed", str(refusal))
        else:
            self._again_ns.pop(record.key, None)

    def _settle(self, record: BatchRecord, version: int, job: JobRecord) -> None:
        """Write down how a job ended that did not do so itself."""
        if job.state is JobState.SUCCEEDED:
            said = "its job succeeded, and wrote no answers: send the batch again"
        elif job.error is not None:
            said = job.error.message
        else:
            said = f"job {job.id} was cancelled"
        is_cancelled = job.state is JobState.CANCELLED
        self._end(record, version, "cancelled" if is_cancelled else "failed", said)

    def _end(self, record: BatchRecord, version: int, status: Status, says: str) -> None:
        self._again_ns.pop(record.key, None)
        errors = () if status == "cancelled" else (BatchError(code=status, message=says),)
        ended = replace(record, errors=errors).entered(status, self._clock.now())
        self._keep(record, ended, version)

    def _keep(self, before: BatchRecord, after: BatchRecord, version: int) -> None:
        self._documents.commit(changes_of(before, after, version))

    def _again(self) -> float:
        self._looks += 1
        revision = self._documents.revision()
        if revision != self._seen_revision or self._looks % _LOOKS_BETWEEN == 0:
            self._seen_revision = revision
            self.turn()
        if self._looks % _SWEEP_LOOKS == 0:
            self.forget()
        return PERIOD_SECONDS

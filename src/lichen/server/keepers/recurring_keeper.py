"""Submits recurring work when it is due: each due moment becomes one job, or is recorded as none.

A job and what the record says of it are one commit, so a kill at any moment leaves both or neither;
the Idempotency-Key, the record's id and the due moment, holds where a store was put back.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from threading import Event, Thread

import msgspec

from lichen.control.jobs import Jobs
from lichen.control.recurrence import DueRun, Outcome, Recurrence, Run, due_runs
from lichen.control.recurrences import Recurrences, change_of
from lichen.control.recurring_kinds import recurring_kind
from lichen.control.submissions import JobDraft, Sender, Submissions
from lichen.control.transitions import JobRecord
from lichen.core.clock import Clock, rfc3339
from lichen.core.errors import (
    Conflict,
    InvalidInput,
    LichenError,
    NotFound,
    Refused,
)
from lichen.protocol.scheduling import ScheduleRequest
from lichen.store.documents import Change

PRINCIPAL = "schedules"
_LONGEST_SLEEP = timedelta(seconds=30)
"""A clock that is set is noticed so soon."""
_AGAIN_SECONDS = 0.5
"""After somebody else changed what was looked at."""
_PAUSE_SECONDS = 5.0
"""After a fault."""
_LONGEST_STOP_SECONDS = 1.0

_log = logging.getLogger(__name__)


class RecurringKeeper:
    """Sleeps until something is due; wakes when recurring work is changed."""

    def __init__(
        self, recurrences: Recurrences, jobs: Jobs, submissions: Submissions, clock: Clock
    ) -> None:
        self._recurrences = recurrences
        self._jobs = jobs
        self._submissions = submissions
        self._clock = clock
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="schedules", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._recurrences.changed.set()
        if self._thread.is_alive():
            self._thread.join(_LONGEST_STOP_SECONDS)

    def turn(self) -> timedelta:
        """Submit what is due, and say how long nothing will be; no record hinders another.

        Raises:
            StorageFailed: the store cannot be read.
        """
        soonest = _LONGEST_SLEEP
        for record in self._recurrences.all():
            if self._stopping.is_set():
                break
            try:
                soonest = min(soonest, self._look_after(record.name))
            except (Conflict, NotFound):  # changed or removed just now: judge it anew
                soonest = min(soonest, timedelta(seconds=_AGAIN_SECONDS))
            except LichenError as error:  # the disk is full: it stays due
                _log.error("schedule %s cannot be looked after now: %s", record.name, error)
                soonest = min(soonest, timedelta(seconds=_PAUSE_SECONDS))
        return soonest

    def _look_after(self, name: str) -> timedelta:
        """How long until the next of it is due."""
        read, version = self._recurrences.read(name)
        now = self._clock.now()
        record = read.rewound(now)
        due = due_runs(record, now, self._open_job(record))
        after = record.settled(*due.settled)
        for run in due.settled:
            _log.warning(
                "schedule %s: %s, due at %s: %s", name, run.outcome, rfc3339(run.due), run.sentence
            )
        if due.run is not None:
            after = self._submit(after, due.run, version)
        elif after != read:
            self._recurrences.keep(after, version)
        following = after.next_due
        return _LONGEST_SLEEP if following is None else max(following - now, timedelta())

    def _submit(self, record: Recurrence, run: DueRun, version: int) -> Recurrence:
        """The record afterwards, which is kept."""
        try:
            job, is_new = self._accept(record, run, version)
        except (Refused, InvalidInput) as refusal:
            refused = Run(due=run.due, outcome=Outcome.REFUSED, sentence=str(refusal))
            _log.warning("schedule %s: %s", record.name, refusal)
            after = record.settled(refused)
            self._recurrences.keep(after, version)
            return after
        after = _with_job(record, run, job.id)
        if is_new:
            _log.info("schedule %s: job %s for %s", record.name, job.id, rfc3339(run.due))
        else:
            self._recurrences.keep(after, version)
        return after

    def _accept(self, record: Recurrence, run: DueRun, version: int) -> tuple[JobRecord, bool]:
        """A late run that no longer fits into its window runs at once."""
        key = f"{record.id} {rfc3339(run.due)}"
        sender = Sender(record.tenant, PRINCIPAL, key)

        def also(job: JobRecord) -> list[Change]:
            return [change_of(_with_job(record, run, job.id), version)]

        try:
            return self._submissions.accept(sender, _draft(record, run), key.encode(), also)
        except InvalidInput:
            if not run.is_late or run.deadline is None:
                raise
            at_once = replace(run, deadline=None)
            return self._submissions.accept(sender, _draft(record, at_once), key.encode(), also)

    def _open_job(self, record: Recurrence) -> str | None:
        job_id = record.last_job
        if job_id is None:
            return None
        try:
            return None if self._jobs.get(job_id).state.final else job_id
        except NotFound:  # it was dropped since
            return None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._recurrences.changed.clear()
            try:
                seconds = self.turn().total_seconds()
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread
                _log.exception("looking after recurring work failed and is tried again")
                seconds = _PAUSE_SECONDS
            self._recurrences.changed.wait(seconds)


def _draft(record: Recurrence, run: DueRun) -> JobDraft:
    kind = recurring_kind(record.kind)
    spec = kind.dated(record.spec, record.period.before(run.due), run.due)
    asked = _asked(record.schedule, run, kind.begins_after)
    return JobDraft(record.kind, spec, record.tenant, asked)


def _asked(asked: ScheduleRequest, run: DueRun, begins_after: timedelta) -> ScheduleRequest:
    """When a run may be; at once where it has no deadline, since it is late."""
    if run.deadline is None:
        return ScheduleRequest(green=False, priority=asked.priority)
    earliest = rfc3339(run.due + begins_after) if begins_after else None
    return msgspec.structs.replace(asked, deadline=rfc3339(run.deadline), earliest=earliest)


def _with_job(record: Recurrence, run: DueRun, job_id: str) -> Recurrence:
    sentence = "submitted late" if run.is_late else ""
    made = Run(due=run.due, outcome=Outcome.SUBMITTED, sentence=sentence, job_id=job_id)
    return record.settled(made)

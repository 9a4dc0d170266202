"""The worker: takes jobs that wait, runs each in its own process group, brings back what crashed.

It computes nothing itself: no NumPy. Idle, it asks the store five times a second whether anything
changed.
"""

import logging
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from lichen.carbon.budgets.budget import Budget, Verdict
from lichen.carbon.budgets.budget_records import every_budget
from lichen.control.jobs import Jobs
from lichen.control.rationing import Ruling
from lichen.control.transitions import (
    Claim,
    Crash,
    Defer,
    Event,
    Fail,
    JobRecord,
    Refuse,
    Release,
    Renew,
    Started,
    Wake,
    claimable,
)
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import Conflict, LichenError, OverBudget, error_name
from lichen.core.figures import Receipt
from lichen.energy.counters import ProcessCounters
from lichen.protocol.admin import JobError, JobState
from lichen.server.home import Home
from lichen.server.inheritance import inherit
from lichen.server.parentage import await_signals, next_signal
from lichen.server.pricing import pricing
from lichen.server.sections import Settings
from lichen.server.work.attempt import Attempt, clear_away, end_stray
from lichen.server.work.rationing import JobRations, Pace
from lichen.server.work.spending import kept_receipt
from lichen.store.documents import DocumentStore, SqliteDocuments

NAME = "worker"
POLL_SECONDS = 0.2
LEASES_RENEWED_PER_LEASE = 3
SWEEP_SECONDS = STALE_UPLOAD_SECONDS = 3600.0
_log = logging.getLogger(__name__)


class Worker:
    """Runs up to `parallel_jobs` attempts at a time."""

    def __init__(self, settings: Settings, documents: DocumentStore, clock: Clock) -> None:
        self._settings = settings.jobs
        self._home = Home(settings.home)
        self._prices = pricing(settings.carbon, self._home.intensities)
        self._documents = documents
        self._jobs = Jobs(documents, clock)
        self._clock = clock
        self._rations = JobRations(documents, self._home, self._prices, clock)
        self._budgets: Sequence[Budget] | None = None
        self._running: dict[str, Attempt] = {}
        self._seen_revision = -1
        self._look_again_at = 0.0
        self._renew_at = 0.0
        self._sweep_at = 0.0

    def turn(self) -> None:
        """Look after what runs, then take what waits."""
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self.sweep()
        freed = self._bring_home()
        self._renew()
        self._pace()
        revision = self._documents.revision()
        now = time.monotonic()
        if revision == self._seen_revision and not freed and now < self._look_again_at:
            return
        self._seen_revision = revision
        self._look_again_at = now + self._settings.lease_seconds
        self._notice_budgets()
        for job in list(self._jobs.unfinished()):
            self._consider(job)

    def stop(self) -> None:
        """End every attempt and give its job back."""
        for attempt in self._running.values():
            attempt.cancel(self._settings.grace_seconds)
        while self._running:
            for attempt in list(self._running.values()):
                attempt.enforce()
                if attempt.ended() is not None:
                    with suppress(LichenError):  # on a full disk the next life takes it over
                        kept = self._kept(attempt.job_id)
                        self._tell(attempt, Release(attempt.fence, kept))
            time.sleep(0.02)

    def _consider(self, job: JobRecord) -> None:
        attempt = self._running.get(job.id)
        if attempt is not None and attempt.fence == job.fence:
            if job.cancelling:
                attempt.cancel(self._settings.grace_seconds)
            return
        now = self._clock.now()
        if job.not_before is not None and job.not_before > now:
            wait = (job.not_before - now).total_seconds()
            self._look_again_at = min(self._look_again_at, time.monotonic() + wait)
        if len(self._running) < self._settings.parallel_jobs and claimable(job, NAME, now):
            self._take(job)

    def _take(self, job: JobRecord) -> None:
        end_stray(job)
        ruling = self._rations.judge(job)
        if ruling.verdict is not Verdict.ALLOW:
            self._turn_away(job, ruling)
            return
        try:
            claim = Claim(NAME, self._lease_end(), self._kept(job.id))
            claimed = self._jobs.apply(job.id, claim)
        except LichenError as error:
            self._rations.end(job.id)
            if isinstance(error, Conflict):
                return  # somebody else was quicker
            raise
        if claimed.state is not JobState.RUNNING:
            self._rations.end(job.id)
            self._clean_up(claimed)
            return
        self._start(claimed)

    def _start(self, claimed: JobRecord) -> None:
        self._rations.begin(claimed.id, claimed.fence)
        try:
            attempt = Attempt(self._home, claimed)
        except (LichenError, OSError) as error:
            self._rations.end(claimed.id)
            how = f"it could not be started: {error}"
            self._jobs.apply(claimed.id, Crash(claimed.fence, how, self._kept(claimed.id)))
            return
        self._running[claimed.id] = attempt
        try:
            self._jobs.apply(claimed.id, Started(attempt.fence, attempt.pgid))
        except Conflict:
            return  # it has ended already

    def _turn_away(self, job: JobRecord, ruling: Ruling) -> None:
        """Let a job wait, or refuse it: a budget does not hold what it may cost."""
        try:
            if job.state is JobState.RUNNING:  # its worker ended: that start did count
                job = self._jobs.apply(
                    job.id, Crash(job.fence, "its worker ended", self._kept(job.id))
                )
            if job.state is JobState.QUEUED:
                job = self._jobs.apply(job.id, self._queue_event(job, ruling))
        except Conflict:
            return  # it changed meanwhile: it is looked at again
        self._clean_up(job)

    def _queue_event(self, job: JobRecord, ruling: Ruling) -> Event:
        if ruling.verdict is Verdict.DEFER and ruling.again_at is not None:
            return Defer(job.fence, ruling.again_at, ruling.says, self._kept(job.id))
        return Refuse(job.fence, JobError(code=error_name(OverBudget("")), message=ruling.says))

    def _pace(self) -> None:
        """Stop what a budget holds no more for: at a checkpoint, or at once when all is used."""
        for attempt in self._running.values():
            pace = self._rations.look(attempt.job_id)
            if pace is Pace.STOP_NOW:
                attempt.cancel(self._settings.grace_seconds)
            elif pace is Pace.STOP_SOON:
                attempt.stop_at_checkpoint()

    def _notice_budgets(self) -> None:
        """Wake what waits when a budget was changed, and once in each life of the worker."""
        budgets = every_budget(self._documents)
        if budgets != self._budgets:
            self._budgets = budgets
            self._wake()

    def _wake(self) -> None:
        """Let every job that waits for a budget be judged anew."""
        for job in list(self._jobs.unfinished()):
            if job.not_before is not None:
                with suppress(Conflict):  # it was cancelled, or taken
                    self._jobs.apply(job.id, Wake())

    def _bring_home(self) -> bool:
        """Notice ends; whether there were any."""
        any_ended = False
        for attempt in list(self._running.values()):
            attempt.enforce()
            how = attempt.ended()
            if how is not None:
                any_ended = True
                self._tell(attempt, self._end_of(attempt, how))
        return any_ended

    def _end_of(self, attempt: Attempt, how: str) -> Event:
        """What is said of an attempt that ended and has not said it itself."""
        ruling = self._rations.stopped(attempt.job_id)
        kept = self._kept(attempt.job_id)
        if ruling is None:
            return Crash(attempt.fence, how, kept)
        if ruling.verdict is Verdict.DEFER and ruling.again_at is not None:
            return Defer(attempt.fence, ruling.again_at, ruling.says, kept)
        error = JobError(code=error_name(OverBudget("")), message=ruling.says)
        return Fail(attempt.fence, error, kept)

    def _kept(self, job_id: str) -> Receipt | None:
        """What a job has cost as far as its attempts kept it, should it end here."""
        return kept_receipt(self._home.job(job_id), self._prices, self._clock)

    def _tell(self, attempt: Attempt, event: Event) -> None:
        """Record an end, unless the job recorded its own, which is what a job does."""
        del self._running[attempt.job_id]
        is_silent = isinstance(event, Crash) and not attempt.was_told_to_end
        try:
            job = self._jobs.apply(attempt.job_id, event)
        except Conflict:
            job = self._jobs.get(attempt.job_id)
            is_silent = False
        if self._rations.end(attempt.job_id, forfeits=is_silent):
            self._wake()  # what it gave back may do for another
        self._clean_up(job)

    def _renew(self) -> None:
        now = time.monotonic()
        if not self._running or now < self._renew_at:
            return
        self._renew_at = now + self._settings.lease_seconds / LEASES_RENEWED_PER_LEASE
        for attempt in self._running.values():
            try:
                self._jobs.apply(attempt.job_id, Renew(attempt.fence, self._lease_end()))
            except Conflict:
                continue  # it ended, or another worker took it: its own commit will be refused

    def _lease_end(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._settings.lease_seconds)

    def _clean_up(self, job: JobRecord) -> None:
        if not job.state.final:
            return
        clear_away(self._home, job.id)
        file = job.spec.get("file")
        if isinstance(file, dict):
            with suppress(OSError):  # a read-only disk; the sweep tries again
                (self._home.uploads / Path(str(file.get("upload"))).name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove uploads that no open job names and what ended jobs left, where nobody did so."""
        unfinished = list(self._jobs.unfinished())
        running = {job.id for job in unfinished}
        for folder in self._home.jobs.iterdir():
            if folder.name not in running:
                clear_away(self._home, folder.name)
        wanted = {str(job.spec["file"]["upload"]) for job in unfinished if "file" in job.spec}
        oldest = self._clock.now().timestamp() - STALE_UPLOAD_SECONDS
        for path in self._home.uploads.iterdir():
            with suppress(OSError):  # gone meanwhile, or a read-only disk
                if path.name not in wanted and path.stat().st_mtime < oldest:
                    path.unlink()


def main(arguments: Sequence[str]) -> int:
    """Run until told to stop."""
    born_with = inherit(arguments)
    settings = born_with.settings
    await_signals()
    counters = ProcessCounters.create(settings.runtime, NAME, str(settings.home))
    documents = SqliteDocuments(Home(settings.home).documents)
    worker = Worker(settings, documents, SystemClock())
    born_with.announce_ready()
    while next_signal(POLL_SECONDS) in (None, signal.SIGCHLD):
        _turn_safely(worker)
    worker.stop()
    documents.close()
    counters.finish()
    return 0


def _turn_safely(worker: Worker) -> None:
    try:
        worker.turn()
    except (LichenError, OSError) as error:  # a full disk, a busy store: next time it may do
        _log.error("the worker could not go on and tries again: %s", error)
        time.sleep(1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

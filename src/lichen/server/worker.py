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

from lichen.control.jobs import Jobs
from lichen.control.transitions import (
    Claim,
    Crash,
    Event,
    JobRecord,
    Release,
    Renew,
    Started,
    claimable,
)
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import Conflict, LichenError
from lichen.core.figures import Receipt
from lichen.energy.counters import ProcessCounters
from lichen.protocol.admin import JobState
from lichen.server.attempt import Attempt, clear_away, end_stray
from lichen.server.home import Home
from lichen.server.inheritance import inherit
from lichen.server.parentage import await_signals, next_signal
from lichen.server.pricing import pricing
from lichen.server.sections import Settings
from lichen.server.spending import kept_receipt
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
        revision = self._documents.revision()
        now = time.monotonic()
        if revision == self._seen_revision and not freed and now < self._look_again_at:
            return
        self._seen_revision = revision
        self._look_again_at = now + self._settings.lease_seconds
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
        free = len(self._running) < self._settings.parallel_jobs
        if free and claimable(job, NAME, self._clock.now()):
            self._take(job)

    def _take(self, job: JobRecord) -> None:
        end_stray(job)
        try:
            claim = Claim(NAME, self._lease_end(), self._kept(job.id))
            claimed = self._jobs.apply(job.id, claim)
        except Conflict:
            return  # somebody else was quicker
        if claimed.state is not JobState.RUNNING:
            self._clean_up(claimed)
            return
        try:
            attempt = Attempt(self._home, claimed)
        except (LichenError, OSError) as error:
            how = f"it could not be started: {error}"
            self._jobs.apply(job.id, Crash(claimed.fence, how, self._kept(job.id)))
            return
        self._running[job.id] = attempt
        try:
            self._jobs.apply(job.id, Started(attempt.fence, attempt.pgid))
        except Conflict:
            return  # it has ended already

    def _bring_home(self) -> bool:
        """Notice ends; whether there were any."""
        any_ended = False
        for attempt in list(self._running.values()):
            attempt.enforce()
            how = attempt.ended()
            if how is not None:
                any_ended = True
                self._tell(attempt, Crash(attempt.fence, how, self._kept(attempt.job_id)))
        return any_ended

    def _kept(self, job_id: str) -> Receipt | None:
        """What a job has cost as far as its attempts kept it, should it end here."""
        return kept_receipt(self._home.job(job_id), self._prices, self._clock)

    def _tell(self, attempt: Attempt, event: Event) -> None:
        """Record an end, unless the job recorded its own, which is what a job does."""
        del self._running[attempt.job_id]
        try:
            job = self._jobs.apply(attempt.job_id, event)
        except Conflict:
            job = self._jobs.get(attempt.job_id)
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

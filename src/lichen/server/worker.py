"""The worker: takes jobs that may run, each in its own process group, and brings back what crashed.

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

from lichen.carbon.budgets.budget import Budget, Verdict
from lichen.carbon.budgets.budget_records import every_budget
from lichen.control import dispatch
from lichen.control.jobs import Jobs
from lichen.control.rationing import Ruling
from lichen.control.transitions import (
    Claim,
    Crash,
    Defer,
    Event,
    Fail,
    Hold,
    JobRecord,
    Refuse,
    Release,
    Renew,
    Segments,
    Started,
    Wake,
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
from lichen.server.work.attempt import Attempt, end_stray
from lichen.server.work.dispatching import Dispatching
from lichen.server.work.rationing import JobRations, Pace
from lichen.server.work.spending import kept_account
from lichen.server.work.tidying import sweep, tidy
from lichen.server.work.waiting import Seen
from lichen.store.documents import DocumentStore, SqliteDocuments

NAME = "worker"
POLL_SECONDS = 0.2
LEASES_RENEWED_PER_LEASE = 3
SWEEP_SECONDS = 3600.0
_log = logging.getLogger(__name__)


class Worker:
    """Runs up to `parallel_jobs` attempts at a time, under a name that is its alone."""

    def __init__(
        self, settings: Settings, documents: DocumentStore, clock: Clock, name: str = NAME
    ) -> None:
        self._settings = settings.jobs
        self._name = name
        self._home = Home(settings.home)
        self._prices = pricing(settings.carbon, self._home.intensities)
        self._documents = documents
        self._jobs = Jobs(documents, clock)
        self._clock = clock
        self._rations = JobRations(documents, self._home, self._prices, clock)
        self._dispatching = Dispatching(documents, clock, name)
        self._budgets: Sequence[Budget] | None = None
        self._running: dict[str, Attempt] = {}
        self._renew_at = 0.0
        self._sweep_at = 0.0

    def turn(self) -> None:
        """Look after what runs, then take what may run."""
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self.sweep()
        self._bring_home()
        self._renew()
        if self._dispatching.look({one: run.fence for one, run in self._running.items()}):
            self._notice_budgets()
        self._direct()
        self._take_over()
        self._take_more()

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
                        self._tell(attempt, Release(attempt.fence, *kept))
            time.sleep(0.02)

    def sweep(self) -> None:
        """Remove what nobody needs any more, where nobody did so."""
        sweep(self._home, list(self._jobs.unfinished()), self._clock.now())

    def _direct(self) -> None:
        """Tell what runs to go on, to stop at its next checkpoint, or to end."""
        is_full = len(self._running) >= self._settings.parallel_jobs
        gives_way = self._dispatching.gives_way(self._running) if is_full else None
        for attempt in self._running.values():
            pace = max(self._rations.look(attempt.job_id), self._wished(attempt))
            if attempt.job_id == gives_way:
                pace = max(pace, Pace.STOP_SOON)
            if pace is Pace.STOP_NOW:
                attempt.cancel(self._settings.grace_seconds)
            elif pace is Pace.STOP_SOON:
                attempt.stop_at_checkpoint()
            else:
                attempt.go_on()

    def _wished(self, attempt: Attempt) -> Pace:
        """What a person or the plan wants of an attempt."""
        seen = self._dispatching.seen(attempt.job_id)
        if seen is None:
            return Pace.GO  # it has just ended
        if seen.job.cancelling or seen.job.fence > attempt.fence:
            return Pace.STOP_NOW  # it is nobody's, or another attempt's by now
        is_to_pause = seen.job.pausing or self._is_held(attempt.job_id)
        return Pace.STOP_SOON if is_to_pause else Pace.GO

    def _is_held(self, job_id: str) -> bool:
        """Whether the plan has a running job pause."""
        return self._dispatching.order_of(job_id).verdict is dispatch.Verdict.PAUSE

    def _take_over(self) -> None:
        """Put back the jobs of workers that are gone, where they are not to run now."""
        for job_id in self._dispatching.abandoned():
            seen = self._dispatching.seen(job_id)
            if seen is not None and job_id not in self._running:
                end_stray(seen.job)
                self._give_back(seen.job)
            self._dispatching.was_taken(job_id)

    def _take_more(self) -> None:
        """Take what may run, as long as there is room."""
        if len(self._running) >= self._settings.parallel_jobs:
            return
        for job_id in self._dispatching.ready():
            if len(self._running) >= self._settings.parallel_jobs:
                return
            seen = self._dispatching.seen(job_id)
            if seen is not None and job_id not in self._running:
                self._take(seen)
            self._dispatching.was_taken(job_id)

    def _take(self, seen: Seen) -> None:
        job = seen.job
        end_stray(job)
        ruling = self._rations.judge(job)
        if ruling.verdict is not Verdict.ALLOW:
            self._turn_away(job, ruling)
            return
        try:
            claimed = self._claimed(seen)
        except LichenError as error:
            self._rations.end(job.id)
            if isinstance(error, Conflict):
                return  # somebody else was quicker
            raise
        if claimed.state is not JobState.RUNNING:
            self._rations.end(job.id)
            tidy(self._home, claimed)
            return
        self._start(claimed)

    def _claimed(self, seen: Seen) -> JobRecord:
        now = seen.now(self._clock)
        claim = Claim(
            self._name,
            self._lease_end(),
            *self._kept(seen.job.id),
            why=self._dispatching.order_of(seen.job.id).says or None,
            has_waited=dispatch.has_waited(seen.job, seen.standing, now),
        )
        return self._jobs.apply(seen.job.id, claim, now)

    def _start(self, claimed: JobRecord) -> None:
        self._rations.begin(claimed.id, claimed.fence)
        try:
            attempt = Attempt(self._home, claimed)
        except (LichenError, OSError) as error:
            self._rations.end(claimed.id)
            how = f"it could not be started: {error}"
            self._jobs.apply(claimed.id, Crash(claimed.fence, how, *self._kept(claimed.id)))
            return
        self._running[claimed.id] = attempt
        try:
            self._jobs.apply(claimed.id, Started(attempt.fence, attempt.pgid))
        except Conflict:
            return  # it has ended already

    def _give_back(self, job: JobRecord) -> JobRecord:
        """Queue a job whose worker ended: that start did count."""
        try:
            crash = Crash(job.fence, "its worker ended", *self._kept(job.id))
            after = self._jobs.apply(job.id, crash)
        except Conflict:
            return self._jobs.get(job.id)  # it changed meanwhile: it is looked at again
        tidy(self._home, after)
        return after

    def _turn_away(self, job: JobRecord, ruling: Ruling) -> None:
        """Let a job wait, or refuse it: a budget does not hold what it may cost."""
        if job.state is JobState.RUNNING:
            job = self._give_back(job)
        if job.state is JobState.QUEUED:
            with suppress(Conflict):  # it changed meanwhile: it is looked at again
                tidy(self._home, self._jobs.apply(job.id, self._queue_event(job, ruling)))

    def _queue_event(self, job: JobRecord, ruling: Ruling) -> Event:
        if ruling.verdict is Verdict.DEFER and ruling.again_at is not None:
            return Defer(job.fence, ruling.again_at, ruling.says, *self._kept(job.id))
        return Refuse(job.fence, JobError(code=error_name(OverBudget("")), message=ruling.says))

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
                with suppress(Conflict):  # it was cancelled, paused, or taken
                    self._jobs.apply(job.id, Wake())

    def _bring_home(self) -> None:
        """Notice ends."""
        for attempt in list(self._running.values()):
            attempt.enforce()
            how = attempt.ended()
            if how is not None:
                self._tell(attempt, self._end_of(attempt, how))

    def _end_of(self, attempt: Attempt, how: str) -> Event:
        """What is said of an attempt that ended and has not said it itself."""
        ruling = self._rations.stopped(attempt.job_id)
        kept = self._kept(attempt.job_id)
        if ruling is not None:
            if ruling.verdict is Verdict.DEFER and ruling.again_at is not None:
                return Defer(attempt.fence, ruling.again_at, ruling.says, *kept)
            error = JobError(code=error_name(OverBudget("")), message=ruling.says)
            return Fail(attempt.fence, error, *kept)
        if not attempt.has_stopped:
            return Crash(attempt.fence, how, *kept)
        is_held = self._is_held(attempt.job_id)
        return Hold(attempt.fence, *kept) if is_held else Release(attempt.fence, *kept)

    def _kept(self, job_id: str) -> tuple[Receipt | None, Segments]:
        """What a job has cost as far as its attempts kept it, should it end here."""
        account = kept_account(self._home.job(job_id), self._prices, self._clock)
        return (None, ()) if account is None else (account.receipt, account.segments)

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
        tidy(self._home, job)

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

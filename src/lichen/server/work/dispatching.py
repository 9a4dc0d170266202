"""Which jobs this worker may take now, and what those that it runs are to do.

A job is judged when something of it changed or when its moment has come, never because time passes:
a thousand jobs that wait cost next to nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lichen.control.dispatch import Order, Verdict, latest_start, order
from lichen.control.transitions import JobRecord, claimable, is_orphan
from lichen.core.clock import Clock
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.protocol.admin import JobState
from lichen.protocol.scheduling import Schedule
from lichen.server.work.waiting import Seen, Waiting
from lichen.store.documents import DocumentStore

SCAN_NS_A_JOB = 2_500_000
"""Reading which jobs changed takes up to a microsecond for each: where others write all the time,
it is done so seldom that it stays under a thousandth of a core."""
SCAN_NS_AT_ONCE = NANOSECONDS_PER_SECOND // 5
LOOK_AT_LEAST_NS = 60 * NANOSECONDS_PER_SECOND
JUMP_NS = NANOSECONDS_PER_SECOND
"""When the time of day moved so much against the monotonic clock, every wait is judged anew."""
_WAITS = Order(Verdict.WAIT)
_LAST = datetime.max.replace(tzinfo=UTC)


class Dispatching:
    """For the one thread of a worker of this name; `running` holds the fences that it runs."""

    def __init__(self, documents: DocumentStore, clock: Clock, worker: str) -> None:
        self._documents = documents
        self._clock = clock
        self._worker = worker
        self._waiting = Waiting(documents, clock)
        self._orders: dict[str, Order] = {}
        self._due_ns: dict[str, int] = {}
        self._ready: set[str] = set()
        self._abandoned: set[str] = set()
        self._queue: Sequence[str] | None = None
        self._urgent: str | None = None
        self._next_due_ns = 0
        self._revision = -1
        self._scan_ns = 0
        self._drift_ns = self._drift()

    def look(self, running: Mapping[str, int]) -> bool:
        """Judge the jobs of which something changed, or whose moment has come.

        Whether the store was read, since something in it changed.

        Raises:
            StorageFailed: the store cannot be read.
        """
        now_ns = self._clock.monotonic_ns()
        revision = self._documents.revision()
        is_read = revision != self._revision and now_ns >= self._scan_ns
        changed = self._read(revision, now_ns) if is_read else set()
        if abs(self._drift() - self._drift_ns) > JUMP_NS:
            self._drift_ns = self._drift()
            changed |= set(self._waiting)
        if now_ns >= self._next_due_ns:
            changed |= {one for one, due_ns in self._due_ns.items() if due_ns <= now_ns}
        for job_id in changed:
            self._judge(job_id, running, now_ns)
        if changed or now_ns >= self._next_due_ns:
            self._next_due_ns = min(self._due_ns.values(), default=now_ns + LOOK_AT_LEAST_NS)
        return is_read

    def seen(self, job_id: str) -> Seen | None:
        """A job as it was last seen; None once it has ended."""
        return self._waiting.of(job_id)

    def order_of(self, job_id: str) -> Order:
        """What a job is to do, as it was last judged."""
        return self._orders.get(job_id, _WAITS)

    def ready(self) -> Sequence[str]:
        """What may be taken now: the highest priority first, then whatever has the least time.

        Before all of one priority come those that would else be late; then those that do not wait
        for anything, in the order in which they might begin; then those that go as planned.
        """
        if self._queue is None:
            found = (self._waiting.of(one) for one in self._ready)
            seen = sorted((one for one in found if one is not None), key=self._place)
            self._queue = tuple(one.job.id for one in seen)
            forced = (one for one in self._queue if self.order_of(one).is_forced)
            self._urgent = next(forced, None)
        return self._queue

    def gives_way(self, running: Collection[str]) -> str | None:
        """Which of the jobs that fill every place is to pause for one that would else be late.

        The interruptible one with the most time left, if it is not of a higher priority.
        """
        self.ready()
        urgent = self._urgent
        able = [one for one in running if self._can_give_way(one, urgent)] if urgent else []
        return max(able, key=self._slack, default=None)

    def _can_give_way(self, job_id: str, urgent: str) -> bool:
        schedule, wanting = self._schedule(job_id), self._schedule(urgent)
        if schedule is None or wanting is None or self.order_of(job_id).is_forced:
            return False
        return schedule.interruptible and schedule.priority <= wanting.priority

    def _schedule(self, job_id: str) -> Schedule | None:
        seen = self._waiting.of(job_id)
        return None if seen is None else seen.job.schedule

    def _slack(self, job_id: str) -> datetime:
        seen = self._waiting.of(job_id)
        return _LAST if seen is None else latest_start(seen.job, seen.standing) or _LAST

    def abandoned(self) -> Sequence[str]:
        """Jobs whose worker is gone and that are not to run now."""
        return tuple(self._abandoned)

    def was_taken(self, job_id: str) -> None:
        """A job was taken, turned away or given back: it is judged again once that is read."""
        self._ready.discard(job_id)
        self._abandoned.discard(job_id)
        self._queue = None

    def _read(self, revision: int, now_ns: int) -> set[str]:
        changed = self._waiting.refresh()
        self._revision = revision
        self._scan_ns = now_ns + len(self._waiting) * SCAN_NS_A_JOB - SCAN_NS_AT_ONCE
        return changed

    def _judge(self, job_id: str, running: Mapping[str, int], now_ns: int) -> None:
        self._forget(job_id)
        seen = self._waiting.of(job_id)
        if seen is None or seen.job.state is JobState.PAUSED:
            return
        now = seen.now(self._clock)
        if running.get(job_id) == seen.job.fence:
            self._note(seen, seen.job, now, now_ns)
        elif seen.job.state is JobState.QUEUED or is_orphan(seen.job, self._worker, now):
            found = self._note(seen, replace(seen.job, state=JobState.QUEUED), now, now_ns)
            if found.verdict is Verdict.RUN and claimable(seen.job, self._worker, now):
                self._ready.add(job_id)
            elif seen.job.state is JobState.RUNNING:
                self._abandoned.add(job_id)
        if seen.job.lease_until is not None:
            self._look_again(job_id, seen.job.lease_until - now, now_ns)

    def _note(self, seen: Seen, job: JobRecord, now: datetime, now_ns: int) -> Order:
        """Keep what a job is to do, and when that is to be asked again."""
        found = order(job, seen.standing, now, self._waiting.planner_silent_for)
        self._orders[job.id] = found
        for moment in (found.until, job.not_before):
            if moment is not None:
                self._look_again(job.id, moment - now, now_ns)
        if job.schedule is not None and seen.standing is not None:
            silence = timedelta(microseconds=(self._waiting.silence_counts_at_ns - now_ns) // 1000)
            self._look_again(job.id, silence, now_ns)
        return found

    def _look_again(self, job_id: str, after: timedelta, now_ns: int) -> None:
        if after <= timedelta(0):
            return
        due_ns = now_ns + int(after.total_seconds() * NANOSECONDS_PER_SECOND)
        self._due_ns[job_id] = min(due_ns, self._due_ns.get(job_id, due_ns))

    def _forget(self, job_id: str) -> None:
        self._orders.pop(job_id, None)
        self._due_ns.pop(job_id, None)
        self._ready.discard(job_id)
        self._abandoned.discard(job_id)
        self._queue = None

    def _place(self, seen: Seen) -> tuple[int, int, datetime, str]:
        job = seen.job
        schedule = job.schedule
        if schedule is None:
            return 0, 1, job.created_at, job.id
        is_forced = self.order_of(job.id).is_forced
        if not (schedule.green or is_forced):
            return -schedule.priority, 1, max(job.created_at, schedule.release), job.id
        start_by = latest_start(job, seen.standing) or _LAST
        return -schedule.priority, 0 if is_forced else 2, start_by, job.id

    def _drift(self) -> int:
        """Nanoseconds by which the time of day is ahead of the monotonic clock."""
        of_day_ns = int(self._clock.now().timestamp() * NANOSECONDS_PER_SECOND)
        return of_day_ns - self._clock.monotonic_ns()

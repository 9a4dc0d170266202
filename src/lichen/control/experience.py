"""What earlier jobs taught: read from their rows now and then, and asked by tenant and kind."""

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import timedelta
from threading import Lock

from lichen.control.estimates import likeness
from lichen.control.expectations import MOST_EARLIER, Expectation, expectation
from lichen.control.jobs import Jobs
from lichen.control.submissions import JobDraft
from lichen.control.transitions import JobRecord
from lichen.control.windows import Expected
from lichen.core.clock import Clock
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.protocol.admin import JobKind, JobState, JsonObject
from lichen.store.documents import SCAN_LIMIT

HISTORY = timedelta(days=60)
"""How far back earlier jobs are looked at."""
READ_AGAIN_NS = 60 * NANOSECONDS_PER_SECOND
"""Unless told to; and after the first reading, only what came or ended since."""
_Likeness = tuple[str, JobKind, str]
"""A tenant, a kind, and what jobs that cost alike share."""


class Experience:
    """Expectations by the jobs of a tenant; safe from any thread."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._lock = Lock()
        self._read_at_ns: int | None = None
        self._last_id: str | None = None
        self._were_open: set[str] = set()
        self._newest: dict[_Likeness, deque[JobRecord]] = defaultdict(
            lambda: deque(maxlen=MOST_EARLIER)
        )

    def expectation(self, kind: JobKind, spec: JsonObject, tenant: str) -> Expectation:
        """What a job of this tenant needs."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            if self._read_at_ns is None or now_ns - self._read_at_ns >= READ_AGAIN_NS:
                self._read(now_ns)
            of_kind = [jobs for key, jobs in self._newest.items() if key[:2] == (tenant, kind)]
            earlier = sorted((job for jobs in of_kind for job in jobs), key=lambda job: job.id)
        return expectation(kind, spec, earlier)

    def renew(self) -> None:
        """Take in what has ended by now: a plan that a job's end asks for knows what it took."""
        with self._lock:
            self._read(self._clock.monotonic_ns())

    def expected(self, draft: JobDraft) -> Expected | None:
        """How long a job takes that is to be accepted; None where none like it has ended."""
        found = self.expectation(draft.kind, draft.spec, draft.tenant)
        return Expected(found.duration, found.basis) if found.is_known else None

    def _read(self, now_ns: int) -> None:
        """Take in the jobs that are new, and those that have ended since the last reading."""
        were_open = self._were_open
        self._were_open = still = set(self._jobs.open_versions())
        for job_id in sorted(were_open - still):
            self._take_in(self._jobs.get(job_id))
        for job in self._new():
            self._last_id = job.id
            if job.state.final:
                self._were_open.discard(job.id)  # it ended between the two readings
                self._take_in(job)
            else:
                self._were_open.add(job.id)
        self._read_at_ns = now_ns

    def _new(self) -> Iterator[JobRecord]:
        if self._last_id is None:
            yield from self._jobs.since(self._clock.now() - HISTORY)
            return
        while page := self._jobs.page(self._last_id, SCAN_LIMIT):
            yield from page

    def _take_in(self, job: JobRecord) -> None:
        if job.state is JobState.SUCCEEDED and job.receipt is not None:
            self._newest[job.tenant, job.kind, str(likeness(job.spec))].append(job)

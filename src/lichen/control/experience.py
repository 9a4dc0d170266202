"""What earlier jobs taught: read from their rows now and then, and asked by tenant and kind."""

from collections import defaultdict, deque
from collections.abc import Sequence
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

HISTORY = timedelta(days=60)
"""How far back earlier jobs are looked at."""
READ_AGAIN_NS = 60 * NANOSECONDS_PER_SECOND
"""No more often: reading the rows of ten thousand jobs takes a tenth of a second."""


class Experience:
    """Expectations by the jobs of a tenant; safe from any thread."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._lock = Lock()
        self._read_at_ns: int | None = None
        self._ended: dict[tuple[str, JobKind], Sequence[JobRecord]] = {}

    def expectation(self, kind: JobKind, spec: JsonObject, tenant: str) -> Expectation:
        """What a job of this tenant needs."""
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            if self._read_at_ns is None or now_ns - self._read_at_ns >= READ_AGAIN_NS:
                self._ended = self._read()
                self._read_at_ns = now_ns
            earlier = self._ended.get((tenant, kind), ())
        return expectation(kind, spec, earlier)

    def expected(self, draft: JobDraft) -> Expected | None:
        """How long a job takes that is to be accepted; None where none like it has ended."""
        found = self.expectation(draft.kind, draft.spec, draft.tenant)
        return Expected(found.duration, found.basis) if found.is_known else None

    def _read(self) -> dict[tuple[str, JobKind], Sequence[JobRecord]]:
        """Of each likeness the newest that succeeded."""
        newest: dict[tuple[object, ...], deque[JobRecord]] = defaultdict(
            lambda: deque(maxlen=MOST_EARLIER)
        )
        for job in self._jobs.since(self._clock.now() - HISTORY):
            if job.state is JobState.SUCCEEDED and job.receipt is not None:
                newest[job.tenant, job.kind, str(likeness(job.spec))].append(job)
        together: dict[tuple[str, JobKind], list[JobRecord]] = defaultdict(list)
        for jobs in newest.values():
            together[jobs[0].tenant, jobs[0].kind].extend(jobs)
        return {key: sorted(jobs, key=lambda job: job.id) for key, jobs in together.items()}

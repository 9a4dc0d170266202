"""The jobs that have not ended and what is planned of them, read again only where they changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.control.dispatch import SILENT_AFTER
from lichen.control.intentions import Intentions, StandingIntention
from lichen.control.jobs import Jobs
from lichen.control.transitions import JobRecord
from lichen.core.clock import Clock
from lichen.store.documents import DocumentStore

_MICROSECOND = timedelta(microseconds=1)
_NS_A_MICROSECOND = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """A job and its row of the plan, and when one of them was first seen as it is.

    A clock that is set back makes no wait longer than it was when it began: `now` goes on from
    where the clock stood then, and never falls behind that.
    """

    job: JobRecord
    standing: StandingIntention | None
    at: datetime
    at_ns: int

    def now(self, clock: Clock) -> datetime:
        """The time by which this job is judged."""
        return max(clock.now(), self.at + _duration(clock.monotonic_ns() - self.at_ns))


class Waiting:
    """What one worker knows of all jobs that have not ended."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._clock = clock
        self._jobs = Jobs(documents, clock)
        self._intentions = Intentions(documents)
        self._versions: dict[str, int] = {}
        self._seen: dict[str, Seen] = {}
        self._rows: dict[str, StandingIntention] = {}
        self._heard = (0, 0)
        self._heard_ns = clock.monotonic_ns()

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def of(self, job_id: str) -> Seen | None:
        """One job as it was last seen; None once it has ended."""
        return self._seen.get(job_id)

    @property
    def planner_silent_for(self) -> timedelta:
        """How long nothing was heard of the planner."""
        return _duration(self._clock.monotonic_ns() - self._heard_ns)

    @property
    def silence_counts_at_ns(self) -> int:
        """The reading of the monotonic clock at which a silent planner is taken to be gone."""
        return self._heard_ns + SILENT_AFTER // _MICROSECOND * _NS_A_MICROSECOND

    def refresh(self) -> set[str]:
        """Read what changed; the ids of the jobs of which something did."""
        replanned = self._listen()
        versions = self._jobs.open_versions()
        changed = {one for one, version in versions.items() if self._versions.get(one) != version}
        gone = self._seen.keys() - versions.keys()
        for job_id in gone:
            del self._seen[job_id]
        for job_id in changed:
            self._see(job_id, self._jobs.get(job_id))
        for job_id in replanned & self._seen.keys() - changed:
            self._see(job_id, self._seen[job_id].job)
        self._versions = versions
        return changed | gone | (replanned & self._seen.keys())

    def _see(self, job_id: str, job: JobRecord) -> None:
        row = self._rows.get(job_id)
        self._seen[job_id] = Seen(job, row, self._clock.now(), self._clock.monotonic_ns())

    def _listen(self) -> set[str]:
        """Hear of the planner; the ids of the jobs of which it plans something else now."""
        heard = self._intentions.heard()
        if heard == self._heard:
            return set()
        self._heard_ns = self._clock.monotonic_ns()
        is_new_plan = heard[0] != self._heard[0]
        self._heard = heard
        if not is_new_plan:
            return set()
        before = self._rows
        self._rows = {row.intention.job_id: row for row in self._intentions.all()}
        either = before.keys() | self._rows.keys()
        return {one for one in either if before.get(one) != self._rows.get(one)}


def _duration(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds // _NS_A_MICROSECOND)

"""What a job meets at the door: is there room in the queue, and when may it run."""

from collections.abc import Callable, Sequence

from lichen.control.jobs import Jobs
from lichen.control.submissions import JobDraft
from lichen.control.windows import Expected, settled
from lichen.core.clock import Clock
from lichen.core.errors import QueueFull
from lichen.protocol.scheduling import Schedule, ScheduleRequest

MOST_JOBS = 10_000


def _nobody_knows(_draft: JobDraft) -> Expected | None:
    """No job like it has ended."""
    return None


class Reception:
    """Judges a draft before it is accepted."""

    def __init__(
        self,
        jobs: Jobs,
        clock: Clock,
        zones: Sequence[str],
        most_jobs: int = MOST_JOBS,
        expect: Callable[[JobDraft], Expected | None] = _nobody_knows,
    ) -> None:
        """Wire it.

        Args:
            jobs: the queue.
            clock: durations count from its now.
            zones: where this platform has a worker.
            most_jobs: that may be unfinished.
            expect: how long a job takes, by earlier ones like it.
        """
        self._jobs = jobs
        self._clock = clock
        self._zones = tuple(zones)
        self._most_jobs = most_jobs
        self._expect = expect

    def settle(self, draft: JobDraft) -> Schedule | None:
        """When the job may run; None for at once.

        Raises:
            InvalidInput: its schedule cannot be.
            QueueFull: it could be, and as many jobs wait as may.
        """
        schedule = self._judged(draft)
        if self._jobs.are_open(self._most_jobs):
            raise QueueFull(
                f"{self._most_jobs} jobs have not ended yet, as many as may: send it again when "
                "some have, cancel some with `lichen jobs cancel`, or raise `queue_jobs`"
            )
        return schedule

    def _judged(self, draft: JobDraft) -> Schedule | None:
        asked = draft.schedule
        if asked is None or asked == ScheduleRequest():
            return None
        expected = self._expect(draft)
        return settled(asked, draft.kind, self._clock.now(), self._zones, expected)

"""How far each simulated job is, what is planned for it, and the spans in which it ran."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lichen.control.planning.workload import Workload
from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.world import World

DONE_S = 1e-4
"""Less than this is rounding."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A span in which a job ran without a pause; seconds since 1970."""

    zone: str
    start_s: float
    end_s: float


@dataclass(slots=True)
class Standing:
    """One job while it is simulated.

    Attributes:
        job: which.
        zones: where it may run, the zone in which it runs unplanned first; the one in which it has
            begun, where its checkpoint lies.
        release: as the planner takes it.
        deadline: likewise, of its window.
        end_s: of its window, seconds since 1970.
        left_s: of work.
        spare: its window less its work.
        ran: when it ran so far.
        planned: when it is to run, in order of time.
        runs_in: the zone in which it runs now.
        is_settled: whether it runs on to its end whatever comes: nothing is left to plan.
    """

    job: SimulatedJob
    zones: tuple[str, ...]
    release: datetime
    deadline: datetime
    end_s: float
    left_s: float
    spare: timedelta
    ran: list[Piece] = field(default_factory=list)
    planned: list[Piece] = field(default_factory=list)
    runs_in: str | None = None
    is_settled: bool = False

    @classmethod
    def of(cls, job: SimulatedJob, world: World) -> "Standing":
        """A job before its release."""
        end_s = world.end_of(job)
        left_s = min(job.duration_s, end_s - job.release_s)
        spare_s = max(0.0, end_s - job.release_s - left_s)
        return cls(
            job,
            world.zones_of(job),
            datetime.fromtimestamp(job.release_s, UTC),
            datetime.fromtimestamp(end_s, UTC),
            end_s,
            left_s,
            timedelta(seconds=spare_s),
        )

    def workload(self, reserve: float = 0.0) -> Workload:
        """What is left of it, as the planner takes it.

        Args:
            reserve: the share of its time to spare that is kept free before its deadline.
        """
        job = self.job
        duration = timedelta(seconds=self.left_s)
        return Workload(
            id=job.id,
            release=self.release,
            deadline=self.deadline,
            duration=duration,
            longest=duration + reserve * self.spare,
            power_w=job.power_w,
            interruptible=job.interruptible,
            pause_cost_j=job.pause_cost_j,
            priority=job.priority,
            zones=self.zones,
            cores=job.cores,
            running_in=self.runs_in,
            has_begun=bool(self.ran),
        )

    def must_run(self, now: float) -> bool:
        """Whether nothing is left to plan: it cannot pause or wait any more, nor go elsewhere."""
        if self.runs_in is not None and not self.job.interruptible:
            return True
        settled_zone = self.runs_in is not None or len(self.zones) == 1
        return settled_zone and self.left_s >= self.end_s - now - DONE_S

    def settle(self, zone: str, now: float) -> None:
        """From now on it runs to its end."""
        self.planned = [Piece(zone, now, now + self.left_s)]
        self.is_settled = True

    def advance(self, now: float, until: float, *, has_place: bool) -> bool:
        """Run what is planned between two moments; what would be late runs all the same.

        Args:
            now: the first moment.
            until: the second.
            has_place: whether there is always room to run.

        Returns:
            Whether the deadline forced it to run against its plan.
        """
        pieces = list(_within(self.planned, now, until)) if self.planned else []
        worked = sum(piece.end_s - piece.start_s for piece in pieces) if pieces else 0.0
        late_s = self.left_s - worked - max(self.end_s - until, 0.0)
        forced = has_place and late_s > DONE_S
        if forced:
            begin = max(now, self.end_s - self.left_s)
            self.settle(self.runs_in or self.zones[0], begin)
            pieces = list(_within(self.planned, now, until))
        for piece in pieces:
            self._run(piece)
        if pieces and pieces[-1].end_s >= until - DONE_S:
            self.runs_in = pieces[-1].zone
        else:
            self.runs_in = None
        return forced

    def _run(self, piece: Piece) -> None:
        """A span that goes on where the last one ended is the same span."""
        last = self.ran[-1] if self.ran else None
        if last and last.zone == piece.zone and piece.start_s - last.end_s <= DONE_S:
            self.ran[-1] = Piece(last.zone, last.start_s, piece.end_s)
        else:
            self.ran.append(piece)
            self.zones = (piece.zone,)
        self.left_s -= piece.end_s - piece.start_s


def _within(planned: Sequence[Piece], now: float, until: float) -> Iterator[Piece]:
    for piece in planned:
        start, end = max(piece.start_s, now), min(piece.end_s, until)
        if end > start:
            yield Piece(piece.zone, start, end)

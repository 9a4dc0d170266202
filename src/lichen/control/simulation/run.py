"""The simulated clock: at each step foresee, plan as production does, and run what is planned."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.plan import Intention
from lichen.control.planning.planner import plan
from lichen.control.planning.workload import Workload
from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.world import World
from lichen.core.errors import Unavailable

LONGEST_OUTLOOK = timedelta(days=32)
_DONE_S = 1e-4
"""Less than this is rounding."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """A span in which a job ran without a pause; seconds since 1970."""

    zone: str
    start_s: float
    end_s: float


@dataclass(slots=True)
class Standing:
    """How far a job is, and what stands planned for it."""

    job: SimulatedJob
    release: datetime
    deadline: datetime
    end_s: float
    left_s: float
    pieces: list[Piece] = field(default_factory=list)
    planned: list[Piece] = field(default_factory=list)
    runs_in: str | None = None

    @property
    def is_block_underway(self) -> bool:
        """Whether it has begun and cannot pause: nothing is left to plan."""
        return self.runs_in is not None and not self.job.interruptible


@dataclass(slots=True)
class Effort:
    """What planning took.

    Attributes:
        cpu_ns: of foreseeing and planning.
        gram_seconds: sum of CPU-ns x gCO2e/kWh of when they were spent.
        plans: how many were made.
        methods: how many were found by which method.
        blind: how many looked at a zone of which nothing was foreseen.
        forced: jobs that a plan would have made late, and that ran in time all the same.
    """

    cpu_ns: int = 0
    weighted: float = 0.0
    plans: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    blind: int = 0
    forced: int = 0


class Clockwork:
    """One run over all jobs."""

    def __init__(self, world: World, jobs: Sequence[SimulatedJob]) -> None:
        self._world = world
        self._sites = world.sites
        self._limited = bool(world.cores)
        ordered = sorted(jobs, key=lambda job: job.release_s)
        self._waiting = [self._standing(job) for job in ordered]
        self.effort = Effort()

    def _standing(self, job: SimulatedJob) -> Standing:
        end_s = self._world.end_of(job)
        return Standing(
            job,
            datetime.fromtimestamp(job.release_s, UTC),
            datetime.fromtimestamp(end_s, UTC),
            end_s,
            min(job.duration_s, end_s - job.release_s),
        )

    def run(self, progress: Progress) -> dict[str, list[Piece]]:
        """The spans in which each job ran, by its id."""
        waiting, active = self._waiting, list[Standing]()
        done = 0
        at = 0
        now = waiting[0].job.release_s
        while at < len(waiting) or active:
            if not active:
                now = waiting[at].job.release_s
            fresh = []
            while at < len(waiting) and waiting[at].job.release_s <= now:
                fresh.append(waiting[at])
                at += 1
            active += fresh
            until = self._next_moment(now, waiting[at].job.release_s if at < len(waiting) else None)
            self._plan(list(self._to_plan(now, active, fresh)), now)
            for one in active:
                self._advance(one, now, until)
            left = [one for one in active if one.left_s > _DONE_S]
            done += len(active) - len(left)
            active, now = left, until
            progress(done / len(waiting))
        return {one.job.id: one.pieces for one in waiting}

    def _next_moment(self, now: float, release: float | None) -> float:
        """The next step or the next release, whichever comes first."""
        clock = self._world.clock
        step_end = clock.start_s + (clock.step_at(now) + 1) * clock.step_s
        return float(step_end) if release is None else min(float(step_end), release)

    def _to_plan(
        self, now: float, active: Sequence[Standing], fresh: Sequence[Standing]
    ) -> Iterator[Standing]:
        """Whose plan is made now: of all where places are limited, else of those it may change."""
        if self._limited:
            yield from active
            return
        clock = self._world.clock
        on_step = self._world.replans and (now - clock.start_s) % clock.step_s == 0
        for one in active if on_step else fresh:
            if not one.is_block_underway:
                yield one

    def _plan(self, standing: Sequence[Standing], now: float) -> None:
        if not standing:
            return
        began = time.thread_time_ns()
        moment = datetime.fromtimestamp(now, UTC)
        horizon = max(one.deadline for one in standing) - moment
        outlooks = self._foreseen(moment, horizon)
        made = plan(
            [self._workload(one) for one in standing],
            outlooks,
            self._sites,
            moment,
            self._world.policy,
        )
        until = now + self._world.clock.step_s if self._world.replans else float("inf")
        for one, intention in zip(standing, made.intentions, strict=True):
            zone = intention.zone or one.runs_in or self._world.zones_of(one.job)[0]
            one.planned = _pieces(intention, zone, until)
        spent = time.thread_time_ns() - began
        effort = self.effort
        effort.cpu_ns += spent
        effort.weighted += spent * self._world.clock.at(now)
        effort.plans += 1
        effort.methods[made.method] += 1
        effort.blind += len(outlooks) < len(self._sites)

    def _foreseen(self, moment: datetime, horizon: timedelta) -> dict[str, Ensemble]:
        span = min(max(horizon, self._world.step), LONGEST_OUTLOOK)
        found = {}
        for zone, source in self._world.foresight.items():
            try:
                found[zone] = source.ensemble(zone, moment, span)
            except Unavailable:
                continue  # the planner runs at once what it knows nothing of
        return found

    def _workload(self, one: Standing) -> Workload:
        job = one.job
        return Workload(
            id=job.id,
            release=one.release,
            deadline=one.deadline,
            duration=timedelta(seconds=one.left_s),
            power_w=job.power_w,
            interruptible=job.interruptible,
            pause_cost_j=job.pause_cost_j,
            priority=job.priority,
            zones=job.zones,
            cores=job.cores,
            running_in=one.runs_in,
        )

    def _advance(self, one: Standing, now: float, until: float) -> None:
        """Run what is planned between two moments; what would be late runs all the same."""
        pieces = list(_within(one.planned, now, until))
        worked = sum(piece.end_s - piece.start_s for piece in pieces)
        short = one.left_s - worked - max(one.end_s - until, 0.0)
        if short > _DONE_S and not self._limited:
            self.effort.forced += 1
            begin = max(now, min(one.end_s - one.left_s, until))
            zone = one.runs_in or self._world.zones_of(one.job)[0]
            pieces = list(_within([Piece(zone, begin, begin + one.left_s)], now, until))
        for piece in pieces:
            _append(one.pieces, piece)
            one.left_s -= piece.end_s - piece.start_s
        runs_on = bool(pieces) and pieces[-1].end_s >= until - _DONE_S
        one.runs_in = pieces[-1].zone if runs_on else None
        if one.is_block_underway and not self._limited:
            last = one.pieces[-1]
            one.planned = [Piece(last.zone, last.end_s, last.end_s + one.left_s)]


def _pieces(intention: Intention, zone: str, until: float) -> list[Piece]:
    """The segments that begin before a moment."""
    found = []
    for segment in intention.segments:
        start = segment.start.timestamp()
        if start >= until:
            break
        found.append(Piece(zone, start, segment.end.timestamp()))
    return found


def _within(planned: Sequence[Piece], now: float, until: float) -> Iterator[Piece]:
    for piece in planned:
        start, end = max(piece.start_s, now), min(piece.end_s, until)
        if end > start:
            yield Piece(piece.zone, start, end)


def _append(pieces: list[Piece], piece: Piece) -> None:
    """Add a span; one that goes on where the last one ended is the same span."""
    last = pieces[-1] if pieces else None
    if last and last.zone == piece.zone and piece.start_s - last.end_s <= _DONE_S:
        pieces[-1] = Piece(last.zone, last.start_s, piece.end_s)
    else:
        pieces.append(piece)

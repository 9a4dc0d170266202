"""The simulated clock: at each step foresee, plan as production does, and run what is planned."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.immediate import first_segments
from lichen.control.planning.plan import Method, Segment
from lichen.control.planning.planner import plan
from lichen.control.simulation.job import SimulatedJob
from lichen.control.simulation.standing import DONE_S, Piece, Standing
from lichen.control.simulation.world import World
from lichen.core.errors import Unavailable

LONGEST_OUTLOOK = timedelta(days=32)
CROWDED = 0.5
"""With so much of the cores spoken for, room is kept for jobs that nobody knows of yet."""
_NEVER = datetime.max.replace(tzinfo=UTC)

Progress = Callable[[float], None]


@dataclass(slots=True)
class Effort:
    """What planning took.

    Attributes:
        cpu_ns: of foreseeing and planning.
        weighted: sum of CPU-ns x gCO2e/kWh of when they were spent.
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
        ordered = sorted(jobs, key=lambda job: job.release_s)
        self._all = [Standing.of(job, world) for job in ordered]
        self._reserve = 0.0
        self.effort = Effort()

    def run(self, progress: Progress) -> dict[str, list[Piece]]:
        """The spans in which each job ran, by its id."""
        active: list[Standing] = []
        released = done = 0
        now = self._all[0].job.release_s
        while released < len(self._all) or active:
            if not active:
                now = self._all[released].job.release_s
            fresh = self._released_by(now, released)
            released += len(fresh)
            active += fresh
            until = self._next_moment(now, released)
            crowding = self._crowding(active)
            has_place = crowding <= 1
            self._reserve = self._world.reserve * (crowding > CROWDED)
            if has_place:
                self._plan(self._to_plan(now, active, fresh), now, together=False)
            else:
                self._plan(active, now, together=True)
            for one in active:
                self.effort.forced += one.advance(now, until, has_place=has_place)
            left = [one for one in active if one.left_s > DONE_S]
            done += len(active) - len(left)
            active, now = left, until
            progress(done / len(self._all))
        return {one.job.id: one.ran for one in self._all}

    def _released_by(self, now: float, first: int) -> list[Standing]:
        last = first
        while last < len(self._all) and self._all[last].job.release_s <= now:
            last += 1
        return self._all[first:last]

    def _next_moment(self, now: float, released: int) -> float:
        """The next step or the next release, whichever comes first."""
        clock = self._world.clock
        step_end = float(clock.start_s + (clock.step_at(now) + 1) * clock.step_s)
        if released == len(self._all):
            return step_end
        return min(step_end, self._all[released].job.release_s)

    def _crowding(self, active: Sequence[Standing]) -> float:
        """How much of a zone's cores all that are released would take at once, at most; 0 to inf.

        Up to 1 each could run now, wherever it goes.
        """
        wanted = Counter[str]()
        for one in active if self._world.cores else ():
            for zone in one.zones:
                wanted[zone] += one.job.cores
        shares = (wanted[zone] / cores for zone, cores in self._world.cores.items())
        return max(shares, default=0.0)

    def _to_plan(
        self, now: float, active: Sequence[Standing], fresh: Sequence[Standing]
    ) -> list[Standing]:
        """Whose plan is made now where all have a place: of those that it may change."""
        clock = self._world.clock
        on_step = self._world.replans and (now - clock.start_s) % clock.step_s == 0
        wanted = []
        for one in active if on_step or self._world.cores else fresh:
            if one.is_settled:
                continue
            if one.must_run(now):
                one.settle(one.runs_in or one.zones[0], now)
            else:
                wanted.append(one)
        return wanted

    def _plan(self, standing: Sequence[Standing], now: float, *, together: bool) -> None:
        """Foresee and plan, and take down what it took."""
        if not standing:
            return
        began = time.thread_time_ns()
        moment = datetime.fromtimestamp(now, UTC)
        outlooks = self._foreseen(moment, max(one.deadline for one in standing) - moment)
        if together or not self._world.replans or any(len(one.zones) > 1 for one in standing):
            method = self._plan_whole(standing, outlooks, moment)
        else:
            method = self._plan_step(standing, outlooks, moment)
        spent = time.thread_time_ns() - began
        effort = self.effort
        effort.cpu_ns += spent
        effort.weighted += spent * self._world.clock.at(now)
        effort.plans += 1
        effort.methods[method] += 1
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

    def _plan_step(
        self, standing: Sequence[Standing], outlooks: dict[str, Ensemble], moment: datetime
    ) -> Method:
        """What each does in this step, where nobody competes with it: nothing else is needed."""
        workloads = [one.workload(self._reserve) for one in standing]
        first = first_segments(workloads, outlooks, moment, self._world.policy)
        for one, segment in zip(standing, first, strict=True):
            one.planned = [] if segment is None else [_piece(segment, one.zones[0])]
        return Method.EXACT

    def _plan_whole(
        self, standing: Sequence[Standing], outlooks: dict[str, Ensemble], moment: datetime
    ) -> Method:
        """A whole plan, of which this step is kept where the next one is planned anew."""
        workloads = [one.workload(self._reserve) for one in standing]
        until = moment + self._world.step if self._world.replans else _NEVER
        made = plan(workloads, outlooks, self._sites, moment, self._world.policy)
        for one, intention in zip(standing, made.intentions, strict=True):
            zone = intention.zone or one.runs_in or one.zones[0]
            one.planned = list(_pieces(intention.segments, zone, until))
            one.is_settled = False
        return made.method


def _pieces(segments: Sequence[Segment], zone: str, until: datetime) -> Iterator[Piece]:
    """The segments that begin before a moment."""
    for segment in segments:
        if segment.start >= until:
            return
        yield _piece(segment, zone)


def _piece(segment: Segment, zone: str) -> Piece:
    return Piece(zone, segment.start.timestamp(), segment.end.timestamp())

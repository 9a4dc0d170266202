"""Keeps the standing plan: a thread of the control plane that plans when something has changed.

It plans again when a job came, began, paused or ended, when a new hour of the grid is known, and
every few minutes. It holds the role of the planner in the store while there is anything to plan;
where another holds it, or anything fails, the rows stay, and the worker runs on its own what the
planner is silent about. Without jobs that can wait it reads a number twice a second, and loads
neither NumPy nor a solver.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lichen.control.agenda import (
    Known,
    Progressed,
    at_stake_j,
    is_shiftable,
    rows,
    saved_g,
    workloads,
)
from lichen.control.expectations import seconds_so_far
from lichen.control.experience import Experience
from lichen.control.intentions import INTENTIONS, Intentions, StandingIntention
from lichen.control.jobs import Jobs
from lichen.control.plan_diary import PlanDiary, read_diary, written
from lichen.control.planner_role import PlannerRole
from lichen.control.planning.plan import Plan
from lichen.control.planning.workload import Site
from lichen.control.sharing import sharing
from lichen.control.transitions import JobRecord
from lichen.core.clock import Clock
from lichen.core.errors import LichenError, NotFound
from lichen.core.plugins import load_object
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOSECONDS_PER_SECOND, joules
from lichen.protocol.admin import JobState, Progress
from lichen.server.keepers.foreseen import Foreseen
from lichen.server.keepers.planner_work import Cost, PlannerWork
from lichen.server.keepers.routine import Routine
from lichen.store.documents import DocumentStore

PLAN_MAKER = "lichen.server.keepers.plan_maker:PlanMaker"
LOOK_SECONDS = 0.5
GLANCE_SECONDS = 10.0
"""Whether a new hour of the grid is known is looked for so often."""
MOST_LOOKING_SHARE = 0.02
"""Of the time, what reading the open jobs may take."""
PERIOD_SECONDS = 300.0
"""A plan is made anew so often at least, while jobs can wait and it is worth it."""
WORTH_SHARE = 0.005
"""Plans that nothing but time asks for may cost this share of the joules that they are about."""
_LEAST_PAUSE_SECONDS, _PAUSE_FACTOR, _MOST_PAUSE_SECONDS = 1.0, 3.0, 10.0
"""Between two plans: three times what the last took, within bounds. A job that was just accepted
waits 15 s for the planner's word of it."""
_AFTER_FAILURE_SECONDS = 30.0
_CLOCK_JUMP_SECONDS = 60.0
_LONGEST_STOP_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planning:
    """What the keeper works with.

    Attributes:
        documents: the store.
        jobs: the queue.
        experience: what jobs need.
        foreseen: what is known of the grid.
        slots: jobs that run at a time.
        progress: how far a job is.
        budgets: gCO2e that may still be spent on each of some jobs.
    """

    documents: DocumentStore
    jobs: Jobs
    experience: Experience
    foreseen: Foreseen
    slots: int
    progress: Callable[[str], Progress | None]
    budgets: Callable[[Sequence[JobRecord]], Mapping[str, float]]


class PlanKeeper:
    """Looks twice a second whether anything changed, and plans."""

    def __init__(
        self, planning: Planning, role: PlannerRole, work: PlannerWork, clock: Clock
    ) -> None:
        self._planning = planning
        self._role = role
        self._work = work
        self._clock = clock
        self._intentions = Intentions(planning.documents)
        self._open: Sequence[JobRecord] = ()
        self._can_any_wait = False
        self._make: Callable[..., Plan] | None = None
        self._standing_of_jobs: object = None
        self._read_before: Mapping[str, tuple[int, JobRecord]] = {}
        self._seen_revision = -1
        self._look_at = self._plan_at = self._due_at = self._glance_at = 0.0
        self._stamp: object = None
        self._planned_for: object = None
        self._wall_offset = 0.0
        self._is_clean = False
        self._routine = Routine("planner", self._again, _AFTER_FAILURE_SECONDS)

    def start(self) -> None:
        """Begin."""
        self._routine.start()

    def stop(self) -> None:
        """End, and let another have the role at once."""
        self._routine.stop(_LONGEST_STOP_SECONDS)
        try:
            self._role.give_up()
        except LichenError as error:  # a full disk: the lease runs out by itself
            _log.warning("the role of the planner could not be given up: %s", error)

    def turn(self) -> None:
        """Look, and plan if it is due.

        Raises:
            LichenError: the store cannot be read or written, or no plan can be made.
        """
        self._look()
        if not self._can_any_wait:
            self._rest()
            return
        if not self._role.take():
            return
        self._is_clean = False
        situation = self._situation()
        now = self._now()
        changed = situation != self._planned_for or self._clock_jumped()
        if now >= self._plan_at and (changed or now >= self._due_at):
            self._plan(situation)
        elif self._role.is_due:
            self._role.write(lambda: ())

    def _look(self) -> None:
        """Read the jobs that have not ended, when something changed, and not too often."""
        revision, now = self._planning.documents.revision(), self._now()
        if revision == self._seen_revision or now < self._look_at:
            return
        self._open = self._read()
        self._can_any_wait = any(is_shiftable(job) for job in self._open)
        self._standing_of_jobs = tuple(
            (job.id, job.state, job.fence, job.cancelling, job.pausing, job.not_before)
            for job in self._open
        )
        self._seen_revision = revision
        self._look_at = now + (self._now() - now) / MOST_LOOKING_SHARE

    def _read(self) -> Sequence[JobRecord]:
        """The jobs that have not ended; those alone are read that changed."""
        versions = self._planning.jobs.open_versions()
        found: dict[str, tuple[int, JobRecord]] = {}
        for job_id, version in versions.items():
            known = self._read_before.get(job_id)
            if known is None or known[0] != version:
                known = (version, self._planning.jobs.get(job_id))
            found[job_id] = known
        self._read_before = found
        return [job for _, job in found.values() if not job.state.final]

    def _rest(self) -> None:
        """Nothing can wait: rows of jobs that ended go, and the role with them."""
        if self._is_clean:
            return
        if self._planning.documents.scan(INTENTIONS, limit=1):
            if not self._role.take():
                return
            self._write(None, ())
        self._role.give_up()
        self._planned_for, self._is_clean = None, True

    def _situation(self) -> object:
        """Equal while nothing has changed that a plan depends on, but time."""
        now = self._now()
        if now >= self._glance_at:
            self._stamp = self._planning.foreseen.stamp(self._clock.now())
            self._glance_at = now + GLANCE_SECONDS
        return self._standing_of_jobs, self._stamp

    def _plan(self, situation: object) -> None:
        self._plan_at = self._now() + _AFTER_FAILURE_SECONDS  # unless it succeeds
        if self._make is None:
            with self._work.charged(plans=0):  # NumPy and the planner are loaded
                self._make = load_object(PLAN_MAKER)().made
        make = self._make
        began, now = self._now(), self._clock.now()
        with self._work.charged(plans=1):
            self._planning.experience.renew()
            known = sharing([self._known(job, now) for job in self._open], self._planning.slots)
            made = self._made(make, known, now)
        self._write(made, known)
        ended = self._now()
        self._planned_for = situation
        self._wall_offset = self._offset()
        pause = min(_PAUSE_FACTOR * (ended - began), _MOST_PAUSE_SECONDS)
        self._plan_at = ended + max(_LEAST_PAUSE_SECONDS, pause)
        self._due_at = ended + self._worth_waiting(known, now)

    def _made(self, make: Callable[..., Plan], known: Sequence[Known], now: datetime) -> Plan:
        planning = self._planning
        grid = planning.foreseen.grid()
        asked = workloads(known, grid.zone, now, planning.budgets([one.job for one in known]))
        return make(asked, Site(grid.zone, planning.slots), grid, now)

    def _write(self, made: Plan | None, known: Sequence[Known]) -> None:
        """The rows of a plan, or none at all, with the diary."""
        earlier = {row.intention.job_id: row for row in self._intentions.all()}
        standing = () if made is None else rows(made, known, self._role.fence, earlier)
        open_now = {one.job.id for one in known}
        diary = self._settled([row for name, row in earlier.items() if name not in open_now])
        if made is not None:
            diary = self._entered(diary, made)
        is_written = self._role.write(
            lambda: [*self._intentions.replace(standing), *written(diary)]
        )
        if not is_written:
            _log.warning("another planner holds the role: this one waits until it is free")
        elif made is not None:
            self._work.owed = Cost()

    def _settled(self, gone: Sequence[StandingIntention]) -> PlanDiary:
        """The diary with what those jobs saved whose rows go."""
        diary = read_diary(self._planning.documents)
        told = [one for one in map(self._saved_g, gone) if one is not None]
        saved_ng = diary.saved_ng + round(sum(told) * NANOGRAMS_PER_GRAM)
        return replace(diary, saved_ng=saved_ng, jobs=diary.jobs + len(told))

    def _entered(self, diary: PlanDiary, made: Plan) -> PlanDiary:
        cost = self._work.owed
        return replace(
            diary,
            made_at=made.made_at,
            method=made.method,
            remarks=made.remarks,
            plans=diary.plans + 1,
            nj=diary.nj + cost.nj,
            ng=diary.ng + cost.ng,
        )

    def _saved_g(self, row: StandingIntention) -> float | None:
        try:
            return saved_g(row, self._planning.jobs.get(row.intention.job_id))
        except NotFound:
            return None

    def _known(self, job: JobRecord, now: datetime) -> Known:
        planning = self._planning
        expected = planning.experience.expectation(job.kind, job.spec, job.tenant)
        has_crashed = job.state is not JobState.RUNNING and job.attempt > 0
        if job.started_at is None or has_crashed:  # nobody knows how much of it is kept
            return Known(job, expected)
        said = planning.progress(job.id)
        ran_s = seconds_so_far(job, now)
        return Known(job, expected, Progressed(ran_s, None if said is None else said.fraction))

    def _worth_waiting(self, known: Sequence[Known], now: datetime) -> float:
        """Seconds until time alone asks for another plan: plans cost little beside the jobs."""
        cost_j = joules(self._work.last.nj)
        allowed = WORTH_SHARE * at_stake_j(known) / cost_j if cost_j else float("inf")
        last = max(one.job.schedule.deadline for one in known if one.job.schedule is not None)
        return max(PERIOD_SECONDS, (last - now).total_seconds() / max(allowed, 1.0))

    def _clock_jumped(self) -> bool:
        return abs(self._offset() - self._wall_offset) > _CLOCK_JUMP_SECONDS

    def _offset(self) -> float:
        return self._clock.now().timestamp() - self._now()

    def _now(self) -> float:
        return self._clock.monotonic_ns() / NANOSECONDS_PER_SECOND

    def _again(self) -> float:
        try:
            self.turn()
        except LichenError as error:  # a full disk: the rows stay
            _log.error("no plan could be made, the last one stands: %s", error)
            return _AFTER_FAILURE_SECONDS
        return LOOK_SECONDS

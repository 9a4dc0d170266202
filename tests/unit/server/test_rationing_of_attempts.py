"""What is set aside of budgets for attempts: before they start, as they run, when they end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from lichen.carbon.budgets.allowance_file import allowance_path
from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope, Verdict
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.carbon.budgets.standing import Standing
from lichen.control.jobs import Jobs
from lichen.control.transitions import Claim, JobRecord, Succeed
from lichen.core.clock import ManualClock
from lichen.core.figures import EnergyFigure, Method, Receipt
from lichen.core.units import Nanojoules
from lichen.protocol.admin import JobKind
from lichen.server.home import Home
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.server.work.attempt import CHECKPOINTS
from lichen.server.work.rationing import JobRations, Pace
from lichen.server.work.spending import FOLDER, AttemptCost
from lichen.store.documents import Change, MemoryDocuments

J = 10**9
PRIOR = 50 * J
JOB = "job-1"


@dataclass
class Bench:
    """A home without processes: the test writes what attempts cost."""

    home: Home
    documents: MemoryDocuments
    clock: ManualClock

    def __post_init__(self) -> None:
        self.rations = self.reborn()

    def reborn(self) -> JobRations:
        """A worker's next life: it knows nothing of the last one's reservations."""
        prices = pricing(CarbonSettings(intensity_g_per_kwh=360), self.home.intensities)
        self.rations = JobRations(self.documents, self.home, prices, self.clock)
        return self.rations

    def set(
        self, joules: int, per: str = "day", *, name: str = "lab", defers: bool = True
    ) -> Budget:
        """A budget of training."""
        scope, period = Scope.parse("jobs:train"), Period.parse(per)
        made = Budget(name, scope, Quantity.JOULES, joules * J, period, defers_jobs=defers)
        self.documents.commit([Change(BUDGETS, name, msgspec.json.encode(made))])
        return made

    def charge(self, nj: int, fence: int = 1) -> Pace:
        """The attempt has cost so much so far; a window later the worker looks."""
        spent = self.home.job(JOB) / FOLDER
        spent.mkdir(parents=True, exist_ok=True)
        cost = AttemptCost(
            nj=nj, nj_low=nj, nj_high=nj, ng=nj // 1000, cpu_ns=nj // 4, method=Method.MODELLED
        )
        (spent / f"{fence:06d}.json").write_bytes(msgspec.json.encode(cost))
        self.clock.advance(1)
        return self.rations.look(JOB)

    def save(self, fence: int = 1) -> None:
        """The attempt writes a checkpoint."""
        folder = self.home.job(JOB) / CHECKPOINTS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"search.{fence:06d}").touch()

    def run(self, *, to: int, since: int = 0) -> Pace:
        """Two joules a window from the one cost to the other; how it is to go on then."""
        paces = [self.charge(joules * J) for joules in range(since + 2, to + 1, 2)]
        return paces[-1]

    def begin(self, fence: int = 1) -> None:
        """Start an attempt, which must be allowed."""
        assert self.rations.judge(self.job()).verdict is Verdict.ALLOW
        self.rations.begin(JOB, fence)

    def job(self) -> JobRecord:
        return JobRecord(
            id=JOB, kind=JobKind.TRAIN, spec={}, tenant="default", created_at=self.clock.now()
        )

    def standing(self, budget: Budget) -> Standing:
        allowance = BudgetAccount.open(self.home.budgets, budget, self.clock)
        try:
            return allowance.standing()
        finally:
            allowance.close()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Home(tmp_path), MemoryDocuments(), ManualClock())


def test_without_budgets_nothing_is_set_aside_and_nothing_stops(bench: Bench) -> None:
    bench.begin()
    assert bench.charge(10**18) is Pace.GO
    assert bench.rations.end(JOB) is False
    assert not bench.home.budgets.exists()


def test_what_it_may_cost_is_set_aside_before_it_starts_and_settled_when_it_ends(
    bench: Bench,
) -> None:
    lab = bench.set(1000)
    bench.begin()
    assert bench.standing(lab).committed == PRIOR
    assert bench.charge(3 * J) is Pace.GO
    assert bench.standing(lab).committed == PRIOR
    assert bench.rations.end(JOB) is True
    assert bench.standing(lab).committed == 3 * J


def test_a_small_budget_is_tried_with_all_it_has(bench: Bench) -> None:
    lab = bench.set(7)
    bench.begin()
    assert bench.standing(lab).remaining == 0


def test_every_budget_that_covers_it_must_hold_it_or_none_does(bench: Bench) -> None:
    wide, narrow = bench.set(1000, name="a-wide"), bench.set(1000, name="b-narrow")
    spender = BudgetAccount.open(bench.home.budgets, narrow, bench.clock)
    assert spender.hold(990 * J)
    spender.close()
    ruling = bench.rations.judge(bench.job())
    assert (ruling.verdict, "'b-narrow'" in ruling.says) == (Verdict.DEFER, True)
    assert ruling.again_at == bench.clock.now().replace(day=2)
    assert bench.standing(wide).committed == 0


def test_a_killed_attempt_forfeits_its_part_until_the_period_ends(bench: Bench) -> None:
    lab = bench.set(120)
    bench.begin()
    bench.charge(3 * J)
    bench.rations.end(JOB, forfeits=True)
    assert bench.standing(lab).committed == PRIOR
    bench.begin(fence=2)
    assert bench.standing(lab).committed == PRIOR + (PRIOR - 3 * J), "it needs the rest alone"
    bench.clock.advance(86400)
    assert bench.standing(lab).committed == 0


def test_a_killed_worker_forfeits_what_it_had_set_aside(bench: Bench) -> None:
    lab = bench.set(120)
    bench.begin()
    bench.reborn()
    assert bench.rations.end(JOB) is False
    assert bench.standing(lab).committed == PRIOR


def test_a_job_that_outgrows_its_estimate_gets_more_while_there_is_some(bench: Bench) -> None:
    lab = bench.set(1000)
    bench.begin()
    for joules in range(0, 300, 3):
        assert bench.charge(joules * J) is Pace.GO
        assert bench.standing(lab).committed >= joules * J
    bench.rations.end(JOB)
    assert bench.standing(lab).committed == 297 * J


def test_near_the_end_it_stops_at_a_checkpoint_and_at_the_end_at_once(bench: Bench) -> None:
    lab = bench.set(60)
    bench.begin()
    bench.save()
    paces = [bench.charge(joules * J) for joules in range(0, 61, 2)]
    assert paces == sorted(paces), "it never goes on again"
    assert set(paces) == set(Pace)
    assert paces.index(Pace.STOP_NOW) * 2 <= 60
    assert bench.standing(lab).committed <= 60 * J
    ruling = bench.rations.stopped(JOB)
    assert ruling is not None
    assert (ruling.verdict, ruling.again_at) == (
        Verdict.DEFER,
        bench.clock.now().replace(day=2, hour=0, minute=0, second=0),
    )
    assert "was stopped after 60 J: it goes on at 2026-01-02T00:00:00Z" in ruling.says
    assert bench.standing(lab).committed == 60 * J
    assert bench.rations.end(JOB) is False, "it is settled once"


def test_where_nothing_waits_the_stopped_job_is_refused(bench: Bench) -> None:
    bench.set(60, defers=False)
    bench.begin()
    bench.save()
    while bench.charge(59 * J) is not Pace.STOP_NOW:
        bench.clock.advance(1)
    ruling = bench.rations.stopped(JOB)
    assert ruling is not None
    assert (ruling.verdict, "raise the budget" in ruling.says) == (Verdict.REFUSE, True)


def test_what_gets_to_no_checkpoint_in_a_whole_period_is_not_tried_for_ever(bench: Bench) -> None:
    bench.set(60)
    bench.begin()
    bench.run(to=60)
    ruling = bench.rations.stopped(JOB)
    assert ruling is not None
    assert ruling.verdict is Verdict.REFUSE
    assert "spends without getting to a checkpoint: raise the budget" in ruling.says


def test_what_others_left_too_little_for_is_tried_again(bench: Bench) -> None:
    lab = bench.set(100)
    spender = BudgetAccount.open(bench.home.budgets, lab, bench.clock)
    assert spender.hold(45 * J)
    spender.close()
    bench.begin()
    bench.run(to=60)
    ruling = bench.rations.stopped(JOB)
    assert ruling is not None
    assert ruling.verdict is Verdict.DEFER


@pytest.mark.parametrize(("per", "step_s"), [("hour", 3600), ("1h", 150)])
def test_a_job_that_runs_into_the_next_step_is_counted_in_both(
    bench: Bench, per: str, step_s: int
) -> None:
    lab = bench.set(100, per)
    bench.begin()
    assert bench.run(to=10) is Pace.GO
    bench.clock.advance(step_s)
    assert bench.run(to=30, since=10) is Pace.GO
    bench.rations.end(JOB)
    in_both, of_the_last = 30 * J, 30 * J - 12 * J
    assert bench.standing(lab).committed == (of_the_last if per == "hour" else in_both)
    bench.clock.advance(3600)
    assert bench.standing(lab).committed == (0 if per == "hour" else of_the_last)
    bench.clock.advance(step_s)
    assert bench.standing(lab).committed == 0


def test_a_budget_that_is_removed_stops_nothing_and_a_raised_one_lets_go_on(bench: Bench) -> None:
    bench.set(60)
    bench.begin()
    bench.run(to=40)
    bench.set(500)
    assert bench.run(to=300, since=40) is Pace.GO
    bench.documents.commit([Change(BUDGETS, "lab", None)])
    assert bench.run(to=1000, since=300) is Pace.GO


def test_a_budget_that_becomes_another_keeps_what_was_spent_of_the_first(bench: Bench) -> None:
    lab = bench.set(60)
    bench.begin()
    bench.run(to=20)
    bench.set(60, "month")
    assert bench.run(to=200, since=20) is Pace.GO, "the new one counts from the next start on"
    assert bench.rations.end(JOB) is False
    assert 20 * J <= bench.standing(lab).committed <= 60 * J
    assert bench.standing(bench.set(60, "month")).committed == 0


def test_a_damaged_file_lets_jobs_wait_and_says_so(bench: Bench) -> None:
    lab = bench.set(60)
    bench.home.budgets.mkdir()
    allowance_path(bench.home.budgets, lab).write_bytes(b"foreign")
    ruling = bench.rations.judge(bench.job())
    assert (ruling.verdict, "is damaged" in ruling.says) == (Verdict.DEFER, True)
    assert ruling.again_at is not None


def test_grams_are_rationed_as_joules_are(bench: Bench) -> None:
    scope, period = Scope.parse("tenant:default"), Period.parse("day")
    grams = Budget("g", scope, Quantity.GRAMS, 10**9, period)
    bench.documents.commit([Change(BUDGETS, "g", msgspec.json.encode(grams))])
    bench.begin()
    assert 0 < bench.standing(grams).committed < 10**9
    bench.charge(3 * J)
    bench.rations.end(JOB)
    assert bench.standing(grams).committed == 3 * J // 1000


def test_the_next_of_a_kind_asks_for_what_the_last_cost(
    bench: Bench, ended_job: Callable[[MemoryDocuments, int], None]
) -> None:
    lab = bench.set(1000)
    ended_job(bench.documents, 8 * J)
    bench.clock.advance(1)
    bench.begin()
    assert bench.standing(lab).committed == 10 * J


@pytest.fixture
def ended_job() -> Callable[[MemoryDocuments, int], None]:
    """Keep a training that succeeded and cost so much."""

    def keep(documents: MemoryDocuments, nj: int) -> None:
        clock = ManualClock()
        jobs = Jobs(documents, clock)
        made = jobs.submit(JobKind.TRAIN, {}, "default")
        jobs.apply(made.id, Claim("worker", clock.now()))
        energy = EnergyFigure(
            Nanojoules(nj), Nanojoules(nj), Nanojoules(nj), Method.MODELLED, "a test"
        )
        jobs.apply(made.id, Succeed(1, {}, Receipt(energy, None, 0)))

    return keep

"""Laws of what jobs set aside: whatever is killed when, a budget holds all that was spent of it."""

import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope, Verdict
from lichen.control.transitions import JobRecord
from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.protocol.admin import JobKind
from lichen.server.home import Home
from lichen.server.pricing import pricing
from lichen.server.sections import CarbonSettings
from lichen.server.work.rationing import JobRations, Pace
from lichen.server.work.spending import FOLDER, AttemptCost
from lichen.store.documents import Change, MemoryDocuments

J = 10**9
LIMIT = 200 * J
WINDOW = 3 * J
"""The most that one attempt is charged in a window."""


class WorkersAndABudget(RuleBasedStateMachine):
    """Attempts that are charged, end, die, and workers that die with them."""

    @initialize(per=st.sampled_from(["day", "month"]))
    def open(self, per: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = Home(Path(self.folder.name))
        self.clock, self.documents = ManualClock(), MemoryDocuments()
        scope, period = Scope.parse("jobs:train"), Period.parse(per)
        self.budget = Budget("lab", scope, Quantity.JOULES, LIMIT, period)
        body = msgspec.json.encode(self.budget)
        self.documents.commit([Change(BUDGETS, "lab", body)])
        self.prices = pricing(CarbonSettings(), self.home.intensities)
        self.rations = self.reborn()
        self.running: dict[str, int] = {}
        self.stopping: set[str] = set()
        self.spent = self.forfeited = self.started = 0

    def reborn(self) -> JobRations:
        return JobRations(self.documents, self.home, self.prices, self.clock)

    @rule()
    def start(self) -> None:
        self.started += 1
        job_id = f"job-{self.started}"
        job = JobRecord(
            id=job_id,
            kind=JobKind.TRAIN,
            spec={},
            tenant="default",
            created_at=self.clock.now(),
        )
        committed = self.committed()
        ruling = self.rations.judge(job)
        if ruling.verdict is Verdict.ALLOW:
            self.rations.begin(job_id, 1)
            self.running[job_id] = 0
        else:
            assert ruling.verdict is Verdict.DEFER
            assert ruling.again_at is not None
            assert ruling.again_at > self.clock.now()
            assert self.committed() == committed, "who is turned away takes nothing along"

    @precondition(lambda self: self.running)
    @rule(data=st.data(), nj=st.integers(0, WINDOW), windows=st.integers(1, 30))
    def work(self, data: st.DataObject, nj: int, windows: int) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        for _ in range(windows):
            self.running[job_id] += nj
            self.spent += nj
            self.keep(job_id, self.running[job_id])
            self.clock.advance(1)
            if self.rations.look(job_id) is Pace.STOP_NOW:
                ruling = self.rations.stopped(job_id)
                assert ruling is not None
                assert ruling.verdict is Verdict.DEFER
                del self.running[job_id]
                return

    @precondition(lambda self: self.running)
    @rule(data=st.data(), silent=st.booleans())
    def end(self, data: st.DataObject, silent: bool) -> None:  # noqa: FBT001 - drawn
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        self.rations.end(job_id, forfeits=silent)
        del self.running[job_id]
        self.forfeited += silent

    @rule()
    def kill_the_worker(self) -> None:
        self.forfeited += len(self.running)
        self.running.clear()
        self.rations = self.reborn()

    @rule()
    def let_the_period_end(self) -> None:
        for job_id in list(self.running):
            self.rations.end(job_id)
        self.running.clear()
        self.clock.advance(32 * 86400)
        self.spent = self.forfeited = 0
        assert self.committed() == 0, "nothing is forfeited for ever"

    @invariant()
    def it_holds_all_that_was_spent_and_little_more_than_its_limit(self) -> None:
        if not hasattr(self, "budget"):
            return
        committed = self.committed()
        assert committed >= self.spent
        assert committed <= LIMIT + WINDOW * self.started
        if not self.running and not self.forfeited:
            assert committed == self.spent

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def committed(self) -> int:
        allowance = Allowance.open(self.home.budgets, self.budget, self.clock)
        try:
            return allowance.standing().committed
        finally:
            allowance.close()

    def keep(self, job_id: str, nj: int) -> None:
        spent = self.home.job(job_id) / FOLDER
        spent.mkdir(parents=True, exist_ok=True)
        cost = AttemptCost(nj=nj, nj_low=nj, nj_high=nj, ng=0, cpu_ns=nj, method=Method.MODELLED)
        (spent / "000001.json").write_bytes(msgspec.json.encode(cost))


TestWorkersAndABudget = WorkersAndABudget.TestCase
TestWorkersAndABudget.settings = settings(max_examples=15, stateful_step_count=25)

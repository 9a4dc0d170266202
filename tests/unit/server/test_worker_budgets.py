"""The worker under budgets: jobs that wait, are refused, are stopped, and wake up."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lichen.carbon.budgets.budget import BUDGETS, Budget, Period, Quantity, Scope
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.control.jobs import Jobs
from lichen.control.transitions import Cancel, Claim
from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.protocol.admin import JobKind, JobState
from lichen.server.home import Home
from lichen.server.sections import JobSettings, Settings
from lichen.server.settings import as_environment, load
from lichen.server.work.attempt import CHECKPOINTS, STOP
from lichen.server.work.spending import FOLDER, AttemptCost
from lichen.server.worker import Worker
from lichen.store.documents import Change, SqliteDocuments

PATIENCE_SECONDS = 60.0
J = 10**9
SPEC = {"name": "vic", "file": {"upload": "u1", "filename": "vic.csv"}}


class Shop:
    """A worker on a home without a supervisor: attempts wait for a meter page, and cost nothing.

    It is noon, and its clock is moved by hand: no day ends in the middle of a test.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = ManualClock(datetime(2026, 11, 22, 12, tzinfo=UTC))
        self.home = Home(settings.home)
        self.documents = SqliteDocuments(self.home.documents)
        self.jobs = Jobs(self.documents, self.clock)
        self.worker = Worker(settings, self.documents, self.clock)

    def submit(self, kind: JobKind = JobKind.INGEST) -> str:
        self.clock.advance(0.001)  # the order of acceptance is that of the moments
        return self.jobs.submit(kind, SPEC, "default").id

    def set(self, joules: int, per: str = "day", *, defers: bool = True) -> Budget:
        scope, period = Scope.parse("jobs:ingest"), Period.parse(per)
        made = Budget("lab", scope, Quantity.JOULES, joules * J, period, defers_jobs=defers)
        self.documents.commit([Change(BUDGETS, "lab", msgspec.json.encode(made))])
        return made

    def allowance(self, budget: Budget) -> BudgetAccount:
        return BudgetAccount.open(self.home.budgets, budget, self.clock)

    def committed(self, budget: Budget) -> int:
        opened = self.allowance(budget)
        try:
            return opened.standing().committed
        finally:
            opened.close()

    def spend(self, budget: Budget, joules: int) -> None:
        opened = self.allowance(budget)
        assert opened.hold(joules * J) is not None
        opened.close()

    def charge(self, job_id: str, joules: int) -> None:
        """The attempt that runs has cost so much."""
        folder = self.home.job(job_id) / FOLDER
        folder.mkdir(exist_ok=True)
        nj = joules * J
        cost = AttemptCost(nj=nj, nj_low=nj, nj_high=nj, ng=7, cpu_ns=nj, method=Method.MODELLED)
        fence = self.jobs.get(job_id).fence
        (folder / f"{fence:06d}.json").write_bytes(msgspec.json.encode(cost))

    def turn_until(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < give_up, "it did not happen"
            self.clock.advance(0.02)
            self.worker.turn()
            time.sleep(0.01)

    def state(self, job_id: str) -> JobState:
        return self.jobs.get(job_id).state


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    found = load({"home": tmp_path / "home", "runtime": tmp_path / "run"}, {})
    Home(found.home).prepare()
    for name, text in as_environment(found).items():
        monkeypatch.setenv(name, text)
    opened = Shop(replace(found, jobs=JobSettings(lease_seconds=5, grace_seconds=0.5)))
    yield opened
    opened.worker.stop()
    opened.documents.close()


def test_a_job_that_does_not_fit_waits_and_others_pass_it(shop: Shop) -> None:
    shop.spend(shop.set(100), 95)
    waits, passes = shop.submit(), shop.submit(JobKind.IMPORT)
    shop.worker.turn()
    job = shop.jobs.get(waits)
    assert (job.state, job.attempt, job.fence) == (JobState.QUEUED, 0, 0)
    assert job.not_before is not None
    assert (job.not_before.hour, job.not_before.minute) == (0, 0)
    assert "has 5 J left, less than the 10 J that it may cost" in (job.waits_for or "")
    assert shop.state(passes) is JobState.RUNNING


def test_a_raised_budget_wakes_what_waits(shop: Shop) -> None:
    shop.spend(shop.set(100), 95)
    job_id = shop.submit()
    shop.worker.turn()
    assert shop.jobs.get(job_id).not_before is not None
    raised = shop.set(200)
    shop.turn_until(lambda: shop.state(job_id) is JobState.RUNNING)
    assert shop.committed(raised) == (95 + 10) * J


def test_what_waits_starts_by_itself_when_the_window_has_rolled_on(shop: Shop) -> None:
    rolling = shop.set(100, "60s")
    then = shop.clock.now() - timedelta(seconds=55)
    earlier = BudgetAccount.open(shop.home.budgets, rolling, ManualClock(then))
    assert earlier.hold(95 * J) is not None
    earlier.close()
    job_id = shop.submit()
    shop.worker.turn()
    until = shop.jobs.get(job_id).not_before
    assert until is not None
    shop.clock.at = until - timedelta(seconds=1)
    shop.worker.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.turn_until(lambda: shop.state(job_id) is JobState.RUNNING)
    assert shop.clock.now() >= until
    assert shop.committed(rolling) == 10 * J


def test_where_nothing_waits_the_job_fails_with_the_reason(shop: Shop) -> None:
    shop.spend(shop.set(100, defers=False), 95)
    job_id = shop.submit()
    shop.worker.turn()
    job = shop.jobs.get(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, "try again after" in job.error.message) == ("OverBudget", True)


def test_what_waits_can_be_cancelled(shop: Shop) -> None:
    shop.spend(shop.set(100), 95)
    job_id = shop.submit()
    shop.worker.turn()
    shop.jobs.apply(job_id, Cancel())
    assert shop.state(job_id) is JobState.CANCELLED


def test_an_attempt_that_is_given_back_is_settled_by_what_it_cost(shop: Shop) -> None:
    lab = shop.set(100)
    job_id = shop.submit()
    shop.worker.turn()
    assert shop.committed(lab) == 10 * J
    shop.charge(job_id, 3)
    shop.worker.stop()
    assert shop.state(job_id) is JobState.QUEUED
    assert shop.committed(lab) == 3 * J


def test_a_killed_attempt_forfeits_and_the_next_one_sets_aside_anew(shop: Shop) -> None:
    lab = shop.set(100)
    job_id = shop.submit()
    shop.worker.turn()
    os.killpg(shop.jobs.get(job_id).pgid or 0, signal.SIGKILL)
    shop.turn_until(lambda: shop.jobs.get(job_id).fence == 2)
    assert shop.committed(lab) == 20 * J


def test_a_job_whose_worker_died_waits_when_its_budget_is_used(shop: Shop) -> None:
    shop.spend(shop.set(100), 95)
    job_id = shop.submit()
    shop.jobs.apply(job_id, Claim("worker", shop.clock.now().replace(year=2999)))
    shop.worker.turn()
    job = shop.jobs.get(job_id)
    assert (job.state, job.attempt, job.fence) == (JobState.QUEUED, 1, 1)
    assert job.not_before is not None


def test_a_running_job_that_uses_up_its_budget_is_stopped_and_waits_with_its_cost(
    shop: Shop,
) -> None:
    lab = shop.set(20)
    job_id = shop.submit()
    shop.worker.turn()
    pgid = shop.jobs.get(job_id).pgid
    shop.charge(job_id, 9)
    shop.turn_until(lambda: (shop.home.job(job_id) / STOP).exists())
    assert shop.state(job_id) is JobState.RUNNING, "it may go on to its next checkpoint"
    (shop.home.job(job_id) / CHECKPOINTS).mkdir()
    (shop.home.job(job_id) / CHECKPOINTS / "search.000001").touch()
    shop.charge(job_id, 20)
    shop.turn_until(lambda: shop.state(job_id) is JobState.QUEUED)
    job = shop.jobs.get(job_id)
    assert not Path(f"/proc/{pgid}").exists()
    assert job.not_before is not None
    assert "was stopped after 20 J: it goes on at" in (job.waits_for or "")
    assert job.receipt is not None
    assert (job.receipt.energy.nj, job.attempt) == (20 * J, 0)
    assert shop.committed(lab) == 20 * J


def test_where_nothing_waits_the_stopped_job_fails_with_its_cost(shop: Shop) -> None:
    shop.set(20, defers=False)
    job_id = shop.submit()
    shop.worker.turn()
    shop.charge(job_id, 25)
    shop.turn_until(lambda: shop.state(job_id) is JobState.FAILED)
    job = shop.jobs.get(job_id)
    assert job.error is not None
    assert job.error.code == "OverBudget"
    assert job.receipt is not None
    assert job.receipt.energy.nj == 25 * J


def test_what_one_gives_back_lets_another_start(shop: Shop) -> None:
    lab = shop.set(15)
    first, second = shop.submit(), shop.submit()
    shop.worker.stop()
    shop.settings = replace(shop.settings, jobs=replace(shop.settings.jobs, parallel_jobs=2))
    shop.worker = Worker(shop.settings, shop.documents, shop.clock)
    shop.worker.turn()
    assert (shop.state(first), shop.state(second)) == (JobState.RUNNING, JobState.QUEUED)
    assert shop.jobs.get(second).not_before is not None
    shop.charge(first, 1)
    shop.jobs.apply(first, Cancel())
    shop.turn_until(lambda: shop.state(second) is JobState.RUNNING)
    assert shop.committed(lab) <= 15 * J

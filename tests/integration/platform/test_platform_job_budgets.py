"""Budgets on a platform: jobs wait for them and go on, and kills leave their books right."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from lichen.api.budget_views import budget_of
from lichen.carbon.allowance import Allowance
from lichen.client.connection import Lichen
from lichen.core.clock import ManualClock, SystemClock
from lichen.core.errors import OverBudget
from lichen.protocol.admin import Job, JobKind, JobState, TrainSpec
from lichen.protocol.budgets import BudgetRequest

J = 10**9
MANY_JOULES = 10_000
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path

    def up(self) -> None: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


@pytest.fixture
def client(stopped: Running, load_csv: Path) -> Lichen:
    """A platform of this test's own, with a dataset."""
    stopped.up()
    connected = stopped.client()
    connected.data.add("load", load_csv)
    return connected


def joules(amount: int, per: str, scope: str = "jobs:train") -> BudgetRequest:
    return BudgetRequest(scope=scope, unit="nj", limit=amount * J, per=per)


def spend(home: Path, name: str, request: BudgetRequest, amount: int, ago_s: float = 0) -> None:
    """Commit some of a budget as another process would have done a while ago."""
    clock = ManualClock(SystemClock().now() - timedelta(seconds=ago_s))
    allowance = Allowance.open(home / "budgets", budget_of(name, request), clock)
    assert allowance.hold(amount * J) is not None
    allowance.close()


def submit(client: Lichen) -> Job:
    spec = TrainSpec(
        task="forecast", data="load", targets=["load"], horizon=24, context=48, algorithm="ridge"
    )
    return client.jobs.submit(JobKind.TRAIN, spec)


def committed(client: Lichen, name: str) -> int:
    standing = client.budgets.show(name).standing
    assert standing is not None
    return standing.committed


def test_a_job_waits_for_a_spent_budget_and_runs_when_its_window_has_rolled_on(
    client: Lichen, stopped: Running, until: Until
) -> None:
    request = joules(100, "60s")
    client.budgets.set("training", request)
    spend(stopped.home, "training", request, 95, ago_s=56)
    job_id = submit(client).id
    until(lambda: client.jobs.show(job_id).not_before is not None)
    waiting = client.jobs.show(job_id)
    assert (waiting.state, waiting.attempt) == (JobState.QUEUED, 0)
    assert "budget 'training' allows 100 J per 1m and has 5 J left" in (waiting.waits_for or "")

    done = client.jobs.wait(job_id)
    assert (done.not_before, done.waits_for) == (None, None)
    assert waiting.not_before is not None
    assert done.started_at is not None
    assert done.started_at >= waiting.not_before
    assert done.receipt is not None
    until(lambda: committed(client, "training") <= done.receipt.energy.nj)  # type: ignore[union-attr]
    assert committed(client, "training") == pytest.approx(done.receipt.energy.nj, rel=0.01)


def test_a_changed_budget_wakes_what_waits_and_a_refusal_says_when_to_come_back(
    client: Lichen, stopped: Running, until: Until
) -> None:
    request = joules(100, "day", "tenant:default")
    client.budgets.set("lab", request)
    spend(stopped.home, "lab", request, 99)
    job_id = submit(client).id
    until(lambda: client.jobs.show(job_id).not_before is not None)
    client.budgets.set("lab", joules(MANY_JOULES, "day", "tenant:default"))
    assert client.jobs.wait(job_id).state is JobState.SUCCEEDED

    spent = BudgetRequest(scope="tenant:default", unit="nj", limit=99 * J, per="day", jobs="refuse")
    client.budgets.set("lab", spent)
    with pytest.raises(OverBudget, match=r"try again after \d{4}-\d\d-\d\dT00:00:00Z"):
        submit(client)


@pytest.mark.parametrize("victim", ["job", "worker"])
def test_a_kill_while_a_rationed_job_runs_leaves_no_more_free_than_there_is(
    client: Lichen, stopped: Running, until: Until, victim: str
) -> None:
    client.budgets.set("lab", joules(1000, "day"))
    job_id = submit(client).id
    until(lambda: "job" in stopped.pids())
    os.kill(stopped.pids()[victim], signal.SIGKILL)
    done = client.jobs.wait(job_id)
    assert done.receipt is not None
    spent = done.receipt.energy.nj
    until(lambda: committed(client, "lab") <= 51 * J + spent)
    assert committed(client, "lab") >= spent

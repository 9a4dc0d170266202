"""Budgets on a platform: jobs wait for them and go on, and kills leave their books right."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Protocol

import httpx
import msgspec
import pytest

from lichen.api.budget_views import budget_of
from lichen.carbon.budgets.budget import ROLLING_STEPS
from lichen.carbon.budgets.budget_account import BudgetAccount
from lichen.client.connection import Lichen
from lichen.core.clock import ManualClock, SystemClock
from lichen.core.errors import OverBudget
from lichen.protocol.admin import Job, JobKind, JobState
from lichen.protocol.budgets import AlertNotice, BudgetRequest
from lichen.protocol.training import ForecastTraining

J = 10**9
MANY_JOULES = 10_000
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


class Webhook:
    """A server on this machine that takes alerts."""

    def __init__(self) -> None:
        self.got: list[AlertNotice] = []
        taken = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append(msgspec.json.decode(body, type=AlertNotice))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/alerts"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    serving = Thread(target=made.server.serve_forever, args=(0.05,))
    serving.start()
    yield made
    made.server.shutdown()
    serving.join()
    made.server.server_close()


@pytest.fixture
def client(stopped: Running, load_csv: Path, webhook: Webhook) -> Lichen:
    """A platform of this test's own that tells its alerts, with a dataset."""
    stopped.environment["LICHEN_ALERT_WEBHOOK"] = webhook.address
    stopped.up()
    connected = stopped.client()
    connected.data.add("load", load_csv)
    return connected


def joules(amount: int, per: str, scope: str = "jobs:train") -> BudgetRequest:
    return BudgetRequest(scope=scope, unit="nj", limit=amount * J, per=per)


def spend(home: Path, name: str, request: BudgetRequest, amount: int, ago_s: float = 0) -> datetime:
    """Commit some of a budget as another process would have done a while ago; that moment."""
    clock = ManualClock(SystemClock().now() - timedelta(seconds=ago_s))
    allowance = BudgetAccount.open(home / "budgets", budget_of(name, request), clock)
    assert allowance.hold(amount * J) is not None
    allowance.close()
    return clock.now()


def within_one_day() -> None:
    """What was spent on one side of midnight counts no more on the other: do not begin there."""
    now = SystemClock().now()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < 3 * MINUTE:
        time.sleep((midnight - now).total_seconds())


def submit(client: Lichen) -> Job:
    spec = ForecastTraining(
        data="load", targets=["load"], horizon=24, context=48, algorithm="ridge"
    )
    return client.jobs.submit(JobKind.TRAIN, spec)


def key(running: Running) -> str:
    return (running.home / "admin.key").read_text().strip()


def committed(client: Lichen, name: str) -> int:
    standing = client.budgets.show(name).standing
    assert standing is not None
    return standing.committed


def test_a_job_waits_for_a_spent_budget_and_runs_when_its_window_has_rolled_on(
    client: Lichen, stopped: Running, webhook: Webhook, until: Until
) -> None:
    request = joules(100, "1h")
    client.budgets.set("training", request)
    spent_at = spend(stopped.home, "training", request, 95)
    job_id = submit(client).id
    until(lambda: client.jobs.show(job_id).not_before is not None)
    waiting = client.jobs.show(job_id)
    assert (waiting.state, waiting.attempt) == (JobState.QUEUED, 0)
    assert "budget 'training' allows 100 J per 1h and has 5 J left" in (waiting.waits_for or "")
    assert waiting.not_before is not None
    assert spent_at + HOUR <= waiting.not_before <= spent_at + HOUR + HOUR / ROLLING_STEPS

    until(lambda: [one.webhook for one in client.budgets.alerts()] == ["delivered"] * 2)
    assert [one.alert.percent for one in webhook.got] == [50, 80]
    assert [one.percent for one in client.budgets.show("training").alerts] == [50, 80]
    told = httpx.get(
        f"{client.url}/metrics",
        headers={"Authorization": f"Bearer {key(stopped)}"},
        trust_env=False,
        timeout=60,
    ).text
    budget = 'budget="training",scope="jobs:train",tenant="default",unit="joules"'
    assert f"lichen_budget_limit{{{budget}}} 100.000000000" in told
    assert f'lichen_budget_alert{{{budget},percent="80"}} 1' in told

    shorter = joules(100, "60s")  # another account, and of most of it the window is nearly over
    spent_at = spend(stopped.home, "training", shorter, 95, ago_s=56)
    client.budgets.set("training", shorter)
    done = client.jobs.wait(job_id)
    assert (done.not_before, done.waits_for) == (None, None)
    assert done.started_at is not None
    assert done.started_at >= spent_at + MINUTE
    assert done.receipt is not None
    until(lambda: committed(client, "training") <= done.receipt.energy.nj)  # type: ignore[union-attr]
    assert committed(client, "training") == pytest.approx(done.receipt.energy.nj, rel=0.01)


def test_a_changed_budget_wakes_what_waits_and_a_refusal_says_when_to_come_back(
    client: Lichen, stopped: Running, until: Until
) -> None:
    within_one_day()
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
    within_one_day()
    client.budgets.set("lab", joules(1000, "day"))
    spent, attempts, kills = 0, 1, 0
    while attempts == 1:  # a job that ended before it could be killed is paid, too
        job_id = submit(client).id
        until(lambda: "job" in stopped.pids() or client.jobs.show(job_id).state.final)  # noqa: B023
        with suppress(ProcessLookupError, KeyError):
            os.kill(stopped.pids()[victim], signal.SIGKILL)
            kills += 1  # each forfeits what was set aside: it may hit a job that has just ended
        done = client.jobs.wait(job_id)
        assert done.receipt is not None
        spent, attempts = spent + done.receipt.energy.nj, done.attempt
    until(lambda: committed(client, "lab") <= kills * 51 * J + spent)
    assert committed(client, "lab") >= spent

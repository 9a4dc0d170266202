"""A platform whose grid will be clean in some hours: who waits for it, and who does not."""

import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from lichen.carbon.ledger.accounts import LedgerReader
from lichen.cli.main import run
from lichen.client.connection import Lichen
from lichen.protocol.admin import JobState
from lichen.server.home import Home
from lichen.store.documents import SqliteDocuments

HOUR = timedelta(hours=1)
CLEAN_IN, TRIES = 4, 5
TRAIN = ("train", "forecast", "--data", "load", "--target", "load", "--horizon", "24")
QUICK = (*TRAIN, "--algorithm", "naive-day", "--name", "m")
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def client(self) -> Lichen: ...
    def pids(self) -> dict[str, int]: ...


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clean() -> datetime:
    """When the next two clean hours of the grid begin."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + CLEAN_IN * HOUR


@pytest.fixture
def grid(tmp_path: Path, clean: datetime) -> Path:
    """Ten days, too few for a model of its own: each day clean for two hours, some hours ahead."""
    now = clean - CLEAN_IN * HOUR
    hours = {(clean + more * HOUR).hour for more in range(2)}
    lines = ["time,g_per_kwh"]
    for back in range(10 * 24, 0, -1):
        moment = now - back * HOUR
        lines.append(f"{moment.isoformat()},{50 if moment.hour in hours else 400}")
    path = tmp_path / "grid.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def lichen(stopped: Running, load_csv: Path, grid: Path) -> Lichen:
    """A platform that has trained before, and whose grid is known."""
    stopped.up()
    client = stopped.client()
    client.seed_history("DE", grid)
    client.data.add("load", load_csv)
    return client


@pytest.fixture
def say(
    stopped: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """The command line."""
    monkeypatch.setenv("LICHEN_HOME", str(stopped.home))
    monkeypatch.setenv("LICHEN_RUNTIME", stopped.environment["LICHEN_RUNTIME"])

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return ask


def in_store(running: Running, collection: str) -> dict[str, bytes]:
    """The documents of a collection, as the worker reads them."""
    documents = SqliteDocuments(Home(running.home).documents)
    try:
        return {one.key: one.body for one in documents.scan(collection)}
    finally:
        documents.close()


def fence_of(running: Running) -> int:
    """Under which the plan is written now."""
    fence: int = json.loads(in_store(running, "planner")["role"])["fence"]
    return fence


def accepted(say: Say, *more: str) -> dict[str, Any]:
    code, out, err = say(*QUICK, *more, "--json")
    assert code == 0, err
    job: dict[str, Any] = json.loads(out)["job"]
    return job


def accepted_and_planned(lichen: Lichen, say: Say, deadline: str) -> dict[str, Any]:
    """A job that waits. The first one lets the planner load its solver, and a machine that is slow
    at that runs the job at once, as it should: the next one is planned in time."""
    for _ in range(TRIES):
        job = accepted(say, "--deadline", deadline)
        if job.get("planned") is not None:
            return job
        lichen.jobs.wait(job["id"])
    raise AssertionError("the planner never spoke in time")


def test_jobs_wait_for_the_clean_hours_and_no_longer_than_they_may(
    lichen: Lichen, say: Say, stopped: Running, until: Until, clean: datetime
) -> None:
    assert say(*QUICK)[0] == 0, "without a deadline it runs, and is waited for"

    waits = accepted_and_planned(lichen, say, "10h")
    starts = datetime.fromisoformat(waits["planned"]["starts_at"])
    assert datetime.now(UTC) < starts, "it does not block for hours"
    assert waits["state"] == "queued"
    assert clean - HOUR / 60 <= starts <= clean + 2 * HOUR
    assert waits["planned"]["saved_ng"] > 0

    at_once = accepted(say, "--deadline", "10h", "--no-green")
    short = accepted(say, "--deadline", "180s")
    for one in (at_once, short):
        done = lichen.jobs.wait(one["id"])
        assert done.state is JobState.SUCCEEDED
        assert done.schedule is not None
        assert done.finished_at is not None
        assert done.finished_at <= done.schedule.deadline
    assert lichen.jobs.show(waits["id"]).state is JobState.QUEUED

    check_is_told(lichen, say, waits["id"])
    until(lambda: is_charged(stopped))


def check_is_told(lichen: Lichen, say: Say, job_id: str) -> None:
    """The plan of the one job that waits, by the client and by the command line."""
    standing = lichen.plans.standing()
    (planned,) = standing.items
    assert (planned.job, planned.zone, planned.is_late) == (job_id, "DE", False)
    assert planned.saved_ng is not None
    assert planned.saved_ng > 0
    assert standing.planner.plans >= 1
    assert standing.planner.nj > 0
    shown = say("plan")[1]
    assert all(one in shown for one in (job_id, "less than at once", "█"))
    assert json.loads(say("plan", "--json")[1])["plan"]["items"][0]["job"] == job_id
    assert "planned from" in say("jobs", "show", job_id)[1]
    assert planned.why in say("plan", job_id)[1]


def is_charged(running: Running) -> bool:
    """Whether the ledger holds what planning cost."""
    accounts = LedgerReader(running.home / "ledger.db").accounts()
    return any(one.account == "work/default/planner/-/plan" for one in accounts)


def test_the_plan_outlives_the_planner_and_ends_with_its_jobs(
    lichen: Lichen, say: Say, stopped: Running, until: Until
) -> None:
    assert say(*QUICK)[0] == 0
    waits = accepted_and_planned(lichen, say, "12h")
    first, fence = stopped.pids()["controlplane"], fence_of(stopped)
    os.kill(first, signal.SIGKILL)
    until(lambda: stopped.pids().get("controlplane") not in (None, first))
    (one,) = lichen.plans.standing().items
    assert one.job == waits["id"]
    until(lambda: fence_of(stopped) > fence)
    assert lichen.jobs.show(waits["id"]).state is JobState.QUEUED

    another = accepted(say, "--deadline", "12h")
    assert another["planned"] is not None, "the next life plans at once"
    for job in (waits, another):
        lichen.jobs.cancel(job["id"])
    assert lichen.plans.standing().items == []
    code, _, err = say("plan", waits["id"])
    assert (code, "it has ended (cancelled)" in err) == (3, True)
    until(lambda: not in_store(stopped, "intentions"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--deadline 1h --earliest 2h", "before the job may start"),
        ("--deadline 2020-01-01T00:00:00Z", "in the past"),
        ("--deadline tomorrow", "neither a duration nor a time"),
        ("--deadline 6h --zones FR", "no worker in FR"),
        ("--deadline 60d", "over 30 days ahead"),
        ("--deadline 6h --priority 99", "from -9 to 9"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    platform: Running,
    words: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(platform.home))
    monkeypatch.setenv("LICHEN_RUNTIME", platform.environment["LICHEN_RUNTIME"])
    assert run([*QUICK, *words.split()]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert said.err.count("\n") == 1

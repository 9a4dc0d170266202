"""Every verb with `--json` prints one valid JSON document, with energies in integer nanojoules."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pytest


class Ended(Protocol):
    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


def energies(document: object) -> Iterator[tuple[str, object]]:
    """Every figure of energy or carbon in it, wherever it stands."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in ("nj", "nj_low", "nj_high", "ng", "ng_low", "ng_high", "host_nj"):
                yield name, value
            else:
                yield from energies(value)
    elif isinstance(document, list):
        for item in document:
            yield from energies(item)


def read(ended: Ended) -> Any:  # noqa: ANN401 - JSON
    assert (ended.code, ended.err) == (0, "")
    document = json.loads(ended.out)
    wrong = [(name, value) for name, value in energies(document) if not isinstance(value, int)]
    assert [one for one in wrong if one[1] is not None] == []
    return document


@pytest.fixture
def ask(served: object, cli: Cli) -> Callable[..., Any]:
    assert served

    def asked(*arguments: str | Path) -> Any:  # noqa: ANN401 - JSON
        return read(cli(*arguments, "--json"))

    return asked


Ask = Callable[..., Any]


def test_data_in_json(ask: Ask, good: Path) -> None:
    assert ask("data", "add", "good", good)["version"] == 1
    assert ask("data", "show", "good")["rows"] == ask("data", "show", "good@1")["rows"] == 504
    assert "good" in [one["name"] for one in ask("data", "ls")["datasets"]]
    assert isinstance(ask("data", "check", "good")["findings"], list)


def test_append_in_json(ask: Ask, tmp_path: Path) -> None:
    for name, hours in (("first", range(5)), ("more", range(5, 8))):
        rows = "".join(f"2026-01-01T0{hour}:00:00Z,{hour}\n" for hour in hours)
        (tmp_path / f"{name}.csv").write_text("time,load\n" + rows)
    assert ask("data", "add", "growing", tmp_path / "first.csv")["version"] == 1
    grown = ask("data", "append", "growing", tmp_path / "more.csv")
    assert (grown["version"], grown["rows"]) == (2, 8)


def test_training_in_json(ask: Ask) -> None:
    options = ["--data", "good", "--target", "load", "--horizon", "24", "--context", "48"]
    made = ask("train", "forecast", *options, "--algorithm", "naive-day", "--name", "n")
    assert made["version"]["model"] == "n"
    assert made["job"]["state"] == "succeeded"
    assert made["job"]["receipt"]["energy"]["nj"] > 0


def test_models_in_json(ask: Ask, tmp_path: Path) -> None:
    assert ask("models", "show", "m@1")["version"] == 1
    assert ask("models", "alias", "m@1", "champion")["aliases"]["champion"] == 1
    assert {one["name"]: one for one in ask("models", "ls")["models"]}["m"]["latest"] == 1
    assert ask("models", "card", "m@champion")["card"].startswith("---\n")
    assert ask("models", "verify", "m@1") == {"sound": True, "findings": []}
    folder = tmp_path / "out"
    assert ask("models", "export", "m@1", folder)["exported"] == "m@1"
    assert ask("models", "import", folder, "--name", "copy")["model"] == "copy"
    assert ask("models", "export", "m@1", tmp_path / "o.tar", "--format", "oci")["format"] == "oci"
    assert ask("models", "export", "m@1", tmp_path / "onnx", "--format", "onnx")["format"] == "onnx"
    assert {one.name for one in (tmp_path / "onnx").iterdir()} >= {"model.onnx", "INPUTS.md"}


def test_deployments_and_predictions_in_json(ask: Ask) -> None:
    assert ask("deploy", "m@1", "--name", "e")["state"] == "ready"
    answer = ask("predict", "e")
    assert len(answer["outputs"]["mean"][0]) == 24
    assert answer["receipt"]["energy"]["nj"] > 0
    assert ask("undeploy", "e") == {"undeployed": "e"}


def test_jobs_in_json(ask: Ask) -> None:
    jobs = ask("jobs", "ls")["jobs"]
    trained = [one["id"] for one in jobs if one["kind"] == "train" and one["receipt"]]
    assert ask("jobs", "show", trained[0])["state"] == "succeeded"
    assert "attempt 1" in ask("jobs", "logs", trained[0])["log"]
    segments = ask("jobs", "show", trained[0])["segments"]
    assert [one["nj"] > 0 for one in segments] == [True]


def test_pausing_in_json(ask: Ask, cli: Cli) -> None:
    options = ["--data", "good", "--target", "load", "--horizon", "24", "--name", "never"]
    job = ask("train", "forecast", *options, "--earliest", "2h", "--deadline", "9h")["job"]["id"]
    paused = ask("jobs", "pause", job)
    assert (paused["state"], paused["segments"]) == ("paused", [])
    assert f"`lichen jobs resume {job}` lets it go on" in cli("jobs", "show", job).out
    resumed = ask("jobs", "resume", job)
    assert (resumed["state"], resumed["pausing"]) == ("queued", False)
    assert resumed["waits_for"].startswith("it is not to start before")
    assert ask("jobs", "cancel", job)["state"] == "cancelled"


def test_accounts_in_json_sum_to_zero(ask: Ask) -> None:
    accounts = ask("ledger")["accounts"]
    assert sum(one["nj"] for one in accounts) == 0
    assert ask("ledger", "verify")["sound"] is True


def test_meters_in_json(ask: Ask) -> None:
    assert ask("meter")["survey"]["chosen"]


def test_zones_in_json(ask: Ask) -> None:
    assert ask("zones", "CN-BJ")["answered_by"] == "yearly averages"
    assert ask("zones")["sources"][-1]["name"] == "world average"
    assert "CN-HUABEI" in [one["zone"] for one in ask("zones", "--all")]
    assert len(ask("zones", "CN-BJ", "--outlook", "5")["steps"]) == 5
    assert len(ask("zones", "--outlook", "96")["steps"]) == 96


def test_budgets_in_json(ask: Ask) -> None:
    limit = ["--joules", "5000", "--per", "6h", "--for", "deployment:d", "--degrade-from", "80%"]
    made = ask("budget", "set", "d-limit", *limit)
    assert (made["unit"], made["limit"], made["per"]) == ("nj", 5 * 10**12, "6h")
    assert (made["degrade_from"], made["tenant"]) == (0.8, "default")
    assert made["standing"]["remaining"] == made["limit"] - made["standing"]["committed"]
    grams = ask("budget", "set", "g", "--grams", "1.5", "--per", "month", "--for", "jobs:append")
    assert (grams["unit"], grams["limit"]) == ("ng", 1_500_000_000)
    assert [one["name"] for one in ask("budget", "ls")["budgets"]] == ["d-limit", "g"]
    assert ask("budget", "rm", "g") == {"removed": "g"}
    assert ask("budget", "rm", "d-limit") == {"removed": "d-limit"}


def test_budgets_for_people(cli: Cli, served: object) -> None:
    assert served
    said = cli(
        "budget", "set", "lab", "--joules", "5000", "--per", "day", "--for", "tenant:default"
    )
    assert said.out.startswith("lab: 5 kJ per day for tenant:default, 5 kJ left, back from 20")
    listed = cli("budget", "ls").out
    assert listed.split()[:5] == ["budget", "for", "limit", "per", "used"]
    assert "(0 %)" in listed
    assert cli("budget", "rm", "lab").out == "budget lab is gone\n"


TRAIN = ("train", "forecast", "--data", "good", "--target", "load", "--horizon", "24")


def test_recurring_work_in_json(ask: Ask, good: Path) -> None:
    if "good" not in [one["name"] for one in ask("data", "ls")["datasets"]]:
        ask("data", "add", "good", good)
    away = (datetime.now(ZoneInfo("Europe/Berlin")).hour + 12) % 24  # not due while this runs
    cron = ("--every", f"0 {away} * * 1-5", "--every-timezone", "Europe/Berlin")
    made = ask(*TRAIN, *cron, "--deadline", "6h", "--interruptible")["schedule"]
    assert (made["name"], made["window_seconds"]) == ("train-good", 6 * 3600)
    assert made["job"]["spec"]["data_version"] is None
    assert ask("schedules", "show", "train-good")["upcoming"][0] == made["next_due"]
    assert ask("plan", "--hours", "96")["plan"]["due"][0]["schedule"] == "train-good"
    assert ask("schedules", "pause", "train-good")["paused"] is True
    assert ask("schedules", "resume", "train-good")["next_due"] == made["next_due"]
    assert [one["name"] for one in ask("schedules", "ls")["schedules"]] == ["train-good"]
    assert ask("schedules", "rm", "train-good") == {"removed": "train-good"}


def test_recurring_work_for_people(cli: Cli, served: object) -> None:
    assert served
    told = cli(*TRAIN, "--every", "month", "--schedule", "monthly", "--no-green").out
    assert told.startswith("schedule monthly: train every month (UTC); next due 20")
    assert told.endswith("each run within 2 d\n")
    assert cli("schedules", "ls").out.splitlines()[1].startswith("monthly   train  month  UTC")
    assert cli("schedules", "show", "monthly").out.count("  then 20") == 4
    assert cli("schedules", "pause", "monthly").out.endswith("paused, each run within 2 d\n")
    assert cli("schedules", "rm", "monthly").out == "schedule monthly is gone\n"
    gone = cli("schedules", "show", "monthly")
    assert (gone.code, "lichen schedules ls" in gone.err) == (3, True)
    never = cli(*TRAIN, "--every", "0 0 31 2 *")
    assert (never.code, "no month has" in never.err) == (2, True)

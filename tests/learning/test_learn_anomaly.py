"""The task `anomaly`: a CSV of a plant becomes an endpoint of alarms with two commands."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import pytest

from lichen.cli.main import run

ROWS, EVENT = 1200, 1000
COLUMNS = ("flow", "pressure", "valve", "level")


def plant(seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A flow, what follows it, and from the event on a pressure that is too high for it."""
    random = np.random.default_rng(seed)
    flow = np.zeros(ROWS)
    for row in range(1, ROWS):
        flow[row] = 0.8 * flow[row - 1] + random.normal()
    pressure = 2 * flow + 0.2 * random.normal(size=ROWS)
    pressure[EVENT:] += 4
    valve = 50 - 3 * flow + 0.3 * random.normal(size=ROWS)
    level = np.concatenate([[0.0], flow[:-1]]) + 0.2 * random.normal(size=ROWS)
    return np.column_stack([flow, pressure, valve, level])


@pytest.fixture
def plant_csv(tmp_path: Path) -> Path:
    path = tmp_path / "plant.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *COLUMNS, "still", "fault"])
        for row, values in enumerate(plant(1)):
            stamp = f"2026-01-{1 + row // 1440:02}T{row // 60 % 24:02}:{row % 60:02}:00Z"
            writer.writerow([stamp, *values.round(4), 7, int(row >= EVENT)])
    return path


class Platform(Protocol):
    """Where it runs."""

    home: Path
    http: str


def ask(platform: Platform, deployment: str, rows: list[dict[str, float]]) -> dict[str, Any]:
    key = (platform.home / "admin.key").read_text().strip()
    answer = httpx.post(
        f"{platform.http}/predict/{deployment}",
        json={"rows": rows},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["y_pred"]
    return told


@pytest.mark.parametrize("algorithm", ["auto", "dynamic-pca"])
def test_a_csv_of_a_plant_becomes_an_endpoint_of_alarms_with_two_commands(
    command: Callable[..., Any], platform: Platform, plant_csv: Path, tmp_path: Path, algorithm: str
) -> None:
    name = f"plant-{algorithm}"
    command("data", "add", name, plant_csv)
    trained = command(
        "train", "anomaly", "--data", name, "--label", "fault", "--algorithm", algorithm
    )
    command("deploy", f"{name}@1", "--name", name)
    rows = [dict(zip(COLUMNS, one.tolist(), strict=True)) for one in plant(2)]
    told = ask(platform, name, rows[900:1100])
    alarms = np.array(told["anomaly"])
    assert alarms[:100].mean() < 0.1
    scores = {one["name"]: one["value"] for one in trained["version"]["metrics"]}
    assert alarms[100:].mean() > 0.8
    assert scores["PR-AUC"] > 0.9
    assert trained["job"]["receipt"]["energy"]["nj"] > 0
    if algorithm == "auto":
        assert "still left out: constant" in trained["version"]["parameters"]["columns_left_out"]
        blamed = np.array(told["contribution"])[100:].mean(axis=0)
        assert COLUMNS[int(blamed.argmax())] == "pressure"
    brief = tmp_path / "brief.csv"
    brief.write_text("".join(plant_csv.read_text().splitlines(keepends=True)[:11]))
    assert len(command("predict", name, "--input", brief)["outputs"]["anomaly"]) == 10
    answered = tmp_path / "answers.csv"
    command(
        "predict", name, "--input", plant_csv, "--deadline", "1h", "--wait", "--output", answered
    )
    with answered.open() as file:
        listed = list(csv.DictReader(file))
    assert len(listed) == ROWS
    by_row = [one["anomaly"].lower() == "true" for one in listed]
    assert np.mean(by_row[:EVENT]) < 0.03


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--false-alarms", "0.7"), "false_alarms is 0.7: it is a share of the usual rows"),
        (("--false-alarms", "0.0001"), "cannot tell a false-alarm rate of 0.0001: give at least"),
        (("--columns", "flow,nope"), "no column 'nope'"),
        (("--label", "flow"), "it must be 1 or true where a row is anomalous"),
        (("--algorithm", "magic"), "algorithm 'magic' is unknown: take auto, pca"),
        (
            ("--lags", "1000", "--algorithm", "dynamic-pca"),
            "1000 lags of 5 columns are 5005 numbers a window",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_remedy(
    platform: Platform,
    command: Callable[..., Any],
    plant_csv: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    says: str,
) -> None:
    assert platform.http
    command("data", "add", "refused", plant_csv)
    assert run(["train", "anomaly", "--data", "refused", *options]) == 2
    assert re.search(says, capsys.readouterr().err)

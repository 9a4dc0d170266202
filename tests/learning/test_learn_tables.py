"""The tasks `regression` and `classification`: a raw CSV becomes an endpoint with two commands."""

import csv
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROWS = 500
PORTS = ("Southampton", "Cherbourg", "Queenstown")
WORDS = ("cabin", "deck", "upper", "lower", "good", "bad", "was", "in")


def write(path: Path, seed: int) -> None:
    """Passengers: numbers, categories few and many, truth values, dates, free text, holes."""
    generator = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(
            ["name", "sex", "age", "port", "ticket", "boarded", "remark", "crew", "fare (GBP)", "y"]
        )
        for number in range(ROWS):
            sex, port = generator.choice(["male", "female"]), generator.choice(PORTS)
            age, crew = float(generator.uniform(1, 80)), bool(generator.random() < 0.2)
            ticket = int(generator.integers(0, 60))
            day = np.datetime64("1912-04-01") + int(generator.integers(0, 200))
            remark = f"{' '.join(generator.choice(WORDS, 7))} {number % 89} seen"
            fare = 20 + 10 * (port == "Cherbourg") + 0.2 * age + generator.normal(0, 2)
            score = 3 * (sex == "female") - 0.04 * age + crew + generator.normal(0, 0.7)
            lines.writerow(
                [
                    *(f"Mr {number}", sex, "" if generator.random() < 0.15 else round(age, 1)),
                    *(port, f"T{ticket}", day, remark, str(crew).lower(), round(fare, 2)),
                    ("yes" if score > 0 else "no") if generator.random() > 0.01 else "",
                ]
            )


@pytest.fixture(scope="module")
def passengers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "passengers.csv"
    write(path, 0)
    return path


def ask(address: str, key: str, rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401
    """What the plain door answers to raw rows."""
    request = urllib.request.Request(  # noqa: S310 - our own platform
        address,
        json.dumps({"rows": rows}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as said:  # noqa: S310
        return json.load(said)


def test_a_csv_of_passengers_becomes_a_classifier_of_raw_rows_with_two_commands(
    command: Callable[..., Any],
    passengers: Path,
    platform: Any,  # noqa: ANN401
) -> None:
    command("data", "add", "passengers", passengers)
    trained = command(
        "train", "classification", "--data", "passengers", "--target", "y", "--search", "12"
    )
    command("deploy", "passengers@1", "--name", "survival")
    metrics = {(one["name"], one["split"]): one for one in trained["version"]["metrics"]}
    assert metrics["accuracy", "test"]["value"] > 0.75
    assert metrics["accuracy", "test"]["low"] < metrics["accuracy", "test"]["value"]
    candidates = trained["job"]["result"]["candidates"]
    assert len(candidates) >= 4
    assert sum(one["chosen"] for one in candidates) == 1
    assert all(one["nj_to_train"] > 0 for one in candidates)
    assert trained["job"]["receipt"]["energy"]["nj"] > 0
    row = {"sex": "female", "age": 20, "port": "Cherbourg", "ticket": "T4", "crew": True}
    more = {"boarded": "1912-05-01", "remark": "good cabin", "fare (GBP)": 30.0}
    lost = {**row, **more, "sex": "male", "age": None, "port": "Atlantis", "crew": False}
    answer = ask(
        f"{platform.http}/predict/survival",
        (platform.home / "admin.key").read_text().strip(),
        [{**row, **more}, {**lost, "age": 79}],
    )
    assert "yes" in json.dumps(answer)
    assert "no" in json.dumps(answer)


def test_a_csv_of_passengers_becomes_a_regressor_with_an_interval(
    command: Callable[..., Any], passengers: Path
) -> None:
    command("data", "add", "fares", passengers)
    trained = command(
        "train", "regression", "--data", "fares", "--target", "fare (GBP)", "--exclude", "y,remark"
    )
    metrics = {(one["name"], one["split"]): one for one in trained["version"]["metrics"]}
    assert metrics["R2", "test"]["value"] > 0.7
    assert 0.8 < metrics["coverage", "test"]["value"] <= 1.0
    command("deploy", "fares@1", "--name", "fares")


def test_a_column_made_of_the_target_is_refused_with_what_to_do(
    command: Callable[..., Any],
    tmp_path: Path,
) -> None:
    path = tmp_path / "leak.csv"
    lines = ["a,b,y"]
    lines += [f"{one % 17},{one * 3 + 1},{one}" for one in range(200)]
    path.write_text("\n".join(lines) + "\n")
    command("data", "add", "leak", path)
    with pytest.raises(AssertionError, match="column 'b' gives the target 'y' away"):
        command("train", "regression", "--data", "leak", "--target", "y")
    command("train", "regression", "--data", "leak", "--target", "y", "--exclude", "b")

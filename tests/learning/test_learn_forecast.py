"""The task `forecast`: a CSV becomes an endpoint with two commands."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

HORIZON = 24


@pytest.fixture
def load_csv(tmp_path: Path) -> Path:
    """Six weeks of an hourly load with a daily swing."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["time,load"]
    for hour in range(24 * 42):
        swing = math.sin(2 * math.pi * hour / 24)
        noise = ((hour * 7919) % 101) / 101
        lines.append(
            f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{100 + 20 * swing + noise:.3f}"
        )
    path = tmp_path / "load.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_csv_of_a_load_becomes_a_forecasting_endpoint_with_two_commands(
    command: Callable[..., Any], load_csv: Path
) -> None:
    command("data", "add", "load", load_csv)
    trained = command(
        "train", "forecast", "--data", "load", "--target", "load", "--horizon", HORIZON
    )
    command("deploy", "load@1", "--name", "load")
    answer = command("predict", "load")
    forecast = [step for (step,) in answer["outputs"]["mean"][0]]
    expected = [100.5 + 20 * math.sin(2 * math.pi * hour / 24) for hour in range(HORIZON)]
    assert forecast == pytest.approx(expected, abs=2.0)
    assert trained["job"]["receipt"]["energy"]["nj"] > 0

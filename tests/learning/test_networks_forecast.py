"""Networks and statistical models from a CSV to an endpoint, and through a kill."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lichen.data.schema import Column, Dtype, Role
from lichen.data.table import Table
from lichen.protocol.training import NetworkOptions
from lichen.training.forecasts.run import execute
from lichen.training.forecasts.spec import ForecastSpec
from lichen.training.watch import NoGauge, NoWatch, Progress

HORIZON = 24
ASKED = ("--layers", "128,64", "--activation", "relu", "--dropout", "0.2", "--l2", "1e-4")
TRAINED = ("--optimizer", "adam", "--epochs", "10", "--batch-size", "32", "--learning-rate", "1e-3")


@pytest.fixture
def load_csv(tmp_path: Path) -> Path:
    """Six weeks of an hourly load with a daily swing."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["time,load"]
    for hour in range(24 * 42):
        noise = ((hour * 7919) % 101) / 101
        load = 100 + 20 * math.sin(2 * math.pi * hour / 24) + noise
        lines.append(f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{load:.3f}")
    path = tmp_path / "network-load.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [("mlp", (*ASKED, *TRAINED)), ("statsforecast:AutoTheta", ())],
)
def test_a_load_becomes_an_endpoint_with_a_network_or_a_statistical_model(
    command: Callable[..., Any], load_csv: Path, algorithm: str, options: tuple[str, ...]
) -> None:
    name = algorithm.partition(":")[0]
    if name == "statsforecast":
        pytest.importorskip("statsforecast", reason="the extra statsforecast is not installed")
    command("data", "add", name, load_csv)
    wanted = ("--target", "load", "--horizon", HORIZON, "--algorithm", algorithm)
    trained = command("train", "forecast", "--data", name, *wanted, *options)
    assert trained["version"]["algorithm"] == algorithm
    command("deploy", f"{name}@1", "--name", name)
    answer = command("predict", name)
    forecast = [step for (step,) in answer["outputs"]["mean"][0]]
    expected = [100.5 + 20 * math.sin(2 * math.pi * hour / 24) for hour in range(HORIZON)]
    assert forecast == pytest.approx(expected, abs=4.0)
    assert trained["job"]["receipt"]["energy"]["nj"] > 0


@pytest.mark.parametrize("target", ["price", "kind"])
def test_a_table_becomes_an_endpoint_with_the_network_that_was_asked_for(
    command: Callable[..., Any], tmp_path: Path, target: str
) -> None:
    random = np.random.default_rng(5)
    lines = ["area,city,price,kind"]
    for area, city in zip(random.uniform(20, 200, 400), random.integers(0, 3, 400), strict=True):
        price = 1000 * area * (1 + 0.4 * city) + random.normal(0, 3000)
        lines.append(f"{area:.1f},town{city},{price:.0f},{'dear' if price > 130_000 else 'cheap'}")
    path = tmp_path / "homes.csv"
    path.write_text("\n".join(lines) + "\n")
    task, other = ("regression", "kind") if target == "price" else ("classification", "price")
    name = f"homes-{target}"
    command("data", "add", name, path)
    wanted = ("--target", target, "--exclude", other, "--algorithm", "mlp", "--search", "1")
    trained = command("train", task, "--data", name, *wanted, *ASKED, *TRAINED)
    assert trained["version"]["algorithm"] == "mlp"
    command("deploy", f"{name}@1", "--name", name)
    rows = tmp_path / "rows.json"
    rows.write_text('{"rows": [{"area": 190, "city": "town2"}, {"area": 25, "city": "town0"}]}')
    large, small = command("predict", name, "--input", rows)["outputs"]["prediction"]
    if target == "price":
        assert large > 200_000 > 100_000 > small
    else:
        assert (large, small) == ("dear", "cheap")


@dataclass
class CuttingWatch:
    """Wants every checkpoint, and dies at the nth of networks; what it kept stays."""

    dies_at: int
    kept: dict[str, bytes] = field(default_factory=dict)
    saved: int = 0
    cancelled: bool = False
    wants_checkpoint: bool = True

    def report(self, progress: Progress) -> None:
        pass

    def save(self, name: str, body: bytes) -> None:
        self.kept[name] = body
        self.saved += name.startswith("network-")
        if self.saved == self.dies_at:
            raise KeyboardInterrupt

    def load(self, name: str) -> bytes | None:
        return self.kept.get(name)


def hourly(days: int = 40) -> Table:
    random = np.random.default_rng(1)
    hours = np.arange(24 * days)
    load = 50 + 10 * np.sin(2 * np.pi * hours / 24) + random.normal(size=len(hours))
    return Table(
        np.datetime64("2026-01-05", "s") + hours * np.timedelta64(3600, "s"),
        (Column("load", Dtype.NUMBER, "MW", Role.TARGET),),
        {"load": load},
    )


@pytest.mark.parametrize("dies_at", [2, 9, 17])
def test_a_killed_training_of_a_network_goes_on_and_ships_the_same_bytes(dies_at: int) -> None:
    spec = ForecastSpec(
        targets=("load",),
        horizon=HORIZON,
        algorithm="mlp",
        network=NetworkOptions(layers=[8], epochs=3),
    )
    whole = execute(spec, hourly(), NoWatch(), NoGauge())
    watch = CuttingWatch(dies_at)
    with pytest.raises(KeyboardInterrupt):
        execute(spec, hourly(), watch, NoGauge())
    watch.dies_at = 0
    resumed = execute(spec, hourly(), watch, NoGauge())
    assert resumed.files == whole.files
    assert resumed.metrics == whole.metrics


def test_auto_says_why_a_network_is_not_tried() -> None:
    notes = NoWatch()
    execute(ForecastSpec(targets=("load",), horizon=HORIZON), hourly(), notes, NoGauge())
    said = [one.note for one in notes.seen if one.note and one.note.startswith("Multi-layer")]
    assert said
    assert "not tried, trees did not beat the ridge" in said[0]

"""The figures on real data, with fixed settings; the whole search is in `benchmarks/`."""

import csv
from pathlib import Path

import numpy as np
import pytest

from lichen.forecasting.backtest import roll
from lichen.forecasting.declaration import Shape, declared, scaled
from lichen.forecasting.fitting import fit, usual_origins, window_moments_of
from lichen.forecasting.panel import Panel
from lichen.forecasting.ridge import squared_error
from lichen.forecasting.specification import Specification

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def needed(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is absent: the benchmark data is not part of the checkout")
    return path


def test_victoria_with_temperature_within_its_promise() -> None:
    with needed("vic_electricity.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    columns = [[float(row[1]), float(row[2]), float(row[4] == "TRUE")] for row in rows]
    hourly = np.array(columns).reshape(-1, 2, 3).mean(axis=1)
    start = np.datetime64(rows[0][0].rstrip("Z"), "s")
    panel = Panel(start, 3600, hourly[:, :1], hourly[:, 1:])
    test = [row[3] for row in rows[::2]].index("2014-01-01")
    base = Specification(
        targets=("Demand",),
        known=("Temperature", "Holiday"),
        step_seconds=3600,
        horizon=24,
        context=168,
        timezone="Australia/Melbourne",
        start_seconds=0,
    )
    said = declared(scaled(base, panel.until(test)), panel.until(test), Shape(168, 0))
    origins = usual_origins(said, panel, test, panel.rows)
    made = roll(said, panel, 4.0, origins, 168)
    assert len(origins) == 365
    assert 100 * np.abs(made.mean / made.truth - 1).mean() <= 2.25


def test_etth1_at_96_within_its_promise() -> None:
    raw = np.genfromtxt(needed("ETTh1.csv"), delimiter=",", skip_header=1, usecols=range(1, 8))
    train, test, end = 8640, 8640 + 2880, 8640 + 2 * 2880
    values = ((raw - raw[:train].mean(axis=0)) / raw[:train].std(axis=0))[:end]
    panel = Panel(np.datetime64("2016-07-01", "s"), 3600, values, np.empty((end, 0)))
    said = Specification(
        targets=tuple("abcdefg"), step_seconds=3600, horizon=96, context=504, normalisation=24
    )
    weights = fit(said, panel.until(train), (0.03 * train * 7,))
    moments = window_moments_of(said, panel, test, end - 96)
    assert moments.rows == 7 * 2785
    assert squared_error(moments, weights) <= 0.367
    assert squared_error(moments, np.zeros_like(weights)) > 0.5

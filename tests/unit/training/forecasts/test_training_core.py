"""A fitted core and its ONNX answer alike."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.forecasting.fitting import assembled_at
from lichen.forecasting.inputs import restore
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.boosting import BoostingSettings
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.training.forecasts.core import Fitted
from lichen.training.forecasts.trees import Growing, boosted_specification, fit_boosted, step_rows

SMALL = BoostingSettings(trees=20, leaves=7, rows_in_leaf=10)


def panel(series: int = 1, rows: int = 24 * 40) -> Panel:
    random = np.random.default_rng(3)
    hours = np.arange(rows)
    daily = 5 + np.sin(2 * np.pi * hours / 24)[:, None] * np.arange(1, series + 1)
    warm = 20 + 5 * np.cos(2 * np.pi * hours / 24) + random.normal(size=rows)
    values = daily + 0.1 * warm[:, None] + 0.05 * random.normal(size=(rows, series))
    flag = ((hours // 24) % 7 >= 5).astype(np.float64)
    return Panel(np.datetime64("2026-01-05", "s"), 3600, values, np.stack([warm, flag], axis=1))


def specification(start_seconds: int | None, series: int = 1) -> Specification:
    plain = Specification(
        targets=tuple(f"s{number}" for number in range(series)),
        step_seconds=3600,
        horizon=36,
        context=24,
        known=("warm", "flag"),
        start_seconds=start_seconds,
    )
    return boosted_specification(plain, None)


def fit(said: Specification, rows: Panel) -> Fitted:
    origins = np.arange(24 * 8, rows.rows - said.horizon - 48, dtype=np.int64)
    return fit_boosted(said, rows, origins, Growing(SMALL, lambda _: None))


def served(fitted: Fitted, rows: Panel, origins: NDArray[np.int64]) -> NDArray[np.float64]:
    predictor = OnnxPredictor(fitted.core.onnx())
    assembled = assembled_at(fitted.specification, rows, origins)
    raw = predictor.predict(Batch({INPUT: assembled.features}))[OUTPUT]
    return restore(fitted.specification, assembled, raw)


@pytest.mark.parametrize(("start_seconds", "series"), [(0, 1), (None, 1), (0, 3)])
def test_the_served_trees_are_the_fitted_trees_at_any_start(
    start_seconds: int | None, series: int
) -> None:
    rows = panel(series)
    fitted = fit(specification(start_seconds, series), rows)
    origins = np.arange(rows.rows - 36 - 30, rows.rows - 36, dtype=np.int64)
    assert np.abs(served(fitted, rows, origins) - fitted.forecast(rows, origins)).max() < 1e-5


def test_the_trees_beat_the_day_before_at_usual_and_unusual_starts() -> None:
    rows = panel()
    fitted = fit(specification(0), rows)
    midnight = np.arange(24 * 33, 24 * 38, 24, dtype=np.int64)
    for origins in (midnight, midnight + 7):
        ahead = origins[:, None] + np.arange(36)
        truth = rows.values[ahead]
        before = rows.values[np.where(np.arange(36) < 24, ahead - 24, ahead - 48)]
        missed = np.abs(fitted.forecast(rows, origins) - truth).mean()
        assert missed < 0.9 * np.abs(before - truth).mean()


def test_two_fits_give_the_same_bytes() -> None:
    rows = panel()
    said = specification(0)
    assert fit(said, rows).core.onnx() == fit(said, rows).core.onnx()


def test_no_forecast_gives_an_empty_array() -> None:
    rows = panel()
    nothing = np.empty(0, dtype=np.int64)
    assert fit(specification(None), rows).forecast(rows, nothing).shape == (0, 36, 1)


def test_a_step_row_holds_its_own_hour_on_the_days_before() -> None:
    said = specification(None)
    context = said.context
    features = np.arange(1000, dtype=np.float32)[None]
    columns = step_rows(said).columns
    wanted = [context - 24 * day for day in range(1, 8)]
    assert features[0, columns[0, 3:10]].tolist() == wanted
    later = [context + 30 - 24 * day for day in range(2, 8)]
    assert features[0, columns[30, 3:9]].tolist() == later


def test_a_step_row_mixes_in_its_step_and_the_weekday() -> None:
    rows = panel()
    said = specification(None)
    monday_five = np.array([24 * 14 + 5], dtype=np.int64)
    expanded = step_rows(said).expand(assembled_at(said, rows, monday_five).features)
    step, sine, cosine, weekday = expanded[:, -4:].T
    assert step.tolist() == list(range(36))
    assert weekday.tolist() == [0] * 36
    hour = 2 * np.pi * (5 + np.arange(36)) / 24
    assert np.abs(sine - 256 * np.sin(hour)).max() <= 0.51
    assert np.abs(cosine - 256 * np.cos(hour)).max() <= 0.51

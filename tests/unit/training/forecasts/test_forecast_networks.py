"""Networks beside a ridge: what is served is what was fitted, and it bends where a ridge cannot."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.forecasting.declaration import Shape, declared
from lichen.forecasting.fitting import assembled_at
from lichen.forecasting.inputs import restore
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.networks.training import Attendance
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.protocol.training import NetworkOptions
from lichen.training.forecasts.core import Fitted, LinearCore
from lichen.training.forecasts.networks import (
    Lesson,
    dense,
    fit_network,
    patch_transformer,
)

QUICK = NetworkOptions(layers=[16], epochs=4, learning_rate=3e-3, batch_size=32)


def panel(series: int = 1, rows: int = 24 * 60) -> Panel:
    """A load that rises with both heat and cold: curved in its covariate."""
    random = np.random.default_rng(3)
    hours = np.arange(rows)
    warm = np.repeat(random.uniform(-6, 6, -(-rows // 24)), 24)[:rows]  # the same all day
    daily = 20 + np.sin(2 * np.pi * hours / 24)[:, None] * np.arange(1, series + 1)
    values = daily + 0.1 * warm[:, None] ** 2 + 0.02 * random.normal(size=(rows, series))
    return Panel(np.datetime64("2026-01-05", "s"), 3600, values, warm[:, None])


def specification(rows: Panel, start_seconds: int | None, series: int = 1) -> Specification:
    plain = Specification(
        targets=tuple(f"s{number}" for number in range(series)),
        step_seconds=3600,
        horizon=24,
        context=24,
        known=("warm",),
        start_seconds=start_seconds,
    )
    return declared(plain, rows, Shape(48, 24, knots=0, past_blocks=4))


def origins(rows: Panel) -> NDArray[np.int64]:
    return np.arange(48, rows.rows - 24 * 12, dtype=np.int64)


def fit(said: Specification, rows: Panel, options: NetworkOptions = QUICK) -> Fitted:
    lesson = Lesson(options, (1.0,) * (1 if said.start_seconds is None else 2), 0)
    return fit_network(dense(options, said), said, rows, origins(rows), lesson, Attendance())


def served(fitted: Fitted, rows: Panel, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    predictor = OnnxPredictor(fitted.core.onnx())
    assembled = assembled_at(fitted.specification, rows, starts)
    raw = predictor.predict(Batch({INPUT: assembled.features}))[OUTPUT]
    return restore(fitted.specification, assembled, raw)


@pytest.mark.parametrize(("start_seconds", "series"), [(0, 1), (None, 1), (0, 2)])
def test_the_served_network_is_the_fitted_one_at_any_start(
    start_seconds: int | None, series: int
) -> None:
    rows = panel(series)
    fitted = fit(specification(rows, start_seconds, series), rows)
    starts = np.arange(rows.rows - 60, rows.rows - 30, dtype=np.int64)
    assert np.abs(served(fitted, rows, starts) - fitted.forecast(rows, starts)).max() < 1e-4


def test_a_patch_transformer_sees_the_window_of_either_part() -> None:
    rows = panel()
    said = specification(rows, 0)
    options = NetworkOptions(epochs=1, batch_size=64)
    structure = patch_transformer(options, said)
    lesson = Lesson(options, (1.0, 1.0), 0)
    fitted = fit_network(structure, said, rows, origins(rows), lesson, Attendance())
    starts = np.arange(rows.rows - 60, rows.rows - 30, dtype=np.int64)
    before = fitted.forecast(rows, starts)
    assert np.abs(served(fitted, rows, starts) - before).max() < 1e-4
    matrix = fitted.core.weights["0.shortcut.0.weight"].T  # type: ignore[attr-defined]
    linear = Fitted(said, LinearCore(matrix)).forecast(rows, starts)
    assert (np.abs(before - linear).max(axis=(1, 2)) > 0).all()


def test_it_bends_where_the_ridge_beside_it_cannot() -> None:
    rows = panel(rows=24 * 200)
    said = specification(rows, 0)
    options = NetworkOptions(
        layers=[32], epochs=15, learning_rate=5e-3, batch_size=32, dropout=0.0, l2=1e-4
    )
    fitted = fit(said, rows, options)
    matrix = fitted.core.weights["0.shortcut.0.weight"].T  # type: ignore[attr-defined]
    ridge = Fitted(said, LinearCore(matrix))
    starts = np.arange(rows.rows - 24 * 11, rows.rows - 24, 24, dtype=np.int64)
    truth = rows.values[starts[:, None] + np.arange(24)]
    own, its = (np.abs(one.forecast(rows, starts) - truth).mean() for one in (fitted, ridge))
    assert own < 0.8 * its


def test_two_fits_give_the_same_bytes_and_patience_holds_the_last_rows_back() -> None:
    rows = panel()
    said = specification(rows, 0)
    assert fit(said, rows).core.onnx() == fit(said, rows).core.onnx()
    patient = NetworkOptions(layers=[16], epochs=40, learning_rate=0.05, patience=1)
    stopped = fit(said, rows, patient).core
    assert 0 < len(stopped.validation_losses) < 40  # type: ignore[attr-defined]


def test_an_option_that_cannot_be_is_refused() -> None:
    rows = panel()
    with pytest.raises(InvalidInput, match="dropout is 2"):
        fit(specification(rows, 0), rows, NetworkOptions(dropout=2.0))

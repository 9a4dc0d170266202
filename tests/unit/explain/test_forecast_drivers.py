"""Drivers of a forecast: they sum, in the own space and in megawatts, and find the cause."""

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.forecasts import DAY, TRAILING, WEEK, ForecastExplainer, forecast_explainer
from lichen.forecasting.declaration import Shape, declared, scaled
from lichen.forecasting.fitting import fit
from lichen.forecasting.naive import seasonal
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.onnx_writer import INPUT, OUTPUT, _model, linear_core
from lichen.protocol.explaining import Explanation
from lichen.serving.forecaster import ForecastAdapter

HORIZON, DAYS = 24, 120


@cache
def panel() -> Panel:
    """A load of two towns that goes by temperature, weekday and hour."""
    random = np.random.default_rng(2)
    hours = np.arange(24 * DAYS + HORIZON)
    day = hours // 24
    warm = 15 + 8 * np.sin(hours / 900) + 4 * np.sin(2 * np.pi * hours / 24)
    warm += np.repeat(random.normal(0, 4, len(hours) // 24), 24)
    off = (day % 17 == 3).astype(float)
    base = 5000 + 600 * np.sin(2 * np.pi * (hours - 8) / 24) - 500 * (day % 7 >= 5) - 400 * off
    load = base + 60 * np.maximum(warm - 20, 0) + random.normal(0, 30, len(hours))
    values = np.stack([load, 0.3 * load + random.normal(0, 20, len(hours))], axis=1)
    known = np.stack([warm, off], axis=1)
    return Panel(np.datetime64("2026-01-05T00:00:00", "s"), 3600, values, known)


def plain(**more: Any) -> Specification:  # noqa: ANN401
    said: dict[str, Any] = {
        "targets": ("load", "town"),
        "units": ("MW", "MW"),
        "step_seconds": 3600,
        "horizon": HORIZON,
        "context": 168,
        "known": ("temperature", "holiday"),
        "start_seconds": 0,
    }
    return Specification(**(said | more))


def version(said: Specification, core: bytes) -> LoadedVersion:
    table = np.zeros((1, said.horizon, len(said.targets), len(said.levels)), dtype=np.float32)
    packed = io.BytesIO()
    np.save(packed, table)
    files = {
        "model.onnx": core,
        "forecast.json": msgspec.json.encode(said),
        "quantiles.npy": packed.getvalue(),
    }
    outputs = (TensorSpec("mean", Datatype.FP32, (-1, said.horizon, len(said.targets))),)
    return LoadedVersion(ForecastAdapter().load(files, Signature((), outputs)), files)


@cache
def ridge(*, logarithm: bool = True, start: int | None = 0) -> LoadedVersion:
    fitted = panel().until(24 * (DAYS - 10))
    shape = Shape(168, 168)
    said = scaled(plain(start_seconds=start), fitted, positive=logarithm)
    said = declared(said, fitted, shape)
    return version(said, linear_core(fit(said, fitted, [10.0] * (1 if start is None else 2))))


@cache
def bent() -> LoadedVersion:
    """A core that no matrix is: the ridge through a hyperbolic tangent."""
    own = ridge()
    said = msgspec.json.decode(own.files["forecast.json"], type=Specification)
    weights = fit(said, panel().until(24 * (DAYS - 10)), [10.0, 10.0])
    kept = [numpy_helper.from_array(weights.astype(np.float32), "weights")]
    nodes = [
        helper.make_node("MatMul", [INPUT, "weights"], ["flat"]),
        helper.make_node("Tanh", ["flat"], [OUTPUT]),
    ]
    return version(said, _model(nodes, kept, features=len(weights), horizon=HORIZON))


def asked(own: LoadedVersion, hour: int = 24 * (DAYS - 5), *, past: bool = True) -> Batch:
    said = msgspec.json.decode(own.files["forecast.json"], type=Specification)
    data = panel()
    arrays = {
        "history": data.values[None, hour - said.context : hour, : len(said.targets)],
        "start": np.array([str(data.time_of(np.array([hour]))[0]).encode() + b"Z"], dtype=object),
    }
    if said.known:
        arrays["known"] = data.known[None, hour : hour + HORIZON]
        if past and said.past:
            arrays["past"] = data.known[None, hour - said.past : hour]
    return Batch(arrays)


def explained(own: LoadedVersion, rows: Batch, **wishes: Any) -> Explanation:  # noqa: ANN401
    explainer = forecast_explainer(own)
    assert isinstance(explainer, ForecastExplainer)
    return explainer.explain(rows, Wishes(**wishes))


MODELS: dict[str, Callable[[], LoadedVersion]] = {
    "logarithm": ridge,
    "plain": lambda: ridge(logarithm=False),
    "from any start": lambda: ridge(start=None),
    "bent": bent,
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("baseline", [None, TRAILING, DAY, WEEK])
@pytest.mark.parametrize("hour", [24 * (DAYS - 5), 24 * (DAYS - 5) + 7])
def test_drivers_sum_to_the_forecast_less_its_reference(
    model: str, baseline: str | None, hour: int
) -> None:
    own = MODELS[model]()
    rows = asked(own, hour)
    found = explained(own, rows, baseline=baseline)
    served = own.predictor.predict(rows)["mean"][0]
    assert len(found.rows) == 2
    for at, row in enumerate(found.rows):
        assert len(row.attributions) == HORIZON
        for step, one in enumerate(row.attributions):
            assert one.output == f"{('load', 'town')[at]} +{step + 1}"
            assert one.prediction == pytest.approx(served[step, at], rel=1e-6)
            assert one.base + sum(one.contributions) == pytest.approx(one.prediction, rel=1e-6)
            inner = one.inner
            assert inner is not None
            assert inner.base + sum(inner.contributions) == pytest.approx(
                inner.prediction, abs=1e-6 * max(1, abs(inner.prediction))
            )
    assert found.largest_error < 0.01


def test_the_reference_is_the_same_hours_before() -> None:
    own = ridge()
    rows = asked(own)
    for baseline, hours in ((DAY, 24), (WEEK, 168)):
        found = explained(own, rows, baseline=baseline, output="load")
        (row,) = found.rows
        told = [one.base for one in row.attributions]
        history = rows["history"][0, :, 0]
        assert told == pytest.approx(history[len(history) - hours :][:24], rel=1e-9)


def test_a_hot_day_is_told_by_its_temperature() -> None:
    own = ridge()
    rows = asked(own)
    hot = dict(rows.arrays)
    hot["known"] = hot["known"].copy()
    hot["known"][..., 0] += 12
    usual, warm = (explained(own, one, output="load").rows[0] for one in (rows, Batch(hot)))
    names = [part.column for part in warm.parts]
    at = names.index("temperature")
    changed = np.array([one.contributions for one in warm.attributions]) - np.array(
        [one.contributions for one in usual.attributions]
    )
    assert names[int(np.abs(changed).sum(axis=0).argmax())] == "temperature"
    assert changed[:, at].sum() > 24 * 100
    cell = usual.parts[at].value
    assert isinstance(cell, float)
    assert warm.parts[at].value == pytest.approx(cell + 12)


def test_a_holiday_takes_the_place_of_the_weekday() -> None:
    own = ridge()
    rows = asked(own)
    off = dict(rows.arrays)
    off["known"] = off["known"].copy()
    off["known"][..., 1] = 1
    names = [part.column for part in explained(own, Batch(off)).rows[0].parts]
    assert "holiday" in names
    assert "weekday" not in names
    assert "weekday" in [part.column for part in explained(own, rows).rows[0].parts]


def test_the_seasonal_guard_is_told_by_the_day_that_it_repeats() -> None:
    said, weights = seasonal(plain(known=(), start_seconds=None), 24)
    own = version(said, linear_core(weights))
    found = explained(own, asked(own), baseline=DAY)
    for row in found.rows:
        for one in row.attributions:
            assert np.abs(one.contributions).max() < 1e-6 * one.prediction


def test_steps_and_targets_alone_are_those_of_all() -> None:
    own = bent()
    rows = asked(own)
    whole = explained(own, rows)
    part = explained(own, rows, step=5, output="town")
    assert [row.attributions for row in part.rows] == [[whole.rows[1].attributions[4]]]
    assert whole.model_runs > part.model_runs > 32


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"step": 0}, "step 0 is out of range: this model forecasts steps 1 to 24"),
        ({"step": 25}, "step 25 is out of range"),
        ({"baseline": "blur"}, "baseline 'blur' is none of forecasts"),
        ({"output": "rain"}, "there are load, town"),
        ({"samples": 3}, "samples is 3"),
    ],
)
def test_what_does_not_fit_is_refused_by_a_sentence(wishes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        explained(ridge(), asked(ridge()), **wishes)


def test_a_season_longer_than_the_history_is_refused() -> None:
    said, weights = seasonal(plain(known=(), start_seconds=None), 24)
    own = version(said, linear_core(weights))
    with pytest.raises(InvalidInput, match="this model looks at 24 rows, and week-before is 168"):
        explained(own, asked(own), baseline=WEEK)

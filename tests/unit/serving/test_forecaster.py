"""A forecaster's own checks: times, values, files."""

import io
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.forecasting.inputs import feature_count
from lichen.forecasting.specification import Specification
from lichen.frameworks.onnx_writer import linear_core
from lichen.serving.admission import Admission
from lichen.serving.forecaster import ForecastAdapter, ForecastPredictor
from lichen.training.forecasts.signature import forecast_signature

SAID = Specification(
    targets=("load",), units=("GW",), step_seconds=3600, horizon=3, context=4, logarithm=True
)


def npy(values: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, values)
    return written.getvalue()


def files(said: Specification = SAID) -> dict[str, bytes]:
    weights = np.zeros((feature_count(said), said.horizon))
    weights[said.context - 1] = 1.0  # tomorrow is as the last hour was
    residuals = np.linspace(-0.1, 0.1, 9, dtype=np.float32) * np.ones(
        (1, said.horizon, 1, 1), dtype=np.float32
    )
    return {
        "model.onnx": linear_core(weights),
        "forecast.json": msgspec.json.encode(said),
        "quantiles.npy": npy(residuals),
    }


def predictor(said: Specification = SAID) -> ForecastPredictor:
    return ForecastAdapter().load(files(said), forecast_signature(said))


def inputs(start: bytes = b"2026-01-01T00:00:00Z", value: float = 2.0) -> dict[str, Array]:
    history = np.array([[[1.0], [3.0], [5.0], [value]]], dtype=np.float32)
    return {"history": history, "start": np.array([start], dtype=np.object_)}


def test_a_forecast_with_its_quantiles() -> None:
    answer = predictor().predict(Batch(inputs()))
    np.testing.assert_allclose(answer["mean"], np.full((1, 3, 1), 2.0), rtol=1e-5)
    quantiles = answer["quantiles"]
    assert quantiles.shape == (1, 3, 1, 9)
    assert (np.diff(quantiles, axis=-1) > 0).all()
    np.testing.assert_allclose(quantiles[..., 4], answer["mean"], rtol=1e-5)


@pytest.mark.parametrize("start", [b"2026-01-01T01:00:00+01:00", b"2025-12-31T18:30:00-05:30"])
def test_a_start_is_a_moment_whatever_its_offset(start: bytes) -> None:
    same = predictor().predict(Batch(inputs()))["mean"]
    np.testing.assert_array_equal(predictor().predict(Batch(inputs(start)))["mean"], same)


@pytest.mark.parametrize("start", [b"", b"tomorrow", b"2026-01-01T00:00:00", b"\xff", b"12"])
def test_a_start_that_is_no_time_is_refused(start: bytes) -> None:
    with pytest.raises(InvalidInput, match="start"):
        predictor().predict(Batch(inputs(start)))


def test_history_is_checked() -> None:
    admission = Admission(predictor().signature)
    with pytest.raises(InvalidInput, match=r"input 'history' holds NaN at position \[0, 3, 0\]"):
        admission.check(inputs(value=np.nan))
    with pytest.raises(InvalidInput, match="not positive"):
        predictor().predict(Batch(inputs(value=-1.0)))


@pytest.mark.parametrize("name", ["model.onnx", "forecast.json", "quantiles.npy"])
def test_a_missing_or_broken_file_is_refused(name: str) -> None:
    signature = forecast_signature(SAID)
    whole = files()
    with pytest.raises(InvalidInput, match=name):
        ForecastAdapter().load({key: whole[key] for key in whole if key != name}, signature)
    with pytest.raises(InvalidInput):
        ForecastAdapter().load({**whole, name: b"broken"}, signature)


def test_a_pickled_table_is_never_read() -> None:
    written = io.BytesIO()
    np.save(written, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    broken = {**files(), "quantiles.npy": written.getvalue()}
    with pytest.raises(InvalidInput, match="cannot be read"):
        ForecastAdapter().load(broken, forecast_signature(SAID))


def test_a_table_of_another_model_is_refused() -> None:
    other = replace(SAID, horizon=5)
    mixed = {**files(), "quantiles.npy": files(other)["quantiles.npy"]}
    with pytest.raises(InvalidInput, match=r"quantiles.npy has shape \[1, 5, 1, 9\]"):
        ForecastAdapter().load(mixed, forecast_signature(SAID))
    with pytest.raises(InvalidInput, match="signature"):
        ForecastAdapter().load(files(), None)

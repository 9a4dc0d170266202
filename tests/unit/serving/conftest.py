"""A forecaster small enough to know what it says: the last hour again, give or take 0.1."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from lichen.forecasting.inputs import feature_count
from lichen.forecasting.specification import Specification
from lichen.frameworks.onnx_writer import linear_core
from lichen.serving.forecaster import ForecastAdapter, ForecastPredictor
from lichen.training.forecasts.signature import forecast_signature

SAID = Specification(targets=("load",), units=("GW",), step_seconds=3600, horizon=3, context=4)


def persistence(**changed: Any) -> ForecastPredictor:  # noqa: ANN401 - any field
    said = replace(SAID, **changed)
    weights = np.zeros((feature_count(said), said.horizon))
    weights[said.context - 1] = 1.0
    if said.start_seconds is not None:
        weights[feature_count(said) // 2 + said.context - 1] = 1.0
    shape = (1 if said.start_seconds is None else 2, said.horizon, len(said.targets), 1)
    table = np.linspace(-0.1, 0.1, 9, dtype=np.float32) * np.ones(shape, dtype=np.float32)
    written = io.BytesIO()
    np.save(written, table)
    files = {
        "model.onnx": linear_core(weights),
        "forecast.json": msgspec.json.encode(said),
        "quantiles.npy": written.getvalue(),
    }
    return ForecastAdapter().load(files, forecast_signature(said))


@pytest.fixture
def forecaster() -> Callable[..., ForecastPredictor]:
    """Makes one; keywords change its specification."""
    return persistence

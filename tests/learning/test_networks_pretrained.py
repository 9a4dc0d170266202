"""A pretrained model of time series, served as ONNX like any forecaster."""

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.frameworks.fracast import FracastCore
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

pytest.importorskip("fracast", reason="the extra fracast is not installed")


@pytest.mark.parametrize("context", [240, 2048])
def test_as_onnx_it_forecasts_what_the_package_does(context: int) -> None:
    from fracast import FracastModel  # noqa: PLC0415 - where it is installed

    steps = np.arange(6000)
    random = np.random.default_rng(0)
    series = 50 + 10 * np.sin(2 * np.pi * steps / 24) + 3 * np.sin(2 * np.pi * steps / 168)
    series = (series + random.normal(size=len(steps))).astype(np.float32)
    starts = np.arange(2048, 5900, 401)
    windows = np.stack([series[start - context : start] for start in starts])
    features = np.column_stack([windows, np.ones(len(windows), dtype=np.float32)])
    core = FracastCore(context, 24)
    body = core.onnx()
    served = OnnxPredictor(body).predict(Batch({INPUT: features}))[OUTPUT]
    said = FracastModel.from_pretrained(weights="fp32").forecast_batch(windows, horizon=24)
    assert np.allclose(served, said[:, :, 4], rtol=1e-4)
    assert np.allclose(served, core.raw(features), rtol=1e-5)
    truth = np.stack([series[start : start + 24] for start in starts])
    assert np.abs(served - truth).mean() < 2.5
    assert FracastCore(context, 24).onnx() == body

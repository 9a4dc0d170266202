"""Every predictor through the same tests: forms, rows, order, warm-up, closing."""

import io
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from lichen.core.batch import DATATYPE_OF_NUMPY, Array, Batch
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.forecasting.inputs import feature_count
from lichen.forecasting.specification import Feature, Kind, Specification
from lichen.frameworks.base import Predictor
from lichen.frameworks.function import FunctionPredictor
from lichen.frameworks.onnx import OnnxAdapter
from lichen.frameworks.onnx_writer import linear_core
from lichen.serving.forecaster import ForecastAdapter
from lichen.training.signature import forecast_signature


def function_predictor() -> Predictor:
    signature = Signature(
        (TensorSpec("x", Datatype.FP64, (-1, 3)), TensorSpec("t", Datatype.BYTES, (-1,))),
        (TensorSpec("y", Datatype.FP64, (-1,)),),
    )
    return FunctionPredictor(signature, lambda inputs: {"y": inputs["x"].sum(axis=1)})


def onnx_predictor() -> Predictor:
    weights = np.random.default_rng(1).normal(size=(6, 4))
    return OnnxAdapter().load({"model.onnx": linear_core(weights)}, None)


def forecaster(known: tuple[str, ...] = (), features: tuple[Feature, ...] = ()) -> Predictor:
    specification = Specification(
        targets=("load", "price"),
        step_seconds=3600,
        horizon=24,
        context=48,
        normalisation=24,
        centres=(1.0, 2.0),
        scales=(2.0, 1.0),
        known=known,
        features=features,
    )
    weights = np.random.default_rng(2).normal(size=(feature_count(specification), 24)) / 50
    residuals = np.linspace(-1, 1, 9) * np.ones((1, 24, 2, 1))
    files = {
        "model.onnx": linear_core(weights),
        "forecast.json": msgspec.json.encode(specification),
        "quantiles.npy": as_npy(residuals),
    }
    return ForecastAdapter().load(files, forecast_signature(specification))


def forecaster_with_known() -> Predictor:
    past = Feature(Kind.PAST, "temperature", lengths=(24, 6))
    return forecaster(("temperature",), (past, Feature(Kind.WEEKDAY)))


def as_npy(values: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, values.astype(np.float32))
    return written.getvalue()


@pytest.fixture(
    params=[function_predictor, onnx_predictor, forecaster, forecaster_with_known],
    ids=lambda make: make.__name__,
)
def predictor(request: pytest.FixtureRequest) -> Predictor:
    make: Callable[[], Predictor] = request.param
    return make()


def varied(predictor: Predictor, rows: int) -> Batch:
    """The example with numbers that differ from row to row."""
    random = np.random.default_rng(rows)
    example = predictor.example(rows).arrays
    return Batch(
        {
            name: random.uniform(1, 2, values.shape).astype(values.dtype)
            if values.dtype.kind == "f"
            else values
            for name, values in example.items()
        }
    )


@pytest.mark.parametrize("rows", [1, 3])
def test_examples_have_the_form_of_the_signature(predictor: Predictor, rows: int) -> None:
    example = predictor.example(rows)
    assert set(example) == {spec.name for spec in predictor.signature.inputs}
    for spec in predictor.signature.inputs:
        values = example[spec.name]
        assert DATATYPE_OF_NUMPY[values.dtype] is spec.datatype
        assert values.shape == (rows, *spec.shape[1:])


@pytest.mark.parametrize("rows", [1, 5])
def test_answers_have_the_form_of_the_signature(predictor: Predictor, rows: int) -> None:
    answer = predictor.predict(varied(predictor, rows))
    assert set(answer) == {spec.name for spec in predictor.signature.outputs}
    for spec in predictor.signature.outputs:
        values = answer[spec.name]
        assert DATATYPE_OF_NUMPY[values.dtype] is spec.datatype
        assert values.shape == (rows, *spec.shape[1:])
        assert np.isfinite(values).all()


def test_rows_that_may_be_joined_get_what_they_get_alone(predictor: Predictor) -> None:
    assert predictor.joins_rows
    together = varied(predictor, 4)
    answers = predictor.predict(together)
    for row in range(4):
        alone = predictor.predict(
            Batch({name: values[row : row + 1] for name, values in together.items()})
        )
        for name, values in alone.items():
            np.testing.assert_allclose(values[0], answers[name][row], rtol=1e-5, atol=1e-6)


def test_inputs_are_left_as_they_were(predictor: Predictor) -> None:
    batch = varied(predictor, 2)
    before = {name: values.copy() for name, values in batch.items()}
    predictor.predict(batch)
    for name, values in before.items():
        np.testing.assert_array_equal(values, batch[name])
    predictor.close()

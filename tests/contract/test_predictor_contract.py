"""Every predictor through the same tests: forms, rows, order, warm-up, closing."""

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lichen.core.batch import DATATYPE_OF_NUMPY, Array, Batch
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.forecasting.inputs import feature_count
from lichen.forecasting.specification import Feature, Kind, Specification
from lichen.frameworks.base import Predictor
from lichen.frameworks.detection.components import Components
from lichen.frameworks.detection.detector import Window
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.function import FunctionPredictor
from lichen.frameworks.kernel import kernel
from lichen.frameworks.language.residents import RUNTIME_FILE, runtime_file
from lichen.frameworks.language.subwords import subword_files
from lichen.frameworks.onnx import OnnxAdapter, OnnxPredictor
from lichen.frameworks.onnx_trees import ForestTables, read_forest
from lichen.frameworks.onnx_writer import linear_core
from lichen.frameworks.openvino import OpenVinoPredictor, core
from lichen.frameworks.openvino_ir import IrAdapter
from lichen.frameworks.recommender_writer import Recommender, recommender_model
from lichen.frameworks.runtimes import Choice, Runtimes
from lichen.frameworks.trees import TreePredictor
from lichen.pipeline.declaration import (
    Alarm,
    Classes,
    Codes,
    Moment,
    Number,
    OneHot,
    Pipeline,
    Ranking,
    Value,
    Words,
)
from lichen.pipeline.encoding import feature_count as feature_width
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.serving.charging import NoMetering
from lichen.serving.forecaster import ForecastAdapter
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.starting import GuestRules, Guests
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.forecasts.signature import forecast_signature


def function_predictor() -> Predictor:
    signature = Signature(
        (TensorSpec("x", Datatype.FP64, (-1, 3)), TensorSpec("t", Datatype.BYTES, (-1,))),
        (TensorSpec("y", Datatype.FP64, (-1,)),),
    )
    return FunctionPredictor(signature, lambda inputs: {"y": inputs["x"].sum(axis=1)})


def onnx_predictor() -> Predictor:
    weights = np.random.default_rng(1).normal(size=(6, 4))
    return OnnxAdapter().load({"model.onnx": linear_core(weights)}, None)


def forest() -> bytes:
    """Eight stumps, and a logistic link."""
    trees = 8
    leaf = np.tile([False, True, True], trees)
    random = np.random.default_rng(3)
    return forest_model(
        ForestTables(
            tree=np.repeat(np.arange(trees), 3),
            node=np.tile(np.arange(3), trees),
            feature=np.where(leaf, -1, random.integers(0, 4, 3 * trees)),
            threshold=random.uniform(1, 2, 3 * trees).astype(np.float32),
            left=np.tile([1, 0, 0], trees),
            right=np.tile([2, 0, 0], trees),
            missing_left=~leaf,
            value=random.normal(size=3 * trees).astype(np.float32),
            target=np.zeros(3 * trees, dtype=np.int64),
            base=np.ones(1),
            is_strict=True,
            link="logistic",
        ),
        width=4,
    )


def onnx_forest() -> Predictor:
    return OnnxPredictor(forest())


def compiled_forest() -> Predictor:
    first, read = onnx_forest(), read_forest(forest())
    assert read is not None
    folder = Path(tempfile.gettempdir(), f"lichen-contract-{os.getuid()}")
    return TreePredictor(read, first.signature, first.example(1), kernel(folder))


def openvino_predictor() -> Predictor:
    content = linear_core(np.random.default_rng(1).normal(size=(6, 4)))
    return OpenVinoPredictor(content, OnnxPredictor(content))


def openvino_model() -> Predictor:
    """The same as OpenVINO keeps it."""
    content = linear_core(np.random.default_rng(1).normal(size=(6, 4)))
    folder = Path(tempfile.mkdtemp())
    read = core().read_model(content)
    import openvino  # type: ignore[import-untyped]  # noqa: PLC0415 - `core` imports it first

    openvino.save_model(read, folder / "m.xml", compress_to_fp16=False)
    names = {"model.xml": "m.xml", "model.bin": "m.bin"}
    return IrAdapter().load(
        {kept: (folder / one).read_bytes() for kept, one in names.items()}, None
    )


def runtimes_by_size() -> Predictor:
    forms = {"onnxruntime": onnx_predictor(), "openvino": openvino_predictor()}
    return Runtimes(forms, (Choice(2, "openvino"), Choice(None, "onnxruntime")))


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


def pipeline_predictor() -> Predictor:
    """Raw rows of every kind, a linear core, and classes with sets."""
    pipeline = Pipeline(
        encoders=[
            Number(column="size", centre=1.5, scale=0.5, low=0),
            Number(column="wet", is_boolean=True, fill=0, flags_missing=True, may_lack=True),
            OneHot(column="kind", values=["air", "water"]),
            Codes(column="site", values=["a", "b"], numbers=[0.5, -0.5], other=0.0),
            Moment(column="at", parts=["month", "elapsed"], scales=[(0, 1), (0, 1), (5000, 1000)]),
            Words(column="said", terms=["odour", "smoke"], weights=[1.0, 2.0]),
        ],
        head=Classes(labels=["fine", "poor", "bad"], set_threshold=0.2),
    )
    weights = np.random.default_rng(4).normal(size=(feature_width(pipeline), 3))
    files = {"model.onnx": linear_core(weights), **pipeline_files(pipeline)}
    return PipelineAdapter().load(files, pipeline_signature(pipeline))


def pipeline_over_compiled_trees() -> Predictor:
    pipeline = Pipeline(
        encoders=[Number(column=name, may_lack=True) for name in "abcd"],
        head=Value(half_width=0.5, unit="mg/l"),
    )
    files = {"model.onnx": forest(), **pipeline_files(pipeline)}
    return PipelineAdapter(lambda _: compiled_forest()).load(files, None)


def as_npy(values: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, values.astype(np.float32))
    return written.getvalue()


CUSTOM = b"""
class Custom:
    inputs = [("x", "FP64", [-1, 3]), ("t", "BYTES", [-1]), ("b", "BOOL", [-1, 1, 2])]
    outputs = [("y", "FP64", [-1]), ("n", "INT32", [-1, 2])]
    def preprocess(self, inputs):
        inputs["x"] *= 2.0
        return inputs
    def predict(self, inputs):
        return {"y": inputs["x"].sum(axis=1), "n": inputs["b"].sum(axis=1, dtype="i4")}
"""


def guests() -> Guests:
    """Guests of this test; the folder goes with the last of them."""
    folder = Path(tempfile.mkdtemp())
    rules = GuestRules(is_custom_allowed=True)
    return Guests(folder, Environments(folder, {}), NoMetering(), rules)


def subwords() -> dict[str, bytes]:
    """A small model of fastText, which a runtime of ours serves."""
    random = np.random.default_rng(8)
    words = ["river", "water", "coal"]
    vectors, parts = (random.normal(size=(n, 4)).astype(np.float32) for n in (3, 20))
    return {RUNTIME_FILE: runtime_file("fasttext"), **subword_files(words, vectors, parts, (2, 3))}


def alarm_predictor() -> Predictor:
    """Windows of raw rows, a plane that usual ones lie near, and an alarm with contributions."""
    lags, width = 2, 3
    usual = np.random.default_rng(5).normal(size=(60, (lags + 1) * width)).astype(np.float32)
    fitted = Components(0.8).fit(usual, 0, lambda: None)
    thresholds = np.array([9.0, 4.0])
    around = Window(lags, *(np.full(width, one) for one in (0.0, -1e6, 1e6, 0.0, 1.0)))
    columns = ["a", "b", "c"]
    head = Alarm(statistics=["T2", "SPE"], thresholds=thresholds.tolist(), columns=columns)
    pipeline = Pipeline(head=head, tensor="window")
    takes = TensorSpec(
        "window", Datatype.FP64, (-1, lags + 1, width), columns=tuple(columns), missing=True
    )
    files = {
        "model.onnx": fitted.onnx(thresholds, around),
        "pipeline.json": msgspec.json.encode(pipeline),
    }
    return PipelineAdapter().load(files, pipeline_signature(pipeline, takes))


def ranking_predictor() -> Predictor:
    """Users by name, and a ranking of what each did not take."""
    random = np.random.default_rng(6)
    taken = np.array([0, 3, 1])
    core = Recommender(
        users=random.normal(size=(3, 4)).astype(np.float32),
        items=random.normal(size=(5, 4)).astype(np.float32),
        starts=np.array([0, 2, 3, 3]),
        taken=taken,
    )
    user = Codes(column="user", values=["u0", "u1"], numbers=[0.0, 1.0], other=2.0, may_lack=True)
    pipeline = Pipeline(encoders=[user], head=Ranking(labels=list("abcde"), top=3))
    files = {
        "model.onnx": recommender_model(core),
        "pipeline.json": msgspec.json.encode(pipeline),
    }
    return PipelineAdapter().load(files, pipeline_signature(pipeline))


def custom_predictor() -> Predictor:
    return guests().custom("custom", {"predictor.py": CUSTOM})


def resident_predictor() -> Predictor:
    return guests().resident("subwords", subwords())


def onnx_with_threads() -> Predictor:
    weights = np.random.default_rng(3).normal(size=(6, 4))
    return guests().threaded("onnx", linear_core(weights), None, 2)


@pytest.fixture(
    params=[
        function_predictor,
        onnx_predictor,
        alarm_predictor,
        ranking_predictor,
        onnx_forest,
        compiled_forest,
        openvino_predictor,
        openvino_model,
        runtimes_by_size,
        forecaster,
        forecaster_with_known,
        pipeline_predictor,
        pipeline_over_compiled_trees,
        custom_predictor,
        onnx_with_threads,
        resident_predictor,
    ],
    ids=lambda make: make.__name__,
)
def predictor(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Predictor]:
    if request.param in (custom_predictor, onnx_with_threads):
        folder: Path = request.getfixturevalue("tmp_path")
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
    make: Callable[[], Predictor] = request.param
    made = make()
    yield made
    made.close()


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
        assert values.dtype.kind == "O" or np.isfinite(values).all()


def test_rows_that_may_be_joined_get_what_they_get_alone(predictor: Predictor) -> None:
    assert predictor.joins_rows
    together = varied(predictor, 4)
    answers = predictor.predict(together)
    for row in range(4):
        alone = predictor.predict(
            Batch({name: values[row : row + 1] for name, values in together.items()})
        )
        for name, values in alone.items():
            if values.dtype.kind == "O":
                assert np.array_equal(values[0], answers[name][row])
            else:
                np.testing.assert_allclose(values[0], answers[name][row], rtol=1e-5, atol=1e-6)


def test_an_answer_is_not_changed_by_the_next_one(predictor: Predictor) -> None:
    answer = predictor.predict(varied(predictor, 2))
    before = {name: values.copy() for name, values in answer.items()}
    predictor.predict(varied(predictor, 3))
    for name, values in before.items():
        np.testing.assert_array_equal(values, answer[name])


def test_inputs_that_may_not_be_written_are_taken(predictor: Predictor) -> None:
    batch = varied(predictor, 2)
    for values in batch.values():
        values.flags.writeable = False
    assert set(predictor.predict(batch)) == {spec.name for spec in predictor.signature.outputs}


def test_inputs_are_left_as_they_were(predictor: Predictor) -> None:
    batch = varied(predictor, 2)
    before = {name: values.copy() for name, values in batch.items()}
    predictor.predict(batch)
    for name, values in before.items():
        np.testing.assert_array_equal(values, batch[name])
    predictor.close()

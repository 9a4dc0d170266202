"""Pipelines as one graph: it answers as the pipeline does, and what it cannot hold is said."""

import lightgbm
import msgspec
import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.onnx import OnnxPredictor, check_model
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import (
    Alarm,
    Classes,
    Codes,
    Encoders,
    Groups,
    Heads,
    Moment,
    Number,
    OneHot,
    Pipeline,
    Ranking,
    Value,
)
from lichen.pipeline.encoding import feature_count
from lichen.pipeline.examples import example_rows
from lichen.pipeline.files import PIPELINE_FILE
from lichen.registry.exporting.folding import folded
from lichen.serving.pipelines import PipelineAdapter

ROWS = 1000
ENCODERS: list[Encoders] = [
    OneHot(column="kind", values=["air", "wäter", "soil"]),
    Number(column="size", fill=1.5, low=-3.0, high=2.5, centre=0.3, scale=1.7, may_lack=True),
    Codes(column="place", values=["a", "b", "c"], numbers=[0.1, -2.0, 1e-3], other=0.7),
    Number(column="depth", fill=0.0, flags_missing=True, centre=1e3, scale=-0.01, may_lack=True),
    OneHot(column="place", values=["c", "d"], flags_other=False),
    Number(column="size", centre=5.0, fill=9.0, may_lack=True),
]
HEADS: list[tuple[Heads, int]] = [
    (Value(centre=3.0, scale=2.0, half_width=0.5), 1),
    (Value(scale=0.1, is_logarithm=True), 1),
    (Classes(labels=["no", "ja"]), 1),
    (Classes(labels=["no", "ja"], slopes=[1.3], offsets=[-0.2], set_threshold=0.3), 1),
    (Classes(labels=["no", "ja"], link="probability"), 1),
    (Classes(labels=["no", "ja"], link="probability", slopes=[0.7], offsets=[0.1]), 1),
    (Classes(labels=["a", "b", "c"], cuts=[0.2, 0.5, 0.3], set_threshold=0.25), 3),
    (Classes(labels=["a", "b"], slopes=[1.0, 0.5], offsets=[0.0, 0.1]), 2),
    (Classes(labels=["a", "b", "c"], link="probability"), 3),
    (Alarm(statistics=["t2", "spe"], thresholds=[2.0, 0.5], columns=["size", "depth"]), 4),
    (Groups(clusters=3, topics=["x", "y", "z"], least=0.2), 3),
    (Groups(clusters=2), 2),
    (Ranking(labels=["p", "q", "r", "s"], top=2), 4),
]


def rows_of(pipeline: Pipeline) -> dict[str, Array]:
    """Made-up rows, with gaps, extremes and values that training did not see."""
    tensors = dict(example_rows(pipeline, ROWS))
    numbers = np.array(tensors["numbers"], dtype=np.float64)
    numbers[::5] *= 1e8
    numbers[::7] = np.nan
    texts = np.array(tensors["texts"], dtype=object)
    texts[::6] = b"never seen"
    texts[::11, 0] = "wäter".encode()
    return {"numbers": numbers, "texts": texts}


def plain(values: Array) -> list[object]:
    """As a list; texts as bytes."""
    return [one.encode() if isinstance(one, str) else one for one in values.ravel().tolist()]


@pytest.mark.parametrize(("head", "width"), HEADS)
def test_a_folded_pipeline_answers_as_the_pipeline_does(head: Heads, width: int) -> None:
    encoders = [msgspec.structs.replace(one, may_lack=True) for one in ENCODERS]
    pipeline = Pipeline(encoders=encoders, head=head)
    weights = np.random.default_rng(3).normal(size=(feature_count(pipeline), width))
    core = linear_core(weights)
    files = {"model.onnx": core, PIPELINE_FILE: msgspec.json.encode(pipeline)}
    own = PipelineAdapter().load(files, None)
    whole = folded(pipeline, core)
    assert whole == folded(pipeline, core)
    other = OnnxPredictor(whole)
    rows = Batch(rows_of(pipeline))
    expected, found = own.predict(rows), other.predict(rows)
    assert set(expected.arrays) == set(found.arrays)
    for name, values in expected.arrays.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(found.arrays[name], values, rtol=1e-12, atol=1e-12)
        else:
            assert plain(found.arrays[name]) == plain(values), name


def test_features_are_the_same_to_the_bit() -> None:
    """Through a core that says what it is given."""
    encoders = [msgspec.structs.replace(one, may_lack=True) for one in ENCODERS]
    pipeline = Pipeline(encoders=encoders)
    core = linear_core(np.eye(feature_count(pipeline)))
    files = {"model.onnx": core, PIPELINE_FILE: msgspec.json.encode(pipeline)}
    rows = Batch(rows_of(pipeline))
    expected = PipelineAdapter().load(files, None).predict(rows).arrays["raw"]
    found = OnnxPredictor(folded(pipeline, core)).predict(rows).arrays["raw"]
    assert found.tobytes() == expected.tobytes()


def test_numbers_alone_are_a_model_that_is_served_as_it_is() -> None:
    pipeline = Pipeline(encoders=[Number(column="size")], head=Value())
    whole = folded(pipeline, linear_core(np.ones((1, 1))))
    signature = check_model(whole)
    assert [spec.name for spec in signature.inputs] == ["numbers"]
    assert [spec.name for spec in signature.outputs] == ["prediction"]


@pytest.mark.parametrize(
    ("pipeline", "says"),
    [
        (Pipeline(encoders=[Moment(column="at", parts=["hour"])]), "'at' is encoded as moment"),
        (Pipeline(encoders=[OneHot(column="kind", values=[])]), "'kind' has no values"),
        (Pipeline(tensor="image"), "takes its tensor as it comes"),
    ],
)
def test_what_no_graph_can_say_is_said(pipeline: Pipeline, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        folded(pipeline, linear_core(np.ones((2, 1))))


def test_a_forest_is_a_core_too() -> None:
    """Its operator is of ai.onnx.ml, as the one that looks texts up is."""
    random = np.random.default_rng(5)
    pipeline = Pipeline(encoders=[one for one in ENCODERS if one.column != "depth"], head=Value())
    width = feature_count(pipeline)
    features = random.normal(size=(300, width)).astype(np.float32)
    booster = lightgbm.train(
        {"verbose": -1, "num_threads": 1, "num_leaves": 7},
        lightgbm.Dataset(features, features[:, 0] + features[:, -1] ** 2),
        num_boost_round=5,
    )
    core = forest_model(read_lightgbm(booster.model_to_string().encode()).tables, width)
    files = {"model.onnx": core, PIPELINE_FILE: msgspec.json.encode(pipeline)}
    rows = rows_of(pipeline)
    numbers = np.nan_to_num(rows["numbers"], nan=0.5)
    batch = Batch({"numbers": numbers, "texts": rows["texts"]})
    expected = PipelineAdapter().load(files, None).predict(batch).arrays["prediction"]
    found = OnnxPredictor(folded(pipeline, core)).predict(batch).arrays["prediction"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)

"""Every explainer: parts and shares fit, sums hold, a batch is its rows, twice is the same."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.clock import ManualClock
from lichen.core.deadline import deadline_in
from lichen.core.errors import DeadlinePassed, InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.asking import row_of
from lichen.explain.explainer import Explainer, LoadedVersion, Wishes
from lichen.explain.methods import METHODS, Explainers
from lichen.forecasting.naive import seasonal
from lichen.forecasting.specification import Specification
from lichen.frameworks.estimation import no_pause
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import OPSET, linear_core
from lichen.frameworks.recommender_writer import Recommender, recommender_model
from lichen.pipeline.declaration import (
    Alarm,
    Classes,
    Codes,
    Encoders,
    Heads,
    Number,
    Pipeline,
    Ranking,
    Words,
)
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.history import History, history_files
from lichen.serving.forecaster import ForecastAdapter
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.recommendations.als import Setting, confidence_of, factorise, users_for
from lichen.training.recommendations.interactions import Taken

RANDOM = np.random.default_rng(17)
Case = tuple[LoadedVersion, Batch, Wishes]


def picture() -> Case:
    """A convolution over pictures of 8 by 8."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["seen"]),
        helper.make_node("Tanh", ["seen"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["y"]),
    ]
    weights = RANDOM.standard_normal((3, 1, 8, 8)).astype(np.float32) / 8
    graph = helper.make_graph(
        nodes,
        "picture",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])],
        initializer=[numpy_helper.from_array(weights, "w")],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    content = bytes(model.SerializeToString())
    rows = Batch({"x": RANDOM.standard_normal((3, 1, 8, 8)).astype(np.float32)})
    return LoadedVersion(OnnxPredictor(content), {"model.onnx": content}), rows, Wishes()


def pipeline(core: np.ndarray, said: Pipeline, rows: Batch, wishes: Wishes) -> Case:
    files = {"model.onnx": linear_core(core), **pipeline_files(said)}
    return LoadedVersion(PipelineAdapter().load(files, None), files), rows, wishes


def table(head: Heads, outputs: int) -> Case:
    encoders: list[Encoders] = [Number(column=name) for name in ("flow", "heat")]
    rows = Batch({"numbers": RANDOM.standard_normal((3, 2))})
    usual = Batch({"numbers": RANDOM.standard_normal((5, 2))})
    core = np.abs(RANDOM.standard_normal((2, outputs))).astype(np.float32)
    return pipeline(core, Pipeline(encoders=encoders, head=head), rows, Wishes(background=usual))


def classes() -> Case:
    return table(Classes(labels=["a", "b", "c"]), 3)


def detector() -> Case:
    """One statistic that is what its columns contributed."""
    head = Alarm(statistics=["t2"], thresholds=[1.0], columns=["flow", "heat"])
    encoders: list[Encoders] = [Number(column=name) for name in head.columns]
    core = np.array([[1, 1, 0], [2, 0, 2]], dtype=np.float32)
    rows = Batch({"numbers": RANDOM.random((3, 2))})
    return pipeline(core, Pipeline(encoders=encoders, head=head), rows, Wishes())


def text() -> Case:
    terms = ["dead", "fish", "river", "the"]
    words = Words(column="text", terms=terms, weights=[2.0, 1.5, 1.2, 1.0])
    told = [["the dead fish"], ["river river the"], ["nothing of it"]]
    cells = np.array([[cell.encode() for cell in row] for row in told], dtype=object)
    core = RANDOM.standard_normal((4, 3)).astype(np.float32)
    said = Pipeline(encoders=[words], head=Classes(labels=["a", "b", "c"]))
    return pipeline(core, said, Batch({"texts": cells}), Wishes())


def forecast() -> Case:
    plain = Specification(targets=("load",), step_seconds=3600, horizon=6, context=24)
    said, weights = seasonal(plain, 24)
    table = io.BytesIO()
    np.save(table, np.zeros((1, 6, 1, 9), dtype=np.float32))
    files = {
        "model.onnx": linear_core(weights),
        "forecast.json": msgspec.json.encode(said),
        "quantiles.npy": table.getvalue(),
    }
    outputs = (TensorSpec("mean", Datatype.FP32, (-1, 6, 1)),)
    rows = Batch(
        {
            "history": 10 + RANDOM.random((3, 24, 1)),
            "start": np.array([b"2026-03-02T00:00:00Z"] * 3, dtype=object),
        }
    )
    own = LoadedVersion(ForecastAdapter().load(files, Signature((), outputs)), files)
    return own, rows, Wishes()


def recommender() -> Case:
    """Six users, of whom each took two of five items, and one that is not known."""
    user, item = np.repeat(np.arange(6), 2), np.array([0, 1, 1, 2, 2, 3, 3, 4, 0, 4, 1, 3])
    taken = Taken(6, 5, user, item, np.linspace(0.5, 1.5, 12))
    setting = Setting(3, 0.5, 5.0)
    items = factorise(taken, setting, 0, no_pause).items.astype(np.float32).astype(np.float64)
    users = np.zeros((7, 4))
    users[:-1, :-1], users[-1, -1] = users_for(taken, items, setting, no_pause), 1.0
    core = Recommender(
        users=users.astype(np.float32),
        items=np.column_stack([items, taken.popularity]).astype(np.float32),
        starts=np.append(taken.starts, 12),
        taken=item,
    )
    names = [f"u{at}" for at in range(6)]
    codes = Codes(column="user", values=names, numbers=[float(at) for at in range(6)], other=6.0)
    said = Pipeline(encoders=[codes], head=Ranking(labels=list("abcde"), top=3))
    history = history_files(History(confidence_of(taken, setting), setting.l2))
    files = {"model.onnx": recommender_model(core), **pipeline_files(said), **history}
    rows = Batch({"texts": np.array([[b"u1"], [b"u4"], [b"nobody"]], dtype=object)})
    return LoadedVersion(PipelineAdapter().load(files, None), files), rows, Wishes()


MAKES: dict[str, Callable[[], Case]] = {
    "forecast-drivers": forecast,
    "token-weights": text,
    "word-occlusion": text,
    "alarm-contributions": detector,
    "linear-shap": classes,
    "shap": classes,
    "occlusion": picture,
    "integrated-gradients": picture,
    "past-items": recommender,
}
"""Of each method a version that it fits; trees have a suite of their own."""
ALONE = {"tree-shap"}
AT_ONCE = {"alarm-contributions", "linear-shap"}
"""They ask the model once, or never: there is no part of the work after which to end."""


class Ticking(ManualClock):
    """A second goes by with each look at it."""

    def monotonic_ns(self) -> int:
        """Later than the last time."""
        self.elapsed_ns += 1_000_000_000
        return self.elapsed_ns


@cache
def made(name: str) -> tuple[Explainer, LoadedVersion, Batch, Wishes]:
    own, rows, wishes = MAKES[name]()
    return Explainers(own).find(name), own, rows, wishes


def test_no_method_is_left_out() -> None:
    assert set(MAKES) | ALONE == set(METHODS)


@pytest.mark.parametrize("name", MAKES)
def test_contributions_fit_their_parts_and_sum_where_they_say_so(name: str) -> None:
    explainer, _, rows, wishes = made(name)
    found = explainer.explain(rows, wishes)
    assert len(found.rows) == rows.rows <= explainer.most_rows
    off = []
    for row in found.rows:
        assert row.attributions
        for one in row.attributions:
            assert len(one.contributions) == len(row.parts)
            assert np.isfinite([one.base, one.prediction, *one.contributions]).all()
            off.append(abs(one.base + sum(one.contributions) - one.prediction))
    assert found.largest_error == pytest.approx(max(off), abs=1e-9)
    if found.sums_to.startswith("base and contributions sum"):
        assert found.largest_error < 2e-3


@pytest.mark.parametrize("name", MAKES)
def test_a_batch_is_explained_as_its_rows_alone(name: str) -> None:
    explainer, _, rows, wishes = made(name)
    together = explainer.explain(rows, wishes)
    for at, told in enumerate(together.rows):
        (alone,) = explainer.explain(row_of(rows, at), wishes).rows
        assert alone.parts == told.parts
        for one, other in zip(alone.attributions, told.attributions, strict=True):
            assert one.output == other.output
            assert one.contributions == pytest.approx(other.contributions, abs=1e-6)


@pytest.mark.parametrize("name", MAKES)
def test_twice_is_the_same_and_the_rows_are_left_as_they_were(name: str) -> None:
    explainer, own, rows, wishes = made(name)
    before = {key: values.copy() for key, values in rows.items()}
    answered = own.predictor.predict(rows)
    first = explainer.explain(rows, wishes)
    assert first == explainer.explain(rows, wishes)
    again = own.predictor.predict(rows)
    assert all(np.array_equal(rows[key], before[key]) for key in before)
    assert all(np.array_equal(again[key], answered[key]) for key in answered)


@pytest.mark.parametrize("name", MAKES)
def test_an_output_that_is_not_there_is_refused_by_a_sentence(name: str) -> None:
    explainer, _, rows, _ = made(name)
    with pytest.raises(InvalidInput, match="none of this model: there"):
        explainer.explain(rows, Wishes(output="tea", background=rows))


@pytest.mark.parametrize("name", sorted(set(MAKES) - AT_ONCE))
def test_it_ends_between_two_parts_of_the_work_once_its_time_is_over(name: str) -> None:
    explainer, _, rows, wishes = made(name)
    clock = Ticking()
    ends = deadline_in(clock, 2.5, "it took too long")
    with pytest.raises(DeadlinePassed, match="it took too long"):
        explainer.explain(rows, replace(wishes, deadline=ends))
    assert clock.elapsed_ns == 4_000_000_000  # when it was told, twice before, and once too late
    assert explainer.explain(rows, wishes).rows

"""Detectors, clusters and networks of tables explained: sums hold, planted columns are first."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.alarms import alarm_explainer
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.methods import Explainers
from lichen.explain.networks import integrated_explainer
from lichen.frameworks.cluster_cores import CentreCore, ClusterCore, ExemplarCore, MixtureCore
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OPSET, OUTPUT, linear_core
from lichen.pipeline.declaration import Alarm, Classes, Groups, Heads, Number, OneHot, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.serving.pipelines import PipelineAdapter

NAMES = ("flow", "heat", "valve")


def version(core: bytes, head: Heads) -> LoadedVersion:
    """Three numbers, the first two of another scale, and a text of two values."""
    encoders = [Number(column=name, centre=10.0, scale=2.0) for name in NAMES]
    pipeline = Pipeline(encoders=[*encoders, OneHot(column="kind", values=["a", "b"])], head=head)
    files = {"model.onnx": core, **pipeline_files(pipeline)}
    return LoadedVersion(PipelineAdapter().load(files, None), files)


def rows(*numbers: tuple[float, float, float]) -> Batch:
    texts = np.full((len(numbers), 1), b"a", dtype=object)
    return Batch({"numbers": np.array(numbers, dtype=np.float64), "texts": texts})


def network() -> bytes:
    """A bent network in which `heat` counts most and `valve` nothing."""
    random = np.random.default_rng(3)
    first = random.standard_normal((6, 16)).astype(np.float32)
    first[1] *= 6
    first[2] = 0
    kept = {"first": first, "second": random.standard_normal((16, 3)).astype(np.float32)}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [INPUT, "first"], ["flat"]),
            helper.make_node("Tanh", ["flat"], ["bent"]),
            helper.make_node("MatMul", ["bent", "second"], [OUTPUT]),
        ],
        "network",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", 6])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 3])],
        initializer=[numpy_helper.from_array(value, name) for name, value in kept.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    return bytes(model.SerializeToString())


def test_gradients_of_a_table_are_summed_over_its_columns() -> None:
    own = version(
        network(), Classes(labels=["x", "y", "z"], slopes=[2.0, 1, 1], offsets=[1.0, 0, 0])
    )
    explainer = integrated_explainer(own)
    assert explainer is not None
    asked = rows((11.0, 14.0, 3.0))
    found = explainer.explain(asked, Wishes(output="x"))
    (row,) = found.rows
    (one,) = row.attributions
    probability = np.log(own.predictor.predict(asked)["probability"][0].astype(np.float64))
    assert one.prediction == pytest.approx(probability[0] - probability[1:].mean(), abs=1e-4)
    change = one.prediction - one.base
    assert one.base + sum(one.contributions) == pytest.approx(
        one.prediction, abs=2e-3 * abs(change)
    )
    shares = dict(zip([part.column for part in row.parts], one.contributions, strict=True))
    assert max(shares, key=lambda name: abs(shares[name])) == "heat"
    assert shares["valve"] == 0


def test_usual_rows_are_the_baseline_where_they_are_given() -> None:
    own = version(network(), Classes(labels=["x", "y", "z"]))
    explainer = integrated_explainer(own)
    assert explainer is not None
    asked = rows((11.0, 14.0, 3.0))
    found = explainer.explain(asked, Wishes(background=asked))
    assert np.abs(found.rows[0].attributions[0].contributions).max() == 0
    with pytest.raises(InvalidInput, match="baseline 'blur' is for pictures"):
        explainer.explain(asked, Wishes(baseline="blur"))


CORES: dict[str, ClusterCore] = {
    "centres": CentreCore(np.array([[0.0] * 6, [0, 4, 0, 0, 0, 0]]), 1.5),
    "mixture": MixtureCore(
        np.array([[0.0] * 6, [0, 4, 0, 0, 0, 0]]), np.stack([np.eye(6)] * 2), np.array([0.4, 0.6])
    ),
    "exemplars": ExemplarCore(
        np.array([[[0.0] * 6] * 2, [[0, 4, 0, 0, 0, 0]] * 2]), np.array([2.0, 2.0])
    ),
}


@pytest.mark.parametrize("name", CORES)
def test_the_column_that_tells_clusters_apart_is_found(name: str) -> None:
    own = version(CORES[name].onnx(), Groups(clusters=2))
    explainer = integrated_explainer(own)
    assert explainer is not None
    found = explainer.explain(rows((11.0, 17.0, 9.0)), Wishes())
    (row,) = found.rows
    (one,) = row.attributions
    assert one.output == "cluster 1"
    assert row.parts[int(np.abs(one.contributions).argmax())].column == "heat"
    assert one.base + sum(one.contributions) == pytest.approx(one.prediction, rel=1e-3)


def detector() -> LoadedVersion:
    """Two statistics, their thresholds 2 and 4, and what three columns contributed."""
    weights = np.zeros((6, 5), dtype=np.float32)
    weights[:3, 0], weights[1, 1] = (2, 4, 6), 8
    weights[0, 2], weights[1, 3], weights[2, 4] = 1, 4, 3  # as statistics over their thresholds
    head = Alarm(statistics=["t2", "spe"], thresholds=[2.0, 4.0], columns=list(NAMES))
    return version(linear_core(weights), head)


def test_a_detector_tells_its_own_contributions() -> None:
    own = detector()
    explainer = Explainers(own).find()
    found = explainer.explain(rows((12.0, 14.0, 10.0), (10.0, 10.0, 16.0)), Wishes())
    assert found.method == "alarm-contributions"
    assert found.largest_error < 1e-6
    hot, shut = found.rows
    assert hot.attributions[0].contributions == pytest.approx([1, 8, 0])
    assert shut.attributions[0].contributions == pytest.approx([0, 0, 9])
    assert [part.value for part in hot.parts] == [12.0, 14.0, 10.0]
    with pytest.raises(InvalidInput, match="there is combined index"):
        explainer.explain(rows((1.0, 1.0, 1.0)), Wishes(output="spe"))


def test_a_detector_without_contributions_is_explained_otherwise() -> None:
    head = Alarm(statistics=["t2"], thresholds=[2.0])
    assert alarm_explainer(version(linear_core(np.ones((6, 1), np.float32)), head)) is None


def test_a_model_without_gradient_says_which_operator_has_none() -> None:
    graph = helper.make_graph(
        [helper.make_node("Round", ["x"], ["y"])],
        "rounds",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    content = bytes(model.SerializeToString())
    own = LoadedVersion(OnnxPredictor(content), {"model.onnx": content})
    with pytest.raises(InvalidInput, match=r"no gradient is known here of Round\): give auto or"):
        Explainers(own).find("integrated-gradients")


def test_a_tensor_is_covered_stretch_by_stretch() -> None:
    """A sound in which one stretch counts; nothing is known of it but its shape."""
    weights = np.zeros((512, 1), dtype=np.float32)
    weights[64:68] = 1
    content = linear_core(weights)
    signature = Signature(
        (TensorSpec(INPUT, Datatype.FP32, (-1, 512)),),
        (TensorSpec(OUTPUT, Datatype.FP32, (-1, 1)),),
    )
    own = LoadedVersion(OnnxPredictor(content, signature), {"model.onnx": content})
    found = (
        Explainers(own)
        .find("occlusion")
        .explain(Batch({INPUT: np.ones((1, 512), np.float32)}), Wishes())
    )
    (row,) = found.rows
    (one,) = row.attributions
    assert row.parts[int(np.argmax(one.contributions))].place == [64, 68]
    assert sum(one.contributions) == pytest.approx(4)
    assert found.model_runs == 128 + 2
    with pytest.raises(InvalidInput, match="stretches of 600 do not fit"):
        Explainers(own).find("occlusion").explain(
            Batch({INPUT: np.ones((1, 512), np.float32)}), Wishes(patch=600)
        )


def stateful() -> LoadedVersion:
    """A network that takes a sound and what it remembers, as two inputs of fixed shapes."""
    ears = np.zeros((512, 1), dtype=np.float32)
    ears[256:260] = 1
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["sound", "ears"], ["heard"]),
            helper.make_node("ReduceMean", ["state"], ["mood"], keepdims=0),
            helper.make_node("Add", ["heard", "mood"], ["speech"]),
            helper.make_node("Identity", ["state"], ["remembered"]),
        ],
        "listens",
        [
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [2, 1, 8]),
            helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, 512]),
        ],
        [
            helper.make_tensor_value_info("speech", TensorProto.FLOAT, [1, 1]),
            helper.make_tensor_value_info("remembered", TensorProto.FLOAT, [2, 1, 8]),
        ],
        initializer=[numpy_helper.from_array(ears, "ears")],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    content = bytes(model.SerializeToString())
    return LoadedVersion(OnnxPredictor(content), {"model.onnx": content})


def test_the_sound_of_a_network_with_a_state_is_covered_and_its_state_kept() -> None:
    own = stateful()
    state = np.full((2, 1, 8), 3.0, np.float32)
    rows_of_it = Batch({"state": state, "sound": np.ones((1, 512), np.float32)})
    found = Explainers(own).find("occlusion").explain(rows_of_it, Wishes())
    (row,) = found.rows
    (one,) = row.attributions
    assert one.output == "speech"
    assert one.prediction == pytest.approx(7)
    assert one.base == pytest.approx(3)
    assert row.parts[int(np.argmax(one.contributions))].place == [256, 260]


def test_without_usual_rows_clusters_are_explained_by_gradients() -> None:
    explainers = Explainers(version(CORES["centres"].onnx(), Groups(clusters=2)))
    asked = rows((11.0, 17.0, 9.0))
    found = explainers.find(has_background=False).explain(asked, Wishes())
    assert found.method == "integrated-gradients"
    usual = rows((10.0, 10.0, 10.0), (11.0, 9.0, 10.0))
    compared = explainers.find(has_background=True).explain(asked, Wishes(background=usual))
    assert compared.method == "exact-shap"


class Doubling(OnnxPredictor):
    """Code of its own around a model."""

    def predict(self, batch: Batch) -> Batch:
        return Batch({name: 2 * values for name, values in super().predict(batch).items()})


def test_a_graph_that_is_not_all_of_what_is_served_has_no_gradient_of_it() -> None:
    content = linear_core(np.ones((4, 2), dtype=np.float32))
    own = LoadedVersion(Doubling(content), {"model.onnx": content})
    with pytest.raises(InvalidInput, match=r"answers otherwise than model\.onnx alone"):
        Explainers(own).find("integrated-gradients")
    assert integrated_explainer(LoadedVersion(OnnxPredictor(content), own.files)) is not None


def _table_with_texts() -> LoadedVersion:
    """Columns in two tensors, as imported pipelines take them."""
    graph = helper.make_graph(
        [
            helper.make_node(
                "LabelEncoder",
                ["texts"],
                ["is"],
                domain="ai.onnx.ml",
                keys_strings=["ulm"],
                values_floats=[1.0],
                default_float=0.0,
            ),
            helper.make_node("Cast", ["is"], ["told"], to=TensorProto.DOUBLE),
            helper.make_node("Add", ["numbers", "told"], ["prediction"]),
        ],
        "table",
        [
            helper.make_tensor_value_info("numbers", TensorProto.DOUBLE, ["rows", 1]),
            helper.make_tensor_value_info("texts", TensorProto.STRING, ["rows", 1]),
        ],
        [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["rows", 1])],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 2)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    content = bytes(model.SerializeToString())
    signature = Signature(
        (
            TensorSpec("numbers", Datatype.FP64, (-1, 1), columns=("age",)),
            TensorSpec("texts", Datatype.BYTES, (-1, 1), columns=("city",)),
        ),
        (TensorSpec("prediction", Datatype.FP64, (-1, 1)),),
    )
    return LoadedVersion(OnnxPredictor(content, signature), {"model.onnx": content})


def test_a_table_whose_columns_stand_in_two_tensors_is_never_explained_by_one_of_them() -> None:
    explainers = Explainers(_table_with_texts())
    with pytest.raises(InvalidInput, match="'occlusion' does not fit"):
        explainers.find("occlusion")
    asked = Batch({"numbers": np.array([[4.0]]), "texts": np.array([[b"ulm"]], dtype=object)})
    chosen = explainers.find(has_background=False)
    with pytest.raises(InvalidInput, match="give some as `background`"):
        chosen.explain(asked, Wishes())
    usual = Batch({"numbers": np.array([[1.0]]), "texts": np.array([[b"bonn"]], dtype=object)})
    (row,) = chosen.explain(asked, Wishes(background=usual)).rows
    told = dict(
        zip(
            [part.column for part in row.parts],
            row.attributions[0].contributions,
            strict=True,
        )
    )
    assert told == pytest.approx({"age": 3.0, "city": 1.0})


def test_of_clusters_the_one_that_was_answered_is_covered() -> None:
    """The nearest has the smallest distance, which is not the largest number."""
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["x", "centres"], ["signed"]),
            helper.make_node("Abs", ["signed"], ["distance"]),
            helper.make_node("ArgMin", ["distance"], ["prediction"], axis=1, keepdims=0),
        ],
        "clusters",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])],
        [
            helper.make_tensor_value_info("prediction", TensorProto.INT64, ["rows"]),
            helper.make_tensor_value_info("distance", TensorProto.FLOAT, ["rows", 2]),
        ],
        initializer=[numpy_helper.from_array(np.array([[0, 90]], np.float32), "centres")],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    content = bytes(model.SerializeToString())
    own = LoadedVersion(OnnxPredictor(content), {"model.onnx": content})
    asked = Batch({"x": np.array([[2.0, 2.0]], np.float32)})
    found = Explainers(own).find("occlusion").explain(asked, Wishes())
    assert found.rows[0].attributions[0].output == "distance[0]"

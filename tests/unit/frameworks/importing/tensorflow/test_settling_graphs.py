import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import Corrupt
from lichen.frameworks.importing.tensorflow.settling import settle
from lichen.frameworks.onnx import OnnxPredictor


def looped(name: str, *, is_turned: bool) -> onnx.ModelProto:
    """`y = relu(x) + |x|`, and x doubled three times in a loop; one graph in two orders."""
    said = ("next", "sum") if is_turned else ("sum", "seen")  # which is passed on is chance
    body = helper.make_graph(
        [
            helper.make_node("Identity", [f"{name}go"], [f"{name}on"]),
            helper.make_node("Add", [f"{name}at", f"{name}at"], [f"{name}sum"]),
            helper.make_node("Identity", [f"{name}sum"], [f"{name}next"]),
            helper.make_node("Identity", [f"{name}next"], [f"{name}seen"]),
        ],
        f"{name}body",
        [
            helper.make_tensor_value_info(f"{name}turn", TensorProto.INT64, []),
            helper.make_tensor_value_info(f"{name}go", TensorProto.BOOL, []),
            helper.make_tensor_value_info(f"{name}at", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info(f"{name}on", TensorProto.BOOL, []),
            helper.make_tensor_value_info(f"{name}{said[0]}", TensorProto.FLOAT, None),
            helper.make_tensor_value_info(f"{name}{said[1]}", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Relu", ["x"], [f"{name}r"]),
        helper.make_node("Abs", ["x"], [f"{name}a"]),
        helper.make_node("Loop", [f"{name}times", "", "x"], ["z", f"{name}each"], body=body),
    ]
    nodes = [*(nodes[::-1] if is_turned else nodes)]
    nodes.append(helper.make_node("Relu", ["x"], [f"{name}again"]))
    nodes.append(helper.make_node("Add", [f"{name}again", f"{name}a"], ["y"]))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 2])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2]),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, ["rows", 2]),
        ],
        initializer=[numpy_helper.from_array(np.array(3), f"{name}times")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_equal_graphs_in_other_orders_and_names_become_equal_bytes() -> None:
    one, other = looped("p", is_turned=False), looped("other/", is_turned=True)
    settle(one)
    settle(other)
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)
    onnx.checker.check_model(one)
    assert [node.op_type for node in one.graph.node].count("Relu") == 1


def test_a_settled_graph_answers_as_before_under_its_own_names() -> None:
    model = looped("p", is_turned=True)
    settle(model)
    predictor = OnnxPredictor(model.SerializeToString())
    x = np.array([[1, -2], [0.5, 3]], dtype=np.float32)
    found = predictor.predict(Batch({"x": x}))
    predictor.close()
    np.testing.assert_allclose(found["y"], np.maximum(x, 0) + np.abs(x))
    np.testing.assert_allclose(found["z"], 8 * x)


def test_a_graph_that_takes_what_nothing_computes_is_refused() -> None:
    model = looped("p", is_turned=False)
    model.graph.node[0].input[0] = "elsewhere"
    with pytest.raises(Corrupt, match="takes 'elsewhere', which nothing computes"):
        settle(model)

"""Foreign ONNX models: what is taken is served as the graph says, the rest is refused with why."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx import OnnxPredictor, check_model
from lichen.frameworks.onnx_writer import linear_core

Dims = Sequence[int | str | None]
FLOAT, TEXT = TensorProto.FLOAT, TensorProto.STRING


def model(
    nodes: Sequence[Any],
    inputs: dict[str, tuple[int, Dims]],
    outputs: dict[str, tuple[int, Dims]],
    kept: Sequence[Any] = (),
    domains: Sequence[str] = ("",),
) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, *form) for name, form in inputs.items()],
        [helper.make_tensor_value_info(name, *form) for name, form in outputs.items()],
        list(kept),
    )
    opsets = [helper.make_opsetid(domain, 18 if not domain else 1) for domain in domains]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(made.SerializeToString())


def test_the_signature_is_read_from_the_graph() -> None:
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["joined"], axis=1),
        helper.make_node("Identity", ["t"], ["texts"]),
        helper.make_node("Cast", ["n"], ["flags"], to=TensorProto.BOOL),
    ]
    content = model(
        nodes,
        {
            "a": (FLOAT, ["N", 2]),
            "b": (FLOAT, [None, "w"]),
            "t": (TEXT, ["N"]),
            "n": (TensorProto.INT64, ["N", 1]),
        },
        {
            "joined": (FLOAT, ["N", None]),
            "texts": (TEXT, ["N"]),
            "flags": (TensorProto.BOOL, ["N", 1]),
        },
    )
    signature = check_model(content)
    assert [(spec.name, spec.datatype, spec.shape) for spec in signature.inputs] == [
        ("a", Datatype.FP32, (-1, 2)),
        ("b", Datatype.FP32, (-1, -1)),
        ("t", Datatype.BYTES, (-1,)),
        ("n", Datatype.INT64, (-1, 1)),
    ]
    assert [spec.datatype for spec in signature.outputs] == [
        Datatype.FP32,
        Datatype.BYTES,
        Datatype.BOOL,
    ]
    predictor = OnnxPredictor(content)
    answer = predictor.predict(
        Batch(
            {
                "a": np.ones((2, 2), dtype=np.float32),
                "b": np.zeros((2, 1), dtype=np.float32),
                "t": np.array(["é".encode(), b""], dtype=np.object_),
                "n": np.array([[0], [7]]),
            }
        )
    )
    assert answer["joined"].tolist() == [[1, 1, 0], [1, 1, 0]]
    assert answer["texts"].tolist() == ["é", ""]
    assert answer["flags"].tolist() == [[False], [True]]


def test_a_model_that_mixes_its_rows_is_never_batched() -> None:
    nodes = [helper.make_node("Softmax", ["x"], ["y"], axis=0)]
    content = model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, ["N", 2])})
    assert not OnnxPredictor(content).joins_rows
    assert OnnxPredictor(linear_core(np.ones((3, 2)))).joins_rows


def test_a_model_of_fixed_size_is_served_one_request_at_a_time() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    fixed: Dims = [1, 2]
    content = model(nodes, {"x": (FLOAT, fixed)}, {"y": (FLOAT, fixed)})
    assert check_model(content).inputs[0].shape == (1, 2)
    predictor = OnnxPredictor(content)
    assert not predictor.joins_rows
    assert predictor.predict(predictor.example(1))["y"].shape == (1, 2)


def test_a_given_signature_adds_units_and_must_be_of_the_same_tensors() -> None:
    content = linear_core(np.ones((3, 2)))
    given = Signature(
        (TensorSpec("features", Datatype.FP32, (-1, 3), unit="GW"),),
        (TensorSpec("raw", Datatype.FP32, (-1, 2), unit="GW"),),
    )
    assert OnnxPredictor(content, given).signature is given
    with pytest.raises(InvalidInput, match="outputs"):
        OnnxPredictor(content, Signature(given.inputs, ()))


def weights_elsewhere() -> bytes:
    kept = numpy_helper.from_array(np.ones((2, 2), dtype=np.float32), "w")
    kept.data_location = TensorProto.EXTERNAL
    kept.ClearField("raw_data")
    kept.external_data.add(key="location", value="/etc/passwd")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, ["N", 2])}, [kept])


def operator_of_nobody() -> bytes:
    nodes = [helper.make_node("Mystery", ["x"], ["y"], domain="com.example")]
    form: tuple[int, Dims] = (FLOAT, ["N", 2])
    return model(nodes, {"x": form}, {"y": form}, domains=["", "com.example"])


def fails_when_run() -> bytes:
    shape = numpy_helper.from_array(np.array([7, 7], dtype=np.int64), "shape")
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    anything: Dims = [None, None]
    return model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, anything)}, [shape])


def _elsewhere(name: str) -> TensorProto:
    kept = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2])
    kept.data_location = TensorProto.EXTERNAL
    kept.external_data.add(key="location", value="keys")
    return kept


def constant_elsewhere() -> bytes:
    nodes = [
        helper.make_node("Constant", [], ["c"], value=_elsewhere("hidden")),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    return model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, ["N", 2])})


def branch_elsewhere() -> bytes:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["hidden"], ["o"])],
        "branch",
        [],
        [helper.make_tensor_value_info("o", FLOAT, [2])],
        initializer=[_elsewhere("hidden")],
    )
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Equal", ["s", "s"], ["b"]),
        helper.make_node("If", ["b"], ["c"], then_branch=branch, else_branch=branch),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    return model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, ["N", 2])})


def function_elsewhere() -> bytes:
    function = helper.make_function(
        "local",
        "Secret",
        ["x"],
        ["y"],
        [
            helper.make_node("Constant", [], ["c"], value=_elsewhere("hidden")),
            helper.make_node("Add", ["x", "c"], ["y"]),
        ],
        [helper.make_opsetid("", 18)],
    )
    nodes = [helper.make_node("Secret", ["x"], ["y"], domain="local")]
    made = onnx.load_model_from_string(
        model(nodes, {"x": (FLOAT, ["N", 2])}, {"y": (FLOAT, ["N", 2])})
    )
    made.functions.append(function)
    made.opset_import.append(helper.make_opsetid("local", 1))
    return bytes(made.SerializeToString())


def answers_a_sequence() -> bytes:
    nodes = [helper.make_node("SequenceConstruct", ["x"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", FLOAT, ["N", 2])],
        [helper.make_tensor_sequence_value_info("y", FLOAT, None)],
    )
    opsets = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def of_the_future() -> bytes:
    made = onnx.load_model_from_string(linear_core(np.ones((2, 2))))
    made.opset_import[0].version = 999
    return bytes(made.SerializeToString())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not an onnx file", "no ONNX model"),
        (b"", "ONNX"),
        (linear_core(np.ones((2, 2)))[:40], "ONNX"),
        (weights_elsewhere(), "'w' stands in another file"),
        (constant_elsewhere(), "'hidden' stands in another file"),
        (branch_elsewhere(), "'hidden' stands in another file"),
        (function_elsewhere(), "'hidden' stands in another file"),
        (operator_of_nobody(), "com.example"),
        (fails_when_run(), "trial run"),
        (answers_a_sequence(), "plain tensors"),
        (of_the_future(), "ONNX"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_served_is_refused_with_a_reason(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        check_model(content)
    assert len(str(refused.value)) < 500
    assert "\n" not in str(refused.value)


def test_a_run_that_fails_says_so_without_paths() -> None:
    predictor = OnnxPredictor(linear_core(np.ones((3, 2))))
    with pytest.raises(WorkFailed, match="could not compute") as failed:
        predictor.predict(Batch({"features": np.ones((1, 4), dtype=np.float32)}))
    assert "/" not in str(failed.value)

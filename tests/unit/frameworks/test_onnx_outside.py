"""ONNX models from elsewhere: weights in other files, custom operators, versions, open lengths."""

# ruff: noqa: ANN401
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.tensors import Datatype, TensorSpec
from lichen.frameworks.importing.source import laid_out
from lichen.frameworks.onnx import OnnxPredictor, check_model
from lichen.frameworks.onnx_checks import check_graph
from lichen.frameworks.onnx_files import onnx_file, whole_model

FLOAT = TensorProto.FLOAT
WEIGHTS = np.arange(6, dtype=np.float32).reshape(2, 3)


def graph_of(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    kept: Sequence[Any] = (),
    opset: int = 18,
) -> Any:
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(kept))
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def tensor(name: str, shape: Sequence[Any] | None, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def product(kept: Any) -> Any:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return graph_of(nodes, [tensor("x", ["N", 2])], [tensor("y", ["N", 3])], [kept])


def elsewhere(location: str, offset: str = "8", length: str = "24") -> bytes:
    kept = numpy_helper.from_array(WEIGHTS, "w")
    kept.data_location = TensorProto.EXTERNAL
    kept.ClearField("raw_data")
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        kept.external_data.add(key=key, value=value)
    return bytes(product(kept).SerializeToString())


def test_weights_beside_a_model_are_taken_in(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(elsewhere("m.onnx.data"))
    (tmp_path / "m.onnx.data").write_bytes(b"\0" * 8 + WEIGHTS.tobytes())
    whole = whole_model(laid_out(tmp_path, "m"), "m.onnx")
    assert whole.files == ("m.onnx.data",)
    assert whole.notes == ("The weights in m.onnx.data were taken into the model.",)
    check_model(whole.content)
    answer = OnnxPredictor(whole.content).predict(Batch({"x": np.eye(2, dtype=np.float32)}))
    np.testing.assert_array_equal(answer["y"], WEIGHTS)
    assert whole_model(laid_out(tmp_path, "m"), "m.onnx") == whole


def test_onnx_s_own_writer_of_large_models_is_understood(tmp_path: Path) -> None:
    made = product(numpy_helper.from_array(WEIGHTS, "w"))
    onnx.save(
        made,
        str(tmp_path / "model.onnx"),
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )
    whole = whole_model(laid_out(tmp_path, "m"), "model.onnx")
    answer = OnnxPredictor(whole.content).predict(Batch({"x": np.eye(2, dtype=np.float32)}))
    np.testing.assert_array_equal(answer["y"], WEIGHTS)


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("/etc/passwd", "outside the model's folder"),
        ("../keys", "outside the model's folder"),
        ("a/../../keys", "outside the model's folder"),
        ("C:\\keys", "outside the model's folder"),
        ("", "outside the model's folder"),
        ("absent.bin", "not beside the model"),
    ],
)
def test_weights_outside_the_folder_are_refused(tmp_path: Path, location: str, said: str) -> None:
    (tmp_path / "m.onnx").write_bytes(elsewhere(location))
    with pytest.raises(InvalidInput, match=f"'w'.*{said}"):
        whole_model(laid_out(tmp_path, "m"), "m.onnx")


@pytest.mark.parametrize(
    ("offset", "length"), [("16", "24"), ("-8", "24"), ("8", "20"), ("9" * 30, "24"), ("8", "x")]
)
def test_weights_that_a_file_does_not_have_are_refused(
    tmp_path: Path, offset: str, length: str
) -> None:
    (tmp_path / "m.onnx").write_bytes(elsewhere("w.bin", offset, length))
    (tmp_path / "w.bin").write_bytes(b"\0" * 32)
    with pytest.raises(InvalidInput, match="'w'"):
        whole_model(laid_out(tmp_path, "m"), "m.onnx")


def test_one_of_several_models_is_asked_for(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(elsewhere("w.bin"))
    source = laid_out(tmp_path, "two")
    with pytest.raises(InvalidInput, match=r"--entry, one of \('a.onnx', 'b.onnx'\)"):
        onnx_file(source)
    assert onnx_file(source, "b.onnx") == "b.onnx"


def test_probabilities_in_dictionaries_become_a_tensor_with_labels(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"], axis=1),
        helper.make_node(
            "ZipMap", ["p"], ["chances"], domain="ai.onnx.ml", classlabels_strings=["no", "yes"]
        ),
    ]
    answer = onnx.ValueInfoProto(name="chances")
    kept = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, []))
    answer.type.CopyFrom(helper.make_sequence_type_proto(kept))
    made = graph_of(nodes, [tensor("x", ["N", 2])], [answer])
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    whole = whole_model(laid_out(tmp_path, "m.onnx"), "m.onnx")
    assert whole.labels == ("no", "yes")
    (spec,) = check_model(whole.content).outputs
    assert (spec.name, spec.shape) == ("chances", (-1, 2))


def custom_in_a_branch() -> Any:
    branch = helper.make_graph(
        [helper.make_node("Decode", ["x"], ["o"], domain="ai.onnx.contrib")],
        "branch",
        [],
        [tensor("o", ["N", 2])],
    )
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Equal", ["s", "s"], ["b"]),
        helper.make_node("If", ["b"], ["y"], then_branch=branch, else_branch=branch),
    ]
    made = graph_of(nodes, [tensor("x", ["N", 2])], [tensor("y", ["N", 2])])
    made.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    return made


def unknown_operator() -> Any:
    nodes = [helper.make_node("Wonder", ["x"], ["y"])]
    return graph_of(nodes, [tensor("x", ["N", 2])], [tensor("y", ["N", 2])])


def of_newer_rules() -> Any:
    made = unknown_operator()
    made.ir_version = 99
    return made


def of_newer_operators() -> Any:
    made = unknown_operator()
    made.opset_import[0].version = 999
    return made


def without_dimensions() -> Any:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    return graph_of(nodes, [tensor("x", None)], [tensor("y", None)])


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (custom_in_a_branch(), "operator Decode of the domain 'ai.onnx.contrib', which is code"),
        (unknown_operator(), "operator Wonder of ai.onnx, which ONNX does not have"),
        (of_newer_rules(), r"IR version 99, and \d+ is the newest"),
        (of_newer_operators(), r"ONNX opset 999, and \d+ is the newest"),
        (without_dimensions(), "how many dimensions x has.*--input x:FP32:-1,224,224,3"),
    ],
)
def test_what_cannot_be_read_or_run_is_told_by_name(made: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_model(bytes(made.SerializeToString()))


def test_dimensions_that_a_model_leaves_out_may_be_said() -> None:
    wished = [TensorSpec("x", Datatype.FP32, (-1, 4))]
    signature = check_model(bytes(without_dimensions().SerializeToString()), wished)
    assert signature.inputs[0].shape == (-1, 4)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (TensorSpec("z", Datatype.FP32, (-1, 2)), "no input 'z'.*it takes x:FP32:-1,2"),
        (TensorSpec("x", Datatype.FP64, (-1, 2)), "cannot be FP64"),
        (TensorSpec("x", Datatype.FP32, (-1, 5)), r"cannot be FP32 \[-1, 5\]"),
        (TensorSpec("x", Datatype.FP32, (-1,)), r"cannot be FP32 \[-1\]"),
    ],
)
def test_shapes_that_a_model_cannot_have_are_refused(wish: TensorSpec, said: str) -> None:
    content = bytes(product(numpy_helper.from_array(WEIGHTS, "w")).SerializeToString())
    with pytest.raises(InvalidInput, match=said):
        check_model(content, [wish])


def wide() -> bytes:
    """A convolution that needs 20 samples, the number of which is open."""
    kept = numpy_helper.from_array(np.ones((1, 1, 20), dtype=np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    made = graph_of(nodes, [tensor("x", ["N", 1, "t"])], [tensor("y", ["N", 1, "u"])], [kept])
    return bytes(made.SerializeToString())


def test_lengths_that_a_model_can_take_are_found_by_trying() -> None:
    assert check_model(wide()).inputs[0].shape == (-1, 1, -1)
    predictor = OnnxPredictor(wide())
    assert predictor.example(3)["x"].shape == (3, 1, 32)
    assert predictor.joins_rows


def stateful() -> bytes:
    """Adds what comes to a state of two rows, times a number without dimensions."""
    nodes = [
        helper.make_node("Mul", ["x", "rate"], ["scaled"]),
        helper.make_node("Add", ["state", "scaled"], ["next"]),
    ]
    inputs = [tensor("x", ["N", 3]), tensor("state", [2, "N", 3]), tensor("rate", [])]
    made = graph_of(nodes, inputs, [tensor("next", [2, "N", 3])])
    return bytes(made.SerializeToString())


def test_a_model_with_a_state_is_served_one_request_at_a_time() -> None:
    signature = check_model(stateful())
    assert [spec.shape for spec in signature.inputs] == [(-1, 3), (2, -1, 3), ()]
    assert not signature.takes_rows
    predictor = OnnxPredictor(stateful(), signature)
    assert not predictor.joins_rows
    assert predictor.predict(predictor.example(1))["next"].shape == (2, 1, 3)


SOUND = elsewhere("w.bin")


@given(st.integers(0, len(SOUND)), st.binary(max_size=12))
def test_damaged_models_are_taken_or_refused_and_nothing_else(at: int, put: bytes) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, "m.onnx").write_bytes(SOUND[:at] + put + SOUND[at + len(put) :])
        Path(folder, "w.bin").write_bytes(b"\0" * 64)
        with suppress(InvalidInput, TooLarge):
            check_graph(whole_model(laid_out(Path(folder), "m"), "m.onnx").content)

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from lichen.core.errors import Corrupt, InvalidInput
from lichen.frameworks.importing.formats import FORMATS, Format
from lichen.frameworks.importing.source import laid_out
from lichen.frameworks.language.residents import runtime_file
from lichen.protocol.admin import FileSpec, ImportSpec
from lichen.server.work.importing.leavings import check_leavings
from lichen.server.work.importing.onnx_models import onnx_model


def format_called(name: str) -> Format:
    return next(one for one in FORMATS if one.name == name)


def network(*, is_elsewhere: bool = False) -> bytes:
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [2.0])
    if is_elsewhere:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="/etc/passwd")
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [taken], [given], [weight])
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, ir_version=10, opset_imports=[opset])
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "name",
    ["predictor.py", "forecast.json", "runtime.json", "requirements.txt", "../x", "lichen.json"],
)
def test_nothing_that_lets_a_version_be_loaded_otherwise_is_kept(name: str) -> None:
    files = {"model.onnx": network(), name: runtime_file("spacy")}
    with pytest.raises(Corrupt, match="which no conversion of it has"):
        check_leavings(files, format_called("keras"))


def test_a_network_that_is_tried_out_hides_no_other_that_is_served() -> None:
    files = {"model.onnx": network(), "model.xml": b"<net/>", "model.bin": b""}
    with pytest.raises(Corrupt, match=r"model\.onnx"):
        check_leavings(files, format_called("openvino"))


def test_a_runtime_is_left_by_the_converters_of_its_own_format_alone() -> None:
    files = {"runtime.json": runtime_file("spacy"), "spacy.tar": b""}
    check_leavings(files, format_called("spacy"))
    with pytest.raises(Corrupt, match=r"spacy\.tar"):
        check_leavings(files, format_called("fasttext"))
    files["runtime.json"] = json.dumps({"runtime": ["spacy"]}).encode()
    with pytest.raises(Corrupt, match=r"runtime\.json"):
        check_leavings(files, format_called("spacy"))


def test_a_network_that_reads_another_file_is_never_loaded() -> None:
    check_leavings({"model.onnx": network()}, format_called("keras"))
    assert onnx.load_model_from_string(network()).graph.node
    with pytest.raises(InvalidInput, match="stands in another file"):
        check_leavings({"model.onnx": network(is_elsewhere=True)}, format_called("keras"))


def test_files_beside_a_network_do_not_let_it_be_loaded_otherwise(tmp_path: Path) -> None:
    beside = ("runtime.json", "pipeline.json", "forecast.json", "model.xml", "notes.txt")
    for name in beside:
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "net.onnx").write_bytes(network())
    spec = ImportSpec(name="net", file=FileSpec(upload="u", filename="net"))
    made = onnx_model(spec, laid_out(tmp_path, "net"))
    assert set(made.files) == {"model.onnx", "notes.txt"}

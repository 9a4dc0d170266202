"""Networks that lie, reach outside or bring code: what `lichen models import` says of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lichen.cli.main import run

LENET = Path(__file__).parents[1] / "golden" / "caffe" / "lenet"
WEIGHTS = (LENET / "lenet.caffemodel").read_bytes()
DESCRIBED = (LENET / "deploy.prototxt").read_bytes()
CODE = DESCRIBED.replace(b'type: "LRN"', b'type: "Python" python_param { module: "os" }')
OTHER = DESCRIBED.replace(b"num_output: 32", b"num_output: 31")
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><net name="n" version="11"><layers/></net>'
CUSTOM = b'<net name="n" version="11"><layer name="l" type="Evil" version="extension"/></net>'
SHORT = (
    b'<net name="n" version="11"><layer name="w" type="Const" version="opset1">'
    b'<data offset="0" size="99"/></layer></net>'
)


def onnx_of(domain: str = "", location: str | None = None, opset: int = 18) -> bytes:
    kept = numpy_helper.from_array(np.ones((2, 2), dtype=np.float32), "w")
    if location is not None:
        kept.ClearField("raw_data")
        kept.data_location = TensorProto.EXTERNAL
        kept.external_data.add(key="location", value=location)
    operator = "Decode" if domain else "MatMul"
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w"], ["y"], domain=domain)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [kept],
    )
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"m.onnx": onnx_of("com.example")}, "operator Decode of the domain 'com.example'"),
        ({"m.onnx": onnx_of(location="../../etc/passwd")}, "outside the model's folder"),
        ({"m.onnx": onnx_of(location="w.bin"), "w.bin": b"1"}, "needs 16 bytes"),
        ({"m.onnx": onnx_of(opset=99)}, "of ONNX opset 99"),
        ({"m.onnx": b"nothing like it"}, "no ONNX model"),
        ({"m.xml": BOMB, "m.bin": b"1"}, "declares types or entities"),
        ({"m.xml": CUSTOM, "m.bin": b"1"}, "an extension, which is code of its own"),
        ({"m.xml": SHORT, "m.bin": b"1"}, "m.bin has 1 bytes"),
        ({"m.xml": SHORT}, "no .bin with its weights"),
        ({"n.prototxt": CODE, "n.caffemodel": WEIGHTS}, "code of its own (Python, module os)"),
        ({"n.prototxt": OTHER, "n.caffemodel": WEIGHTS}, "by the prototxt [31, 576]"),
        ({"n.prototxt": DESCRIBED, "n.caffemodel": WEIGHTS[:9999]}, "cut short"),
        ({"n.prototxt": DESCRIBED}, "no caffemodel"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused_is_told_in_one_sentence(
    tmp_path: Path,
    command: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    files: Mapping[str, bytes],
    said: str,
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    before = command("models", "ls")
    assert run(["models", "import", str(folder), "--name", "bad"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert command("models", "ls") == before

"""OpenVINO's own models: looked through before they are read, rows opened, served as it answers."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.importing.comparison import check_faithful
from lichen.frameworks.importing.conversion import TensorWish, Wishes
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.openvino import convert_ir
from lichen.frameworks.importing.source import Source, laid_out
from lichen.frameworks.ir_description import check_weights, read_description
from lichen.frameworks.openvino import core
from lichen.frameworks.openvino_ir import IrAdapter, IrPredictor
from lichen.serving.forms import predictor_of

FLOAT = TensorProto.FLOAT
WEIGHTS = np.random.default_rng(2).normal(size=(4, 3)).astype(np.float32)


def written(folder: Path, nodes: list[Any], shapes: dict[str, tuple[list[Any], list[Any]]]) -> Path:
    """A graph as OpenVINO writes it."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, FLOAT, took) for name, (took, _) in shapes.items()],
        [helper.make_tensor_value_info("y", FLOAT, next(iter(shapes.values()))[1])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    import openvino  # type: ignore[import-untyped]  # noqa: PLC0415 - the runtime is loaded first

    read = core().read_model(model.SerializeToString())
    openvino.save_model(read, folder / "net.xml", compress_to_fp16=False)
    return folder


def product(folder: Path, rows: int | str = 1) -> Source:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Softmax", ["p"], ["y"], axis=1),
    ]
    return laid_out(written(folder, nodes, {"x": ([rows, 4], [rows, 3])}), "net")


def test_a_model_is_known_by_its_content_and_kept_as_it_is(tmp_path: Path) -> None:
    source = product(tmp_path)
    found = format_of(source)
    assert found is not None
    assert found.name == "openvino"
    made = convert_ir(source, Wishes())
    assert made.files["model.xml"] == source.read("net.xml")
    assert made.files["model.bin"] == source.read("net.bin")
    assert made.library.startswith("OpenVINO 20")


@pytest.mark.parametrize("rows", [1, 3, "N"])
def test_rows_are_opened_where_each_is_its_own(tmp_path: Path, rows: int | str) -> None:
    made = convert_ir(product(tmp_path, rows), Wishes())
    assert made.signature is not None
    assert made.signature.inputs[0].shape == (-1, 4)
    served = predictor_of(made.files, made.signature)
    assert served.joins_rows
    assert check_faithful(served, made).largest_difference < 1e-6
    values = np.random.default_rng(4).normal(size=(7, 4)).astype(np.float32)
    by_hand = np.exp(values @ WEIGHTS)
    by_hand /= by_hand.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(served.predict(Batch({"x": values}))["y"], by_hand, atol=1e-6)


def test_a_model_that_mixes_its_rows_keeps_its_own_size(tmp_path: Path) -> None:
    nodes = [helper.make_node("Softmax", ["x"], ["y"], axis=0)]
    made = convert_ir(laid_out(written(tmp_path, nodes, {"x": ([3, 4], [3, 4])}), "net"), Wishes())
    assert made.signature is not None
    assert made.signature.inputs[0].shape == (3, 4)
    assert made.trial.is_one
    served = predictor_of(made.files, made.signature)
    assert not served.joins_rows
    check_faithful(served, made)


def test_the_older_format_is_read_and_others_are_told(tmp_path: Path) -> None:
    source = product(tmp_path)
    xml = source.read("net.xml")
    older = xml.replace(b'version="11"', b'version="10"', 1)
    source.path("net.xml").write_bytes(older)
    assert convert_ir(source, Wishes()).parameters["ir_version"] == "10"
    source.path("net.xml").write_bytes(xml.replace(b'version="11"', b'version="7"', 1))
    with pytest.raises(InvalidInput, match=r"version 7 of OpenVINO's format.*2022\.1"):
        convert_ir(source, Wishes())


def test_missing_and_short_weights_get_a_sentence(tmp_path: Path) -> None:
    source = product(tmp_path)
    weights = source.read("net.bin")
    source.path("net.bin").write_bytes(weights[:-4])
    with pytest.raises(InvalidInput, match=r"net\.bin has 44 bytes, .* reach to 48"):
        convert_ir(source, Wishes())
    source.path("net.bin").unlink()
    with pytest.raises(InvalidInput, match=r"no \.bin with its weights"):
        format_of(laid_out(tmp_path, "net"))


NET = '<net name="n" version="11"><layers>{}</layers></net>'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + NET.format("<layer name='&b;'/>")
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + NET.format("<layer name='l'/>")


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        (BOMB, "declares types or entities"),
        (FILE, "declares types or entities"),
        (NET.format('<layer name="l" type="Evil" version="extension"/>'), "'l' is Evil.*extension"),
        (NET.format('<layer name="l" type="FrameworkNode" version="opset1"/>'), "code of its own"),
        (NET.format('<layer name="l" type="ReadValue" version="opset6"/>'), "keeps a state"),
        (
            NET.format('<layer name="l" type="Const" version="opset1"><data offset="-1"/></layer>'),
            "where its numbers stand",
        ),
        (NET.format(""), "no layers"),
        ("<html></html>", "'html', and no network"),
        (NET[:30], "cannot be read"),
        ("no xml", "cannot be read"),
    ],
)
def test_what_no_plain_model_holds_is_refused_before_it_is_read(xml: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_description(xml.encode())


@pytest.mark.parametrize("xml", [BOMB, FILE, NET.format('<layer type="E" version="extension"/>')])
def test_it_is_looked_through_whatever_way_it_came_into_a_version(xml: str) -> None:
    files = {"model.xml": xml.encode(), "model.bin": b""}
    with pytest.raises(InvalidInput, match=r"declares types|extension"):
        IrAdapter().load(files, None)


def test_constants_may_reach_to_the_end_of_the_weights(tmp_path: Path) -> None:
    source = product(tmp_path)
    said = read_description(source.read("net.xml"))
    assert said.bytes_needed == 48
    check_weights(said, 48, "net.bin")


def test_shapes_may_be_said_and_unknown_inputs_are_named(tmp_path: Path) -> None:
    source = product(tmp_path)
    wish = TensorWish(name="x", datatype=Datatype.FP32, shape=(2, 4))
    made = convert_ir(source, Wishes(inputs=(wish,)))
    assert len(made.trial.inputs["x"]) == 1000
    with pytest.raises(InvalidInput, match="no input 'z': it takes x"):
        convert_ir(source, Wishes(inputs=(TensorWish(name="z", datatype=Datatype.FP32, shape=()),)))


def test_one_of_several_models_is_asked_for(tmp_path: Path) -> None:
    source = product(tmp_path)
    for suffix in (".xml", ".bin"):
        source.path(f"other{suffix}").write_bytes(source.read(f"net{suffix}"))
    both = laid_out(tmp_path, "two")
    with pytest.raises(InvalidInput, match=r"net\.xml, other\.xml: say --entry"):
        convert_ir(both, Wishes())
    assert convert_ir(both, Wishes(entry="other.xml")).algorithm.startswith("OpenVINO model")


def test_a_signature_of_other_tensors_and_missing_files_are_refused(tmp_path: Path) -> None:
    source = product(tmp_path)
    files = {"model.xml": source.read("net.xml"), "model.bin": source.read("net.bin")}
    other = Signature((TensorSpec("z", Datatype.FP32, (-1, 4)),), ())
    with pytest.raises(InvalidInput, match="inputs are not those"):
        IrAdapter().load(files, other)
    with pytest.raises(InvalidInput, match=r"no model\.bin"):
        IrAdapter().load({"model.xml": b""}, None)


def test_what_cannot_be_computed_fails_as_a_sentence(tmp_path: Path) -> None:
    source = product(tmp_path)
    served = IrPredictor(source.read("net.xml"), source.read("net.bin"))
    with pytest.raises(WorkFailed, match="could not compute"):
        served.predict(Batch({"x": np.zeros((1, 9), dtype=np.float32)}))
    served.close()
    with pytest.raises(WorkFailed, match="unloaded"):
        served.predict(served.example(1))


SOUND = NET.format(
    '<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,4"/></layer>'
    '<layer id="1" name="w" type="Const" version="opset1"><data offset="0" size="48"/></layer>'
).encode()


@given(st.integers(0, len(SOUND)), st.binary(max_size=12))
def test_damaged_xml_is_read_or_refused_and_nothing_else(at: int, put: bytes) -> None:
    with suppress(InvalidInput):
        read_description(SOUND[:at] + put + SOUND[at + len(put) :])

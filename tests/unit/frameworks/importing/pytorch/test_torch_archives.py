"""Archives of PyTorch are told apart by what lies in them, and looked through before PyTorch is."""

import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.pytorch.archives import Kind, check_pickles, kind_of
from lichen.frameworks.importing.pytorch.programs import check_program
from lichen.frameworks.importing.pytorch.torchscript import _check_code, _tensors
from lichen.frameworks.importing.source import Source, laid_out

GRAPH: dict[str, Any] = {
    "graph_module": {
        "graph": {
            "nodes": [
                {"target": "torch.ops.aten.linear.default", "inputs": []},
                {"target": "_operator.floordiv", "inputs": []},
            ],
            "sym_int_values": {
                "s77": {"as_expr": {"expr_str": "Symbol('s77', positive=True, integer=True)"}},
                "half": {"as_expr": {"expr_str": "Add(FloorDiv(Symbol('s77'), 2), Integer(1))"}},
            },
        },
        "module_call_graph": [
            {
                "signature": {
                    "in_spec": json.dumps(
                        [1, {"type": "builtins.dict", "context": '["a"]', "children_spec": []}]
                    ),
                    "out_spec": json.dumps([1, {"type": None, "context": None}]),
                }
            }
        ],
    },
    "range_constraints": {"s77": {"min_val": 0, "max_val": None}},
}
WEIGHTS = {"config": {"w": {"path_name": "weight_0", "use_pickle": False, "tensor_meta": {"d": 7}}}}


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def archive(folder: Path, members: Mapping[str, object], name: str = "model.pt2") -> Source:
    with zipfile.ZipFile(folder / name, "w") as made:
        for member, content in members.items():
            plain = content if isinstance(content, bytes) else json.dumps(content).encode()
            made.writestr(f"root/{member}", plain)
    return laid_out(folder, name)


def program(**changed: object) -> dict[str, object]:
    samples = io.BytesIO()
    with zipfile.ZipFile(samples, "w") as made:
        made.writestr("archive/data.pkl", pickle.dumps(OrderedDict(), protocol=2))
    return {
        "archive_format": b"pt2",
        "archive_version": b"0",
        ".data/version": b"6",
        "data/weights/weight_0": bytes(4),
        "data/weights/model_weights_config.json": WEIGHTS,
        "data/constants/model_constants_config.json": {"config": {}},
        "data/sample_inputs/model.pt": samples.getvalue(),
        "models/model.json": GRAPH,
        **changed,
    }


def with_node(target: str) -> dict[str, object]:
    return {"models/model.json": {"nodes": [{"target": target}]}}


def with_shape(text: str) -> dict[str, object]:
    return {"models/model.json": {"x": {"as_expr": {"expr_str": text}}}}


def with_structure(said: object) -> dict[str, object]:
    return {"models/model.json": {"signature": {"in_spec": json.dumps([1, said])}}}


def script(pickled: bytes, code: bytes = b"def forward(x):\n  return x\n") -> dict[str, object]:
    return {"code/net.py": code, "constants.pkl": b"\x80\x02).", "data.pkl": pickled}


def test_a_program_of_plain_tensors_passes(tmp_path: Path) -> None:
    source = archive(tmp_path, program())
    assert kind_of(source) is Kind.PROGRAM
    check_program(source)
    found = format_of(source)
    assert found is not None
    assert found.name == "torch-export"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (with_node("torch.serialization.os.system"), "no operator of PyTorch"),
        (with_node("torch.hub.load"), "no operator of PyTorch"),
        (with_node("torch.ops.mine.act.default"), "without custom operators"),
        (with_node("torch.ops.aten.from_file.default"), "no operator of PyTorch"),
        (with_node("_operator.methodcaller"), "no operator of PyTorch"),
        (with_node("#mine.op"), "no operator of PyTorch"),
        (with_shape("__import__('os').system('true')"), "no arithmetic"),
        (with_shape("().__class__"), "no arithmetic"),
        (with_shape("Symbol('s1').__class__"), "no arithmetic"),
        (with_shape("exec(s0)"), "no arithmetic"),
        ({"models/model.json": {"range_constraints": {"open('x')": {}}}}, "no arithmetic"),
        (with_structure({"type": "collections.defaultdict", "context": "{}"}), "takes or gives"),
        (
            with_structure(
                {"type": "builtins.dict", "context": '[{"\\u005f_enum__": true, "fqn": "os:x"}]'}
            ),
            "classes of its own",
        ),
        ({"models/model.json": {"as_custom_obj": {"name": "x"}}}, "object of a class"),
        ({"models/model.json": b"no json"}, "no JSON"),
        ({"data/constants/custom_obj_0": b"x"}, "custom_obj_0"),
        ({"data/constants/opaque_obj_0": pickle.dumps(1)}, "opaque_obj_0"),
        ({"data/weights/model.pt": b"x"}, "weights/model.pt"),
        ({"data/aotinductor/model/model.so": b"\x7fELF"}, "model.so"),
        (
            {"data/weights/model_weights_config.json": {"config": {"w": {"use_pickle": True}}}},
            "keeps 'w' as a pickle",
        ),
        ({"data/sample_inputs/model.pt": pickle.dumps(Evil())}, "hides a pickle"),
    ],
)
def test_a_program_that_might_run_anything_else_is_refused(
    tmp_path: Path, changed: dict[str, object], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        check_program(archive(tmp_path, program(**changed)))


def test_example_inputs_that_call_a_function_are_refused(tmp_path: Path) -> None:
    samples = io.BytesIO()
    with zipfile.ZipFile(samples, "w") as made:
        made.writestr("archive/data.pkl", pickle.dumps(Evil(), protocol=2))
    changed = {"data/sample_inputs/model.pt": samples.getvalue()}
    with pytest.raises(InvalidInput, match="would call"):
        check_program(archive(tmp_path, program(**changed)))


@pytest.mark.parametrize(
    ("member", "why"),
    [("../data.pkl", "a path outside"), ("archive/data.pkl", "damaged zip archive")],
)
def test_an_archive_of_example_inputs_is_as_sound_as_the_program(
    tmp_path: Path, member: str, why: str
) -> None:
    samples = io.BytesIO()
    with zipfile.ZipFile(samples, "w") as made:
        made.writestr(member, pickle.dumps(OrderedDict(), protocol=2))
    content = bytearray(samples.getvalue())
    if member == "archive/data.pkl":  # a version of the form that nobody reads
        content[content.index(b"PK\x01\x02") + 6] = 99
    changed = {"data/sample_inputs/model.pt": bytes(content)}
    with pytest.raises(InvalidInput, match=why):
        check_program(archive(tmp_path, program(**changed)))


@pytest.mark.parametrize(
    ("pickled", "why"),
    [
        (
            b"\x80\x04\x8c\x05posix\x8c\x06system\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2"
            b"00\x93\x8c\x04true\x85R.",
            "would call",
        ),
        (b"ctorch.utils.collect_env\nrun\n(S'true'\ntR\xff", "would call"),
        (b"cmine.own\nrun\n(S'true'\ntR\xff", "no whole pickle"),
        (b"\x80\x02ccollections\nOrderedDict\n)R", "no whole pickle"),
        (b"\x80\x04ctorch.jit._pickle\ntorch.hub.load\n.", "would call"),
        (b"no pickle", "no whole pickle"),
    ],
    ids=["beneath", "breaks off", "of any package", "no end", "by a path of names", "none"],
)
def test_pickles_that_hide_what_they_call_are_refused(
    tmp_path: Path, pickled: bytes, why: str
) -> None:
    samples = io.BytesIO()
    with zipfile.ZipFile(samples, "w") as made:
        made.writestr("archive/data.pkl", pickled)
    exported, scripted = tmp_path / "exported", tmp_path / "scripted"
    exported.mkdir()
    scripted.mkdir()
    changed = {"data/sample_inputs/model.pt": samples.getvalue()}
    with pytest.raises(InvalidInput, match=why):
        check_program(archive(exported, program(**changed)))
    with pytest.raises(InvalidInput, match=why):
        check_pickles(archive(scripted, script(pickled), "model.pt"))


def test_a_second_model_beside_the_program_is_refused(tmp_path: Path) -> None:
    source = archive(tmp_path, program())
    with zipfile.ZipFile(source.path("model.pt2"), "a") as made:
        made.writestr("other/data.pkl", b"")
    with pytest.raises(InvalidInput, match="more than one model"):
        check_program(source)


def test_torchscript_may_name_its_own_types_and_tensors(tmp_path: Path) -> None:
    plain = (
        b"\x80\x02c__torch__\nNet\nq\x00ctorch._utils\n_rebuild_tensor_v2\nctorch\nFloatStorage\n."
    )
    source = archive(tmp_path, script(plain), "model.pt")
    assert kind_of(source) is Kind.SCRIPT
    check_pickles(source)
    _check_code(source)


def test_torchscript_with_a_pickle_that_calls_is_refused(tmp_path: Path) -> None:
    source = archive(tmp_path, script(pickle.dumps(Evil(), protocol=2)), "model.pt")
    with pytest.raises(InvalidInput, match=r"data\.pkl that would call .*system"):
        check_pickles(source)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"x = torch.from_file('/etc/passwd', True, 3)", "reads or writes files by from_file"),
        (b"y = ops.mine.act(x)", "'mine', a library of its own"),
        (b"y : __torch__.torch.classes.mine.Box = x", "'mine', a library of its own"),
    ],
)
def test_torchscript_that_leaves_its_tensors_is_refused(
    tmp_path: Path, code: bytes, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        _check_code(archive(tmp_path, script(b"\x80\x02).", code), "model.pt"))


def test_a_pickled_module_is_a_pickle_whatever_it_is_called(tmp_path: Path) -> None:
    members = {"data.pkl": pickle.dumps(Evil()), "data/0": b"", "version": b"3"}
    source = archive(tmp_path, members, "model.onnx")
    assert kind_of(source) is Kind.PICKLE
    found = format_of(source)
    assert found is not None
    assert found.is_pickle
    assert not found.checks_pickles


def test_a_pickle_of_an_old_pytorch_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "m.pth").write_bytes(bytes.fromhex("80028a0a6cfc9c46f9206aa850192e8002"))
    assert kind_of(laid_out(tmp_path, "m.pth")) is Kind.OLD_PICKLE


def test_a_program_of_an_old_form_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt2", "w") as made:
        made.writestr("serialized_exported_program.json", "{}")
    with pytest.raises(InvalidInput, match=r"PyTorch before 2\.7"):
        format_of(laid_out(tmp_path, "m.pt2"))


def test_other_archives_are_none_of_pytorch(tmp_path: Path) -> None:
    assert kind_of(archive(tmp_path, {"config.json": {}}, "m.keras")) is None


def test_shapes_of_traced_inputs_are_read_off_their_pickle() -> None:
    storage = (
        b"(X\x07\x00\x00\x00storageq\x00%sX\x01\x00\x00\x000q\x02X\x03\x00\x00\x00cpuq\x03K\x0ctQ"
    )
    first = storage % b"ctorch\nFloatStorage\nq\x01" + b"K\x00(K\x04K\x03t(K\x03K\x01t"
    second = storage % b"h\x01" + b"K\x00(K\x02K\x05K\x06t(K\x1eK\x06K\x01t"
    shapes = [shape for _, shape in _tensors(b"\x80\x02" + first + second + b".")]
    assert shapes == [(4, 3), (2, 5, 6)]

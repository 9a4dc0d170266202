"""What the script in a guest reads and writes is what this side writes and reads."""

import socket
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import WorkFailed
from lichen.core.tensors import Datatype, TensorSpec
from lichen.serving.guests.main import (
    BadPredictor,
    CustomModel,
    Head,
    from_tensors,
    open_custom,
    receive_frame,
    send_frame,
    serve,
    to_tensors,
)
from lichen.serving.guests.words import check_output, packed, unpacked

DATATYPES = [one for one in Datatype if one is not Datatype.BF16]


@st.composite
def tensors(draw: st.DrawFn) -> tuple[TensorSpec, Array]:
    datatype = draw(st.sampled_from(DATATYPES))
    shape = draw(array_shapes(max_dims=3, max_side=4))
    elements = st.binary(max_size=5) if datatype is Datatype.BYTES else None
    values = draw(arrays(NUMPY_OF_DATATYPE[datatype], shape, elements=elements))
    name = draw(st.text(max_size=5))
    return TensorSpec(name, datatype, (-1,)), values


def same(left: Array, right: Array) -> None:
    assert left.dtype == right.dtype
    assert left.shape == right.shape
    assert left.tolist() == right.tolist() or np.array_equal(left, right, equal_nan=True)


@given(st.lists(tensors(), max_size=4, unique_by=lambda one: one[0].name))
def test_tensors_pass_both_ways_as_they_were(drawn: list[tuple[TensorSpec, Array]]) -> None:
    specs = [spec for spec, _ in drawn]
    given_values = {spec.name: values for spec, values in drawn}
    head, parts = packed(specs, given_values)
    raw = memoryview(bytearray(b"".join(parts)))
    there = to_tensors(head["tensors"], raw)
    for name, values in given_values.items():
        same(values, there[name])
    plain: list[Head] = [{"name": spec.name, "datatype": spec.datatype.value} for spec in specs]
    heads, back_parts = from_tensors(plain, there)
    back = unpacked({"tensors": heads}, memoryview(b"".join(back_parts)))
    for name, values in given_values.items():
        same(values, back[name])


@given(st.binary(max_size=200), st.integers(1, 50))
def test_a_frame_is_read_as_it_was_written_however_it_is_cut(content: bytes, size: int) -> None:
    written: list[bytes] = []

    class Kept:
        def sendall(self, data: bytes, /) -> None:
            written.append(data)

        def recv(self, most: int, /) -> bytes:
            part, written[0] = written[0][: min(most, size)], written[0][min(most, size) :]
            return part

    kept = Kept()
    send_frame(kept, {"a": 1}, [content])
    frame = receive_frame(kept, len(content))
    assert frame is not None
    assert (frame[0], bytes(frame[1])) == ({"a": 1}, content)
    assert receive_frame(kept, 0) is None
    send_frame(kept, {}, [content + b"."])
    del written[0]
    with pytest.raises(ValueError, match="is over the limit"):
        receive_frame(kept, len(content))


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"tensors": 3},
        {"tensors": [{"name": "x"}]},
        {"tensors": [{"name": "x", "datatype": "FP99", "shape": [1], "size": 4}]},
        {"tensors": [{"name": "x", "datatype": "FP32", "shape": [2], "size": 4}]},
        {"tensors": [{"name": "x", "datatype": "FP32", "shape": [-1], "size": 4}]},
        {"tensors": [{"name": "x", "datatype": "FP32", "shape": ["a"], "size": 4}]},
    ],
)
def test_an_answer_that_does_not_fit_its_bytes_is_none(head: Head) -> None:
    with pytest.raises(WorkFailed, match="said what is no answer"):
        unpacked(head, memoryview(b"abcd"))


def test_an_output_may_have_any_length_where_its_signature_says_so() -> None:
    spec = TensorSpec("y", Datatype.FP32, (-1, -1, 2))
    check_output(spec, {"y": np.zeros((3, 7, 2), np.float32)}, 3)
    with pytest.raises(WorkFailed, match="in shape \\[3, 7, 1\\]"):
        check_output(spec, {"y": np.zeros((3, 7, 1), np.float32)}, 3)


def model(**changed: object) -> CustomModel:
    stated = {
        "inputs": [("x", "FP32", [-1])],
        "outputs": [("y", "FP32", [-1])],
        "predict": lambda self, inputs: inputs,  # noqa: ARG005
    }
    return CustomModel(type("Made", (), {**stated, **changed}))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"inputs": "x"}, "class Made needs inputs, a list such as"),
        ({"outputs": []}, "class Made needs outputs"),
        ({"inputs": [("x", "FP32")]}, "give name, datatype, shape"),
        ({"inputs": [{"name": "x", "datatype": "FP32"}]}, "give name, datatype, shape"),
        ({"inputs": [("", "FP32", [-1])]}, "have a name that is no text"),
        ({"inputs": [("x", "FLOAT", [-1])]}, "state datatype 'FLOAT': take one of"),
        ({"inputs": [("x", "FP32", [3])]}, "the first length is -1, the rows"),
    ],
)
def test_a_signature_that_cannot_be_served_is_refused(
    changed: dict[str, object], says: str
) -> None:
    with pytest.raises(BadPredictor, match=says):
        model(**changed)


def test_outputs_become_what_the_signature_states_if_that_loses_nothing_but_precision() -> None:
    made = model(predict=lambda _self, inputs: {"y": inputs["x"].astype("f8") / 3})
    assert made.predict({"x": np.ones(2, np.float32)})["y"].dtype == np.float32
    cut = model(outputs=[("y", "INT32", [-1])], predict=lambda _self, inputs: {"y": inputs["x"]})
    with pytest.raises(BadPredictor, match="'y' holds float32, and its datatype is INT32"):
        cut.predict({"x": np.ones(2, np.float32)})


def test_the_script_serves_until_the_other_side_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "predictor.py").write_text(
        "class One:\n"
        "    inputs = outputs = [('x', 'FP32', [-1])]\n"
        "    def predict(self, inputs):\n"
        "        return {'x': 1 // int(inputs['x'].all()) * inputs['x']}\n"
        "    def example(self, rows):\n"
        "        return {'x': [1.0] * rows}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "predictor", None)
    ours, theirs = socket.socketpair()
    codes: list[int] = []
    script = Thread(target=lambda: codes.append(serve(theirs, open_custom)))
    script.start()
    told = receive_frame(ours, 0)
    assert told is not None
    assert told[0]["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1]}]
    spec = TensorSpec("x", Datatype.FP32, (-1,))
    send_frame(ours, {"ask": "example", "rows": 2})
    answer = receive_frame(ours, 100)
    assert answer is not None
    assert unpacked(*answer)["x"].tolist() == [1.0, 1.0]
    for value, outcome in ((2.0, "tensors"), (0.0, "error"), (4.0, "tensors")):
        head, parts = packed([spec], {"x": np.full(3, value, np.float32)})
        send_frame(ours, {"ask": "predict", **head}, parts)
        answer = receive_frame(ours, 100)
        assert answer is not None
        assert list(answer[0]) == [outcome]
    ours.close()
    script.join()
    theirs.close()
    assert codes == [0]
    assert (
        capsys.readouterr()
        .err.rstrip()
        .endswith("ZeroDivisionError: integer division or modulo by zero")
    )

"""Requests in JSON, as clients really write them, and what is wrong with others."""

import json

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype
from lichen.protocol.codec import LONG_BODY_BYTES, answer_head, decode, encode

SHORT, LONG = (2, 3), (50, 30)


def request(data: object, shape: tuple[int, ...], datatype: str = "FP32", name: str = "x") -> bytes:
    tensor = {"name": name, "shape": list(shape), "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


def numbers(shape: tuple[int, ...]) -> Array:
    return (np.arange(np.prod(shape)).reshape(shape) / 8).astype(np.float32)


@pytest.mark.parametrize("shape", [SHORT, LONG, (5, 20, 7), (1,), (0, 4), (700,)])
@pytest.mark.parametrize("nested", [True, False])
def test_numbers_arrive_flat_or_nested(shape: tuple[int, ...], *, nested: bool) -> None:
    values = numbers(shape)
    body = request(values.tolist() if nested else values.ravel().tolist(), shape)
    found = decode(body).tensors["x"]
    assert found.dtype == np.float32
    assert found.shape == shape
    np.testing.assert_array_equal(found, values)


def test_id_and_requested_outputs_are_read() -> None:
    body = json.loads(request([1, 2], (2,)))
    asked = {**body, "id": "7", "outputs": [{"name": "y"}, {"name": "z"}], "parameters": {"a": 1}}
    decoded = decode(json.dumps(asked).encode())
    assert decoded.id == "7"
    assert decoded.outputs == ("y", "z")
    padded = {**asked, "parameters": {"a": "0" * LONG_BODY_BYTES}}
    assert decode(json.dumps(padded).encode()).outputs == ("y", "z")


@pytest.mark.parametrize("padding", ["", "0" * LONG_BODY_BYTES])
def test_parameters_nobody_knows_are_passed_over_when_they_have_a_type(padding: str) -> None:
    body = json.loads(request([1, 2], (2,)))
    known: list[object] = ["text", 1, 0.5, True, None]
    for value in known:
        asked = {**body, "parameters": {"mine": value, "padding": padding}}
        assert list(decode(json.dumps(asked).encode()).tensors) == ["x"]
    unknown: list[object] = [[1], {"a": 1}]
    for value in unknown:
        asked = {**body, "parameters": {"mine": value, "padding": padding}}
        with pytest.raises(InvalidInput, match=r"\$\.parameters"):
            decode(json.dumps(asked).encode())


@pytest.mark.parametrize("shape", [SHORT, LONG])
def test_both_ways_of_reading_refuse_the_same(shape: tuple[int, ...]) -> None:
    flat = numbers(shape).ravel().tolist()
    for wrong, said in (
        ([*flat[:-1], "1"], "no FP32"),
        ([*flat[:-1], None], "no FP32"),
        ([*flat[:-1], True], "no FP32"),
        (flat[:-1], "holds"),
        ([*flat, 1.0], "holds"),
        ([*flat[:-1], [1.0]], "no FP32"),
        ([flat], "nested"),
        ({"a": 1}, "no FP32"),
        (3.0, "no FP32"),
    ):
        with pytest.raises(InvalidInput, match=f"input 'x' .*{said}"):
            decode(request(wrong, shape))


def test_ragged_rows_are_refused_even_when_the_count_fits() -> None:
    rows = numbers(LONG).tolist()
    rows[0], rows[1] = rows[0][:-1], [*rows[1], 0.0]
    with pytest.raises(InvalidInput, match="ragged"):
        decode(request(rows, LONG))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("length", [4, 900])
def test_nan_and_infinity_are_named_with_their_position(value: str, length: int) -> None:
    data = ", ".join(["1.5"] * (length - 1) + [value])
    shape = f'"shape":[{length}],"datatype":"FP32"'
    body = b'{"inputs":[{"name":"x",%b,"data":[%b]}]}' % (shape.encode(), data.encode())
    with pytest.raises(InvalidInput, match=rf"input 'x' holds \w+ at position \[{length - 1}\]"):
        decode(body)


@pytest.mark.parametrize("repeats", [1, 500])
def test_what_overflows_its_datatype_becomes_infinity_for_the_plane_to_refuse(
    repeats: int,
) -> None:
    found = decode(request([1e300] * repeats, (repeats,))).tensors["x"]
    assert np.isinf(found).all()


@pytest.mark.parametrize(
    ("datatype", "too_much"),
    [
        ("INT8", 128),
        ("UINT8", 256),
        ("UINT8", -1),
        ("INT16", 2**15),
        ("INT32", 2**31),
        ("UINT32", -1),
        ("UINT64", 2**64),
        ("INT64", 2**63),
        ("INT32", 1.5),
    ],
)
@pytest.mark.parametrize("repeats", [1, 900])
def test_integers_outside_their_datatype_are_refused(
    datatype: str, too_much: float, repeats: int
) -> None:
    with pytest.raises(InvalidInput, match="input 'x'"):
        decode(request([too_much] * repeats, (repeats,), datatype))


def test_texts_and_truth_values() -> None:
    texts = decode(request([["a", "é"], ["", "z" * 3000]], (2, 2), "BYTES")).tensors["x"]
    assert texts.tolist() == [[b"a", "é".encode()], [b"", b"z" * 3000]]
    truths = decode(request([True, False] * 500, (1000,), "BOOL")).tensors["x"]
    assert truths.dtype == np.bool_
    with pytest.raises(InvalidInput, match="ragged"):
        decode(request([["a"], []], (2, 1), "BYTES"))
    with pytest.raises(InvalidInput, match="no BOOL"):
        decode(request([1, 0], (2,), "BOOL"))
    with pytest.raises(InvalidInput, match="BF16"):
        decode(request([1.0], (1,), "BF16"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"inputs": 1}',
        b'{"inputs": [{"name": "x"}]}',
        b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP31", "data": [1]}]}',
        b'{"inputs": [{"name": "x", "shape": [-1], "datatype": "FP32", "data": [1]}]}',
        b'{"inputs": [{"name": "x", "shape": [1.5], "datatype": "FP32", "data": [1]}]}',
        b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}',
        b"\xff\xfe",
        b"{" * 100_000,
        b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": ' + b"[" * 100_000,
        b"not json at all " * 500,
        b'{"inputs": ' + b" " * 5000 + b"null}",
    ],
)
def test_anything_else_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode(body)
    assert len(str(refused.value)) < 400
    assert "\n" not in str(refused.value)


def test_an_input_given_twice_is_refused() -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}
    with pytest.raises(InvalidInput, match="twice"):
        decode(json.dumps({"inputs": [tensor, tensor]}).encode())


def test_an_answer_reads_back() -> None:
    outputs = {
        "y": np.array([[0.1, 2.0]], dtype=np.float32),
        "label": np.array(["a", b"\xc3\xa9"], dtype=np.object_),
        "n": np.array([2**63], dtype=np.uint64),
        "b": np.array([[[True]]]),
    }
    said = json.loads(encode(answer_head('m"1', "3"), outputs, "i\n"))
    assert (said["model_name"], said["model_version"], said["id"]) == ('m"1', "3", "i\n")
    by_name = {output["name"]: output for output in said["outputs"]}
    assert by_name["y"]["shape"] == [1, 2]
    assert np.float32(by_name["y"]["data"][0]) == np.float32(0.1)
    assert by_name["label"]["data"] == ["a", "é"]
    assert by_name["label"]["datatype"] == Datatype.BYTES
    assert by_name["n"]["data"] == [2**63]
    assert by_name["b"] == {"name": "b", "datatype": "BOOL", "shape": [1, 1, 1], "data": [True]}
    assert "id" not in json.loads(encode(answer_head("m", "1"), outputs, None))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_answer_never_holds_nan(wrong: float) -> None:
    values = np.array([[1.0, wrong]], dtype=np.float64)
    with pytest.raises(WorkFailed, match=r"output 'y' .* at position \[0, 1\]"):
        encode(answer_head("m", "1"), {"y": values}, None)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"4611686018427387904, " * 100 + b"1]",
        b'{"inputs": [' + b"4611686018427387904, " * 100 + b"1]}",
        b'{"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": ["\xff"]}]}',
        b'{"inputs": [{"name": "\xff", "datatype": "FP32", "shape": [1], "data": [1]}]}',
    ],
)
def test_numbers_where_objects_should_be_and_bytes_that_are_no_text_are_the_callers_fault(
    body: bytes,
) -> None:
    with pytest.raises(InvalidInput):
        decode(body)

"""What is refused in the binary form, and in which words."""

import json
from typing import Any

import numpy as np
import pytest

from lichen.core.errors import InvalidInput, WorkFailed
from lichen.protocol.binary import decode_parted, encode_parted
from lichen.protocol.codec import answer_head, decode, encode
from lichen.protocol.oip import BinaryOutputs

RAW = np.array([1.5, 2.5], dtype="<f4").tobytes()
HEAD = answer_head("m", "1")


def tensor(size: object = 8, **more: object) -> dict[str, object]:
    given = {"name": "x", "shape": [2], "datatype": "FP32"}
    return {**given, "parameters": {"binary_data_size": size}, **more}


def parted(raw: bytes = RAW, *tensors: object, **envelope: object) -> Any:  # noqa: ANN401
    header = json.dumps({"inputs": tensors or [tensor()], **envelope}).encode()
    return decode_parted(header + raw, str(len(header)))


@pytest.mark.parametrize(
    ("raw", "given", "said"),
    [
        (RAW[:-1], tensor(), "'x' states binary_data_size 8, and only 7 bytes"),
        (RAW + b"0", tensor(), "goes on for 1 bytes"),
        (RAW[:4], tensor(4), "which is 8 bytes, and comes with 4"),
        (RAW, tensor(-8), "no number of bytes"),
        (RAW, tensor("8"), "no number of bytes"),
        (RAW, tensor(size=True), "no number of bytes"),
        (RAW, tensor(data=[1, 2]), "data as well as"),
        (RAW, tensor(shape=[-2]), "must not be negative"),
        (RAW, tensor(shape=[2**40, 2**40]), "which is"),
        (b"", tensor(0, shape=[0, 2**70]), "no array can have"),
        (b"\1\2", tensor(2, datatype="BOOL"), "no BOOL"),
        (b"\1\0\0\0", tensor(4, datatype="BYTES"), "cannot hold their lengths"),
        (b"\4\0\0\0aaaa", tensor(8, datatype="BYTES"), "ends before element 1"),
        (b"\0\0\0\0\\9\0\0\0", tensor(9, datatype="BYTES"), "element 1"),
        (b"\0\0\0\0\0\0\0\0a", tensor(9, datatype="BYTES"), "goes on for 1 bytes"),
    ],
)
def test_sizes_that_do_not_add_up(raw: bytes, given: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parted(raw, given)


@pytest.mark.parametrize(
    ("length", "said"),
    [("999", "has only"), ("-1", "whole number"), ("1e3", "whole number")],
)
def test_header_lengths_that_cannot_be(length: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        decode_parted(b'{"inputs":[]}', length)


def test_a_whole_body_in_json_may_say_its_length() -> None:
    body = json.dumps({"inputs": [tensor(parameters=None, data=[1, 2])]}).encode()
    assert decode_parted(body, str(len(body))).tensors["x"].tolist() == [1, 2]


def test_json_and_bytes_side_by_side() -> None:
    in_json = {"name": "j", "shape": [1], "datatype": "INT64", "data": [7]}
    decoded = parted(RAW, in_json, tensor())
    assert {name: values.tolist() for name, values in decoded.tensors.items()} == {
        "j": [7],
        "x": [1.5, 2.5],
    }


def test_bytes_without_the_header_are_missed_by_name() -> None:
    with pytest.raises(InvalidInput, match="Inference-Header-Content-Length"):
        decode(json.dumps({"inputs": [tensor()]}).encode())


@pytest.mark.parametrize(
    ("envelope", "wanted"),
    [
        ({}, None),
        ({"parameters": {"other": 1}}, None),
        ({"parameters": {"binary_data_output": True}}, {"a": True, "b": True}),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}],
            },
            {"a": False, "b": True},
        ),
        (
            {"outputs": [{"name": "a", "parameters": {"binary_data": True}}, {"name": "b"}]},
            {"a": True, "b": False},
        ),
        ({"outputs": [{"name": "a", "parameters": {"binary_data": False}}]}, None),
    ],
)
def test_which_outputs_go_in_bytes(envelope: Any, wanted: dict[str, bool] | None) -> None:  # noqa: ANN401
    binary = parted(RAW, tensor(), **envelope).binary
    said = None if binary is None else {name: binary.has(name) for name in "ab"}
    assert said == wanted


@pytest.mark.parametrize(
    "envelope",
    [
        {"parameters": {"binary_data_output": "yes"}},
        {"outputs": [{"name": "a", "parameters": {"binary_data": 1}}]},
    ],
)
def test_flags_are_true_or_false(envelope: Any) -> None:  # noqa: ANN401
    with pytest.raises(InvalidInput, match="neither true nor false"):
        parted(RAW, tensor(), **envelope)


def test_what_json_has_no_word_for_goes_in_bytes() -> None:
    outputs = {"t": np.array([b"\xff"], dtype=object), "f": np.array([np.nan], np.float32)}
    body, length = encode_parted(HEAD, outputs, None, BinaryOutputs(default=True, named={}))
    assert body[length:] == b"\1\0\0\0\xff\0\0\xc0\x7f"
    with pytest.raises(WorkFailed, match="'t' holds bytes that are no UTF-8"):
        encode(HEAD, {"t": outputs["t"]}, None)
    with pytest.raises(WorkFailed, match="NaN"):
        encode_parted(HEAD, outputs, None, BinaryOutputs(default=True, named={"f": False}))


@pytest.mark.parametrize("kind", [np.longlong, np.ulonglong])
def test_integers_of_either_letter_have_a_name(kind: type[Any]) -> None:
    told = json.loads(encode(HEAD, {"y": np.array([1], dtype=kind)}, None))
    assert told["outputs"][0]["datatype"] in {"INT64", "UINT64"}

"""Requests over gRPC that do not add up are refused with a sentence that names the input."""

from typing import Any

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.protocol.codec import answer_head
from lichen.protocol.demands import Demands
from lichen.protocol.grpc_codec import decode_infer, encode_infer, names_of, read_message
from lichen.protocol.grpc_messages import InferRequest, InferResponse, Message


def request(*tensors: dict[str, Any], raw: tuple[bytes, ...] = ()) -> Message:
    made = InferRequest(model_name="m", raw_input_contents=raw)
    for tensor in tensors:
        made.inputs.add(**tensor)
    return made


def tensor(datatype: str = "FP32", *shape: int, **contents: list[Any]) -> dict[str, Any]:
    given = {"name": "x", "datatype": datatype, "shape": shape or (2,)}
    return {**given, "contents": contents} if contents else given


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (request(tensor("FP32", fp32_contents=[1.0])), r"'x' states shape \[2\], which is 2"),
        (request(tensor("FP32")), "holds 0"),
        (request(tensor("FP32", -2, fp32_contents=[1.0])), "must not be negative"),
        (request(tensor("FP32", -2), raw=(b"",)), "must not be negative"),
        (request(tensor("FP32", int64_contents=[1, 2])), "has int64_contents: .* fp32_contents"),
        (request(tensor("FP16", fp32_contents=[1, 2])), "FP16, which has no typed contents"),
        (request(tensor("BF16")), "BF16, which has no typed contents: send raw_input_contents"),
        (request(tensor("INT8", int_contents=[128, 0])), "outside -128 to 127"),
        (request(tensor("UINT16", uint_contents=[65536, 0])), "outside 0 to 65535"),
        (request(tensor("FP31", fp32_contents=[1, 2])), "'FP31': write one of BOOL, .*BYTES"),
        (request(tensor(), raw=(b"1234567",)), "which is 8 bytes, and comes with 7"),
        (request(tensor("BOOL"), raw=(b"\x00\x02",)), "no BOOL"),
        (request(tensor("BYTES"), raw=(b"\x01\x00\x00\x00a\x09\x00\x00\x00a",)), "ends within"),
        (request(tensor(), raw=(b"", b"")), "has 1 inputs and 2 raw_input_contents"),
        (
            request(tensor("FP32", fp32_contents=[1, 2]), raw=(b"12345678",)),
            "'x' has contents beside the request's raw_input_contents",
        ),
        (request(tensor(), tensor(), raw=(bytes(8), bytes(8))), "given twice"),
    ],
)
def test_what_does_not_add_up(asked: Message, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        decode_infer(asked)


def test_a_request_in_full() -> None:
    asked = request(tensor("UINT8", 1, 2, uint_contents=[0, 255]))
    asked.id = "7"
    asked.outputs.add(name="y")
    asked.parameters["timeout"].string_param = "500"
    asked.parameters["priority"].uint64_param = 2
    asked.parameters["ignored"].SetInParent()
    decoded = decode_infer(asked)
    assert (decoded.id, decoded.outputs) == ("7", ("y",))
    assert decoded.demands == Demands(timeout_us=500, priority=2)
    np.testing.assert_array_equal(decoded.tensors["x"], np.array([[0, 255]], np.uint8))


def test_nothing_said_is_nothing_asked() -> None:
    decoded = decode_infer(request(tensor("FP32", 0, 2)))
    assert (decoded.id, decoded.outputs) == (None, None)
    assert decoded.tensors["x"].shape == (0, 2)


def test_bytes_that_are_no_message() -> None:
    with pytest.raises(InvalidInput, match=r"no inference\.ModelInferRequest"):
        read_message(b"\xff\xff", InferRequest)


def test_an_answer_is_named_as_its_head_is() -> None:
    names = names_of(answer_head('a"b,', "3"))
    assert names == ('a"b,', "3")
    answer = InferResponse.FromString(
        encode_infer(names, {"y": np.array([[b"a"]], dtype=object)}, "é")
    )
    assert (answer.model_name, answer.model_version, answer.id) == ('a"b,', "3", "é")
    assert (answer.outputs[0].datatype, list(answer.outputs[0].shape)) == ("BYTES", [1, 1])
    assert answer.raw_output_contents[0] == b"\x01\x00\x00\x00a"


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16383, 16384, 2**21])
def test_outputs_of_every_length_are_read_back(length: int) -> None:
    values = np.arange(length, dtype=np.uint8)
    answer = InferResponse.FromString(encode_infer(("m", "1"), {"y": values}, None))
    assert (answer.id, len(answer.raw_output_contents)) == ("", 1)
    assert answer.raw_output_contents[0] == values.tobytes()


@pytest.mark.parametrize(
    "asked",
    [
        request(
            {"name": "sr", "datatype": "INT64", "shape": (), "contents": {"int64_contents": [8]}}
        ),
        request({"name": "sr", "datatype": "INT64", "shape": ()}, raw=(bytes([8, *bytes(7)]),)),
    ],
    ids=["typed", "raw"],
)
def test_a_number_without_dimensions_is_taken(asked: Message) -> None:
    values = decode_infer(asked).tensors["sr"]
    assert values.shape == ()
    assert values == 8

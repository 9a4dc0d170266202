"""decode(encode(x)) = x in the binary form too, for every datatype; sizes must add up."""

import json
import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import NUMPY_OF_DATATYPE, Array, datatype_of
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.protocol.binary import decode_parted, encode_parted
from lichen.protocol.codec import Decoded, answer_head
from lichen.protocol.oip import BinaryOutputs
from lichen.protocol.raw import from_raw, to_raw

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
HEAD = answer_head("m", "1")


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Datatype, Array]:
    """Any bits of a datatype, NaN and its payloads among them."""
    datatype = draw(st.sampled_from(list(NUMPY_OF_DATATYPE)))
    dtype, shape = NUMPY_OF_DATATYPE[datatype], draw(shapes)
    count = math.prod(shape)
    if dtype.kind == "O":
        texts = np.empty(count, dtype=object)
        texts[:] = draw(st.lists(st.binary(max_size=9), min_size=count, max_size=count))
        return datatype, texts.reshape(shape)
    if dtype.kind == "b":
        truths = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        return datatype, np.array(truths, dtype=dtype).reshape(shape)
    size = count * dtype.itemsize
    bits = draw(st.binary(min_size=size, max_size=size))
    return datatype, np.frombuffer(bits, dtype=dtype).reshape(shape)


def same(found: Array, meant: Array) -> None:
    assert (found.dtype, found.shape) == (meant.dtype, meant.shape)
    if meant.dtype.kind == "O":
        assert found.tolist() == meant.tolist()
    else:
        assert found.tobytes() == meant.tobytes()


def request(inputs: dict[str, Array], datatypes: dict[str, str]) -> tuple[bytes, str]:
    raws = {name: to_raw(values) for name, values in inputs.items()}
    named = [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": datatypes[name],
            "parameters": {"binary_data_size": len(raws[name])},
        }
        for name, values in inputs.items()
    ]
    header = json.dumps({"inputs": named, "id": "é"}).encode()
    return header + b"".join(raws.values()), str(len(header))


@given(tensors())
def test_a_tensor_comes_back_from_its_bytes(tensor: tuple[Datatype, Array]) -> None:
    datatype, values = tensor
    found = from_raw(memoryview(to_raw(values)), datatype, values.shape)
    same(found, values)
    assert found.flags.writeable


@given(st.lists(tensors(), min_size=1, max_size=4))
def test_a_request_is_read_as_it_was_meant(given_tensors: list[tuple[Datatype, Array]]) -> None:
    inputs = {f"x{number}": values for number, (_, values) in enumerate(given_tensors)}
    datatypes = {f"x{number}": one.value for number, (one, _) in enumerate(given_tensors)}
    decoded = decode_parted(*request(inputs, datatypes))
    assert decoded.id == "é"
    assert list(decoded.tensors) == list(inputs)
    for name, values in inputs.items():
        same(decoded.tensors[name], values)


@given(st.lists(tensors(), min_size=1, max_size=4))
def test_an_answer_is_read_as_it_was_meant(given_tensors: list[tuple[Datatype, Array]]) -> None:
    outputs = {f"y{number}": values for number, (_, values) in enumerate(given_tensors)}
    body, length = encode_parted(HEAD, outputs, "é", BinaryOutputs(default=True, named={}))
    told = json.loads(body[:length])
    assert told["id"] == "é"
    again = json.dumps({"inputs": told["outputs"]}).encode()
    decoded = decode_parted(again + body[length:], str(len(again)))
    for name, values in outputs.items():
        same(decoded.tensors[name], values)


@given(bits=st.lists(st.integers(0, 65535), min_size=1, max_size=20))
def test_bf16_is_widened_exactly(bits: list[int]) -> None:
    raw = np.array(bits, dtype="<u2").tobytes()
    found = from_raw(memoryview(raw), Datatype.BF16, [len(bits)])
    assert found.dtype == np.dtype(np.float32)
    assert datatype_of(found) is Datatype.BF16
    assert (found.view(np.uint32) >> 16).tolist() == bits


@given(tensor=tensors(), cut=st.integers(-9, 9).filter(bool))
def test_a_body_of_another_length_is_refused(tensor: tuple[Datatype, Array], cut: int) -> None:
    datatype, values = tensor
    body, length = request({"x": values}, {"x": datatype.value})
    changed = body + b"\0" * cut if cut > 0 else body[:cut]
    with pytest.raises(InvalidInput):
        decode_parted(changed, length)


@given(body=st.binary(max_size=60), said=st.text("0123456789-x ", max_size=4))
def test_any_bytes_are_read_or_refused(body: bytes, said: str) -> None:
    with suppress(InvalidInput):
        assert isinstance(decode_parted(body, said), Decoded)


@given(
    raw=st.binary(max_size=40),
    datatype=st.sampled_from(list(Datatype)),
    shape=st.lists(st.one_of(st.integers(-1, 5), st.just(2**70)), max_size=70),
)
def test_any_tensor_is_read_or_refused(raw: bytes, datatype: Datatype, shape: list[int]) -> None:
    header: dict[str, Any] = {
        "name": "x",
        "shape": shape,
        "datatype": datatype.value,
        "parameters": {"binary_data_size": len(raw)},
    }
    told = json.dumps({"inputs": [header]}).encode()
    with suppress(InvalidInput):
        found = decode_parted(told + raw, str(len(told))).tensors["x"]
        assert found.shape == tuple(shape)

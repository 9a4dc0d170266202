"""decode(encode(x)) = x, for every datatype that JSON can carry."""

import json
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.tensors import Datatype
from lichen.protocol.codec import answer_head, decode, encode
from lichen.protocol.oip import InferResponse

NUMERIC = [one for one in NUMPY_OF_DATATYPE if one is not Datatype.BYTES]
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Datatype, Array]:
    datatype = draw(st.sampled_from(list(NUMPY_OF_DATATYPE)))
    dtype, shape = NUMPY_OF_DATATYPE[datatype], draw(shapes)
    count = int(np.prod(shape))
    element: st.SearchStrategy[Any]
    if dtype.kind == "O":
        element = st.text(max_size=8).map(str.encode)
    elif dtype.kind == "b":
        element = st.booleans()
    elif dtype.kind == "f":
        element = st.floats(
            allow_nan=False,
            allow_infinity=False,
            width=8 * dtype.itemsize,  # type: ignore[arg-type]
        )
    else:
        limits = np.iinfo(dtype)
        element = st.integers(int(limits.min), int(limits.max))
    values = draw(st.lists(element, min_size=count, max_size=count))
    found = np.empty(count, dtype=dtype)
    found[:] = values
    repeats = draw(st.sampled_from([1, 1, 400]))  # long bodies are read another way
    return datatype, np.concatenate([found.reshape(shape)] * repeats)


def as_json(values: Array, *, nested: bool) -> object:
    listed = values.tolist() if nested else values.ravel().tolist()
    return json.loads(json.dumps(listed, default=lambda text: text.decode()))


@given(tensor=tensors(), nested=st.booleans())
def test_a_request_is_read_as_it_was_meant(tensor: tuple[Datatype, Array], *, nested: bool) -> None:
    datatype, values = tensor
    one = {
        "name": "[x]",
        "shape": list(values.shape),
        "datatype": datatype,
        "data": as_json(values, nested=nested),
    }
    for body in (json.dumps({"inputs": [one]}), json.dumps({"inputs": [one]}, indent=1)):
        found = decode(body.encode()).tensors["[x]"]
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


@given(tensors())
def test_an_answer_is_read_as_it_was_meant(tensor: tuple[Datatype, Array]) -> None:
    datatype, values = tensor
    said = msgspec.json.decode(
        encode(answer_head("m", "1"), {"y": values}, "id"), type=InferResponse
    )
    (output,) = said.outputs
    assert (output.name, output.datatype, tuple(output.shape)) == ("y", datatype, values.shape)
    again = {"name": "y", "shape": output.shape, "datatype": datatype, "data": output.data}
    found = decode(msgspec.json.encode({"inputs": [again]})).tensors["y"]
    np.testing.assert_array_equal(found, values)

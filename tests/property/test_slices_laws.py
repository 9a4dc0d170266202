"""A long body read in slices is what the ordinary decoder reads, wherever the slices are cut."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.protocol import slices
from lichen.protocol.codec import Decoded, decode

NUMERIC = [one for one in NUMPY_OF_DATATYPE if one is not Datatype.BYTES]
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


LONGER_THAN_SHAPES = 48
"""A list from so many bytes on is cut out here; the shapes of these tests are shorter."""


@contextmanager
def small_slices(slice_bytes: int, list_bytes: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_SLICE_BYTES", slice_bytes)
        patch.setattr(slices, "_LIST_BYTES", list_bytes)
        yield


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, object]:
    datatype, shape = draw(st.sampled_from(NUMERIC)), draw(shapes)
    dtype, count = NUMPY_OF_DATATYPE[datatype], math.prod(shape)
    element: st.SearchStrategy[object] = st.integers(0, 127)
    if dtype.kind == "b":
        element = st.booleans()
    elif dtype.kind == "f":
        element = st.floats(-60000, 60000, width=16)
    values = draw(st.lists(element, min_size=count, max_size=count))
    data = np.array(values, dtype=dtype).reshape(shape).tolist() if draw(st.booleans()) else values
    return {"name": "x", "shape": shape, "datatype": datatype.value, "data": data}


@given(
    given_inputs=st.lists(inputs(), min_size=1, max_size=3),
    slice_bytes=st.integers(90, 150),
    indent=st.sampled_from([None, 1]),
)
def test_slices_are_read_as_the_whole_is(
    given_inputs: list[dict[str, object]], slice_bytes: int, indent: int | None
) -> None:
    named = [{**one, "name": f"x{number}"} for number, one in enumerate(given_inputs)]
    body = json.dumps({"inputs": named, "id": "[1, 2]"}, indent=indent).encode()
    with small_slices(slice_bytes, LONGER_THAN_SHAPES):
        found = slices.decode_sliced(body).tensors
    for name, meant in decode(body).tensors.items():
        np.testing.assert_array_equal(found[name], meant, strict=True)


@given(
    one=inputs(),
    at=st.floats(0, 1, exclude_max=True),
    wrong=st.sampled_from([b"", *(bytes([byte]) for byte in b'[]{},:"019.eE+-tf \n\xff')]),
    takes=st.booleans(),
)
def test_a_body_that_was_spoilt_is_read_alike_or_refused_alike(
    one: dict[str, object], at: float, wrong: bytes, *, takes: bool
) -> None:
    right = json.dumps({"inputs": [one]}).encode()
    position = int(at * len(right))
    body = right[:position] + wrong + right[position + takes :]
    with small_slices(40, LONGER_THAN_SHAPES):
        found, meant = read_by(slices.decode_sliced, body), read_by(decode, body)
    if found is None or meant is None:
        assert found is meant, body
    else:
        assert list(found) == list(meant)
        for name in meant:
            np.testing.assert_array_equal(found[name], meant[name], strict=True)


def read_by(decoder: Callable[[bytes], Decoded], body: bytes) -> dict[str, Array] | None:
    try:
        return decoder(body).tensors
    except InvalidInput:
        return None


@given(body=st.text('[]{},:1.e-" datinpus', max_size=40), slice_bytes=st.integers(1, 9))
def test_any_text_is_read_or_refused(body: str, slice_bytes: int) -> None:
    with small_slices(slice_bytes, 2), pytest.raises(InvalidInput):
        slices.decode_sliced(body.encode())

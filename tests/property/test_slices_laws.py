"""A long body read in slices is what the ordinary decoder reads, wherever the slices are cut."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import NUMPY_OF_DATATYPE
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.protocol import slices
from lichen.protocol.codec import decode

NUMERIC = [one for one in NUMPY_OF_DATATYPE if one is not Datatype.BYTES]
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


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
    slice_bytes=st.integers(30, 80),
    indent=st.sampled_from([None, 1]),
)
def test_slices_are_read_as_the_whole_is(
    given_inputs: list[dict[str, object]], slice_bytes: int, indent: int | None
) -> None:
    named = [{**one, "name": f"x{number}"} for number, one in enumerate(given_inputs)]
    body = json.dumps({"inputs": named, "id": "[1, 2]"}, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_SLICE_BYTES", slice_bytes)
        patch.setattr(slices, "_LIST_BYTES", 8)
        try:
            found = slices.decode_sliced(body).tensors
        except InvalidInput as error:  # a shape or an id is long, too, where eight bytes are
            assert "no input's data" in str(error) or "shape" in str(error), error  # noqa: PT017
            return
    for name, meant in decode(body).tensors.items():
        np.testing.assert_array_equal(found[name], meant, strict=True)


@given(body=st.text('[]{},:1.e-" datinpus', max_size=40), slice_bytes=st.integers(1, 9))
def test_any_text_is_read_or_refused(body: str, slice_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_SLICE_BYTES", slice_bytes)
        patch.setattr(slices, "_LIST_BYTES", 2)
        with pytest.raises(InvalidInput):
            slices.decode_sliced(body.encode())

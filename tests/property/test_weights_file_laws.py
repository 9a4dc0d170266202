"""Whatever a header of safetensors says, it is read as it is or refused by a sentence."""

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lichen.core.errors import InvalidInput
from lichen.frameworks.weights_files import floats_of

SIZES = st.one_of(st.integers(-2, 40), st.sampled_from([2**31, 2**40, 2**63]), st.booleans())
SAID = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "BOOL", "X", 3]),
        "shape": st.lists(SIZES, max_size=4),
        "data_offsets": st.lists(SIZES, min_size=1, max_size=3),
    }
)
HEADERS = st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), SAID, max_size=2)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=40, deadline=None)
@given(HEADERS, st.binary(max_size=64), st.integers(-3, 3))
def test_a_made_up_file_is_read_or_refused(header: object, body: bytes, off: int) -> None:
    said = json.dumps(header).encode()
    content = max(0, len(said) + off).to_bytes(8, "little") + said + body
    try:
        found = floats_of(content)
    except InvalidInput:
        return
    assert sum(one.size for one in found.values()) <= len(body)


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=6),
        arrays(np.float32, array_shapes(max_side=4), elements=FLOATS),
        max_size=3,
    )
)
def test_what_was_written_is_read(weights: dict[str, Any]) -> None:
    header: dict[str, Any] = {}
    body = b""
    for name, values in weights.items():
        place = [len(body), len(body) + values.nbytes]
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": place}
        body += values.tobytes()
    header.pop("__metadata__", None)
    said = json.dumps(header).encode()
    found = floats_of(len(said).to_bytes(8, "little") + said + body)
    assert found.keys() == weights.keys()
    for name, values in weights.items():
        np.testing.assert_array_equal(found[name], values)

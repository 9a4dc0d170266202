"""What is remembered of former bodies changes nothing about how a body is read."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.errors import InvalidInput
from lichen.protocol import codec
from lichen.protocol.codec import Decoded, decode
from lichen.protocol.envelopes import Asked, Envelopes

DATATYPES = ["FP32", "FP64", "FP16", "INT8", "UINT8", "INT64", "UINT64", "BOOL", "BYTES"]
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.integers(-300, 300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, 2**63, 2**64, True, None, "x", [1], {"data": [1]}, 70000.0]),
)


def body_of(
    datatype: str, shape: list[int], data: list[Any], extra: dict[str, Any], order: list[str]
) -> bytes:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({**extra, "inputs": [{key: tensor[key] for key in order}]}).encode()


def read(body: bytes) -> Decoded | str:
    try:
        return decode(body)
    except InvalidInput as error:
        return str(error)


def same(one: Decoded | str, other: Decoded | str) -> None:
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    assert one.tensors.keys() == other.tensors.keys()
    for name, values in one.tensors.items():
        assert values.dtype == other.tensors[name].dtype
        np.testing.assert_array_equal(values, other.tensors[name])
    assert (one.id, one.outputs, one.binary, one.demands) == (
        other.id,
        other.outputs,
        other.binary,
        other.demands,
    )


@given(
    datatype=st.sampled_from(DATATYPES),
    bodies=st.lists(st.lists(VALUES, min_size=0, max_size=5), min_size=2, max_size=5),
    length=st.integers(1, 4),
    extra=st.sampled_from(
        [{}, {"id": "7"}, {"parameters": {"timeout": 9}}, {"outputs": [{"name": "y"}]}]
    ),
    order=st.permutations(["name", "shape", "datatype", "data"]),
)
def test_a_body_is_read_alike_by_who_has_seen_others_and_who_has_not(
    datatype: str,
    bodies: list[list[Any]],
    length: int,
    extra: dict[str, Any],
    order: list[str],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_ENVELOPES", Envelopes())
        good: list[Any] = [1] * length
        read(body_of(datatype, [length], good, extra, order))
        for data in bodies:
            body = body_of(datatype, [length], data, extra, order)
            seasoned = read(body)
            with patch.context() as fresh:
                fresh.setattr(codec, "_ENVELOPES", Envelopes())
                same(seasoned, read(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs":[{"name":"data","shape":[1],"datatype":"FP32","data":[1]}]}',
        b'{"id":"\\"data\\":[1]","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}',
        b'{"inputs":[{"data":[1],"name":"x","shape":[1],"datatype":"FP32","data":[2]}]}',
        b'{"extra":{"data":[5]},"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[2]}]}',
    ],
)
def test_a_place_that_only_looks_like_the_data_is_not_taken_for_it(body: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_ENVELOPES", Envelopes())
        first = decode(body)
        for number in (b"[3]", b"[4, 5]"):
            changed = body.replace(b"[1]", number, 1)
            patch.setattr(codec, "_ENVELOPES", Envelopes())
            expected = read(changed)
            patch.setattr(codec, "_ENVELOPES", Envelopes())
            same(first, read(body))
            same(expected, read(changed))


def test_surroundings_that_differ_each_time_are_learnt_no_more() -> None:
    envelopes = Envelopes()
    asked = Asked(None, None, None, codec.Decoded({}).demands)
    for number in range(1000):
        body = b'{"id":"%d","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}'
        envelopes.learn(body % number, "x", asked)
    assert envelopes.read(body % 3) is not None
    assert envelopes.read(body % 999) is None

"""Plain JSON: whatever values a model takes, they arrive as they were meant, and come back so."""

import json
import math
from contextlib import suppress

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.classification import Ranking, classified
from lichen.protocol.plain import PlainForm

WIDTHS = st.sampled_from([(), (1,), (3,), (2, 2)])


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Datatype, Array]:
    """Some rows of any datatype and shape."""
    datatype = draw(st.sampled_from(list(NUMPY_OF_DATATYPE)))
    dtype, shape = NUMPY_OF_DATATYPE[datatype], (draw(st.integers(1, 4)), *draw(WIDTHS))
    count = math.prod(shape)
    element: st.SearchStrategy[object] = st.text(max_size=5).map(str.encode)
    if dtype.kind == "b":
        element = st.booleans()
    elif dtype.kind == "f":
        element = st.floats(-60000, 60000, width=16)
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        element = st.integers(int(limits.min), int(limits.max))
    values = draw(st.lists(element, min_size=count, max_size=count))
    found = np.empty(count, dtype=dtype)
    found[:] = values
    repeats = draw(st.sampled_from([1, 1, 300]))  # long lists are read another way
    return datatype, np.concatenate([found.reshape(shape)] * repeats)


def listed(values: Array) -> list[object]:
    said: list[object] = json.loads(json.dumps(values.tolist(), default=bytes.decode))
    return said


def form_of(datatype: Datatype, values: Array, columns: tuple[str, ...] = ()) -> PlainForm:
    shape = (-1, *values.shape[1:])
    spec = TensorSpec("x", datatype, shape, columns=columns)
    return PlainForm(Signature((spec,), (TensorSpec("y", datatype, shape),)))


@given(tensors())
def test_x_and_rows_are_read_as_they_were_meant(tensor: tuple[Datatype, Array]) -> None:
    datatype, values = tensor
    form, said = form_of(datatype, values), listed(values)
    single = values.shape[1:] == (1,)
    rows = [{"x": row[0] if single and isinstance(row, list) else row} for row in said]
    for body in ({"x": said}, {"rows": rows}):
        asked = form.read(json.dumps(body).encode())
        np.testing.assert_array_equal(asked.tensors["x"], values, strict=True)
        assert not asked.is_bare


@given(tensor=tensors(), order=st.permutations(["a", "é", "c d"]))
def test_columns_are_found_by_name_in_any_order(
    tensor: tuple[Datatype, Array], order: list[str]
) -> None:
    datatype, values = tensor
    if values.shape[1:] != (3,):
        return
    columns = ("a", "é", "c d")
    said = [dict(zip(columns, row, strict=True)) for row in listed(values)]  # type: ignore[call-overload]
    rows = [{name: row[name] for name in order} for row in said]
    asked = form_of(datatype, values, columns).read(json.dumps({"rows": rows}).encode())
    np.testing.assert_array_equal(asked.tensors["x"], values, strict=True)


@given(tensors())
def test_an_answer_is_what_would_be_read_again(tensor: tuple[Datatype, Array]) -> None:
    datatype, values = tensor
    form = form_of(datatype, values)
    said = json.loads(form.write({"y": values}, is_bare=False))["y_pred"]
    assert len(said) == len(values)
    again = form.read(json.dumps({"x": said}).encode())
    np.testing.assert_array_equal(again.tensors["x"], values, strict=True)


@given(
    values=st.lists(st.lists(st.integers(-5, 5), min_size=4, max_size=4), min_size=1, max_size=5),
    count=st.integers(1, 6),
)
def test_classes_are_the_highest_values_in_falling_order(
    values: list[list[int]], count: int
) -> None:
    found = classified(np.array(values), Ranking(count, (), has_rows=True))
    for row, told in zip(values, found.tolist(), strict=True):
        pairs = [tuple(int(part) for part in one.decode().split(":")) for one in told]
        ranked = sorted(enumerate(row), key=lambda one: (-one[1], one[0]))[:count]
        assert pairs == [(worth, index) for index, worth in ranked]


SOME_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.sampled_from(["", "x", "a", "2026"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "rows", "a", "b", "n", "parameters"]), inner)
    ),
    max_leaves=8,
)
STRANGE = PlainForm(
    Signature(
        (
            TensorSpec("x", Datatype.FP32, (-1, 2), columns=("a", "b")),
            TensorSpec("n", Datatype.INT64, (-1, -1), optional=True),
        ),
        (),
    )
)


@given(given_json=SOME_JSON, member=st.sampled_from(["x", "rows"]), wrap=st.integers(0, 2))
def test_any_json_is_read_or_refused(given_json: object, member: str, wrap: int) -> None:
    for _ in range(wrap):
        given_json = [given_json]
    with suppress(InvalidInput):
        assert STRANGE.read(json.dumps({member: given_json}).encode()).tensors

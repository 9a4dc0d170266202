"""Plain JSON into a model's inputs and back: what goes in, what comes out, what is refused."""

import json
from typing import Any

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.plain import PlainForm, PlainQuery

FP32, BYTES = Datatype.FP32, Datatype.BYTES
Y = TensorSpec("y", FP32, (-1, 1))


def form(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = (Y,)) -> PlainForm:
    return PlainForm(Signature(inputs, outputs))


ONE = form(TensorSpec("x", FP32, (-1, 1)))
FLAT = form(TensorSpec("x", FP32, (-1,)))
WIDE = form(TensorSpec("x", FP32, (-1, 3), columns=("a", "b", "c °C")))
MIXED = form(
    TensorSpec("history", FP32, (-1, -1, 2)),
    TensorSpec("start", BYTES, (-1,)),
    TensorSpec("count", Datatype.INT8, (-1, 1)),
    TensorSpec("past", FP32, (-1, 2), optional=True, columns=("p", "q")),
)
ROW = {"history": [[1, 2], [3, 4]], "start": "é", "count": 7}


def read(form: PlainForm, **asked: object) -> PlainQuery:
    return form.read(json.dumps(asked).encode())


def rows(count: int, width: int) -> Any:  # noqa: ANN401 - nested lists
    return np.arange(count * width, dtype=np.float32).reshape(count, width).tolist()


@pytest.mark.parametrize(
    ("form", "x", "meant", "is_bare"),
    [
        (ONE, 1.5, [[1.5]], True),
        (ONE, [1.0], [[1.0]], False),
        (ONE, [1, 2], [[1.0], [2.0]], False),
        (ONE, [[1], [2]], [[1.0], [2.0]], False),
        (FLAT, 1, [1.0], True),
        (FLAT, [1, 2], [1.0, 2.0], False),
        (WIDE, [1, 2, 3], [[1.0, 2.0, 3.0]], True),
        (WIDE, [[1, 2, 3], [4, 5, 6]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], False),
        (WIDE, rows(900, 3), rows(900, 3), False),
    ],
)
def test_x_is_a_number_a_row_or_rows(
    form: PlainForm, x: object, meant: object, *, is_bare: bool
) -> None:
    asked = read(form, x=x)
    assert asked.tensors["x"].dtype == np.float32
    assert asked.tensors["x"].tolist() == meant
    assert asked.is_bare is is_bare


def test_null_is_a_missing_value_where_the_model_takes_those() -> None:
    gappy = form(TensorSpec("x", FP32, (-1, 2), columns=("a", "b"), missing=True))
    found = read(gappy, rows=[{"a": None, "b": 1.5}, {"a": 2, "b": None}]).tensors["x"]
    np.testing.assert_array_equal(found, [[np.nan, 1.5], [2.0, np.nan]])
    single = form(TensorSpec("x", FP32, (-1, 1), missing=True))
    np.testing.assert_array_equal(
        read(single, rows=[{"x": None}, {"x": 3}]).tensors["x"], [[np.nan], [3.0]]
    )
    with pytest.raises(InvalidInput, match=r"holds null in column 'a': it takes a number \(FP32\)"):
        read(WIDE, rows=[{"a": None, "b": 1, "c °C": 2}])
    with pytest.raises(InvalidInput, match=r"holds text in column 'a': it takes .* or null"):
        read(gappy, rows=[{"a": "none", "b": 1}])


@pytest.mark.parametrize("datatype", [one for one in Datatype if one is not Datatype.BF16])
def test_x_of_every_datatype(datatype: Datatype) -> None:
    value = {Datatype.BOOL: True, BYTES: "é"}.get(datatype, 1)
    (found,) = read(form(TensorSpec("x", datatype, (-1, 1))), x=[value]).tensors["x"][0]
    assert found == ("é".encode() if datatype is BYTES else value)


def test_a_model_without_rows_takes_its_whole_input() -> None:
    whole = form(TensorSpec("x", FP32, (2, 2)))
    assert read(whole, x=[[1, 2], [3, 4]]).tensors["x"].shape == (2, 2)
    with pytest.raises(InvalidInput, match="without rows"):
        read(whole, rows=[{"x": [[1, 2], [3, 4]]}])


def test_named_columns_become_one_input() -> None:
    asked = read(WIDE, rows=[{"c °C": 3, "a": 1, "b": 2.5}, {"a": 4, "b": 5, "c °C": 6}])
    assert asked.tensors["x"].tolist() == [[1.0, 2.5, 3.0], [4.0, 5.0, 6.0]]
    assert asked.tensors["x"].dtype == np.float32
    assert not asked.is_bare


def test_inputs_are_columns_of_their_own_names() -> None:
    tensors = read(MIXED, rows=[ROW, ROW]).tensors
    assert {name: values.shape for name, values in tensors.items()} == {
        "history": (2, 2, 2),
        "start": (2,),
        "count": (2, 1),
    }
    assert tensors["start"].tolist() == ["é".encode()] * 2
    with_past = read(MIXED, rows=[{**ROW, "p": 1, "q": 2}]).tensors
    assert with_past["past"].tolist() == [[1.0, 2.0]]


def test_names_that_two_inputs_share_are_not_columns() -> None:
    both = form(
        TensorSpec("x", FP32, (-1, 2), columns=("a", "b")),
        TensorSpec("z", FP32, (-1, 2), columns=("b", "c")),
    )
    assert read(both, rows=[{"x": [1, 2], "z": [3, 4]}]).tensors["z"].tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(
    ("form", "wrong", "said"),
    [
        (WIDE, {"a": 1, "b": 2}, r"rows\[1\] has no column 'c °C': the columns are a \(a number"),
        (WIDE, {"a": 1, "b": 2, "c °C": 3, "z": 0}, r"rows\[1\] has the column 'z'"),
        (WIDE, {"a": 1, "b": "2", "c °C": 3}, r"rows\[1\] holds text in column 'b': it takes a n"),
        (WIDE, {"a": 1, "b": None, "c °C": 3}, r"rows\[1\] holds null in column 'b'"),
        (WIDE, {"a": 1, "b": True, "c °C": 3}, r"rows\[1\] holds a truth value in column 'b'"),
        (WIDE, {"a": 1, "b": [2], "c °C": 3}, r"rows\[1\] holds a list in column 'b'"),
        (WIDE, 5, r"rows\[1\] is the number 5: give an object"),
        (MIXED, {**ROW, "count": 200}, r"rows\[1\] holds the number 200 in column 'count': .*INT8"),
        (MIXED, {**ROW, "count": 1.5}, r"the number 1.5 .* a whole number \(INT8\)"),
        (MIXED, {**ROW, "start": 1}, r"rows\[1\] holds the number 1 in column 'start'.*text"),
        (MIXED, {**ROW, "history": [[1, 2]]}, r"rows\[1\] holds values of shape \[1, 2\]"),
        (
            MIXED,
            {**ROW, "history": [[1, 2], [3]]},
            r"rows\[1\] holds ragged lists .* list of anyx2",
        ),
        (MIXED, {**ROW, "history": []}, r"rows\[1\] holds values of shape \[0\]"),
        (MIXED, {**ROW, "p": 1}, r"rows\[1\] does not hold 'past' as the other rows do"),
        (MIXED, {**ROW, "p": 1, "q": 2}, r"rows\[1\] does not hold 'past'"),
    ],
)
def test_a_wrong_row_is_named_with_its_column(form: PlainForm, wrong: object, said: str) -> None:
    right = {"a": 1, "b": 2, "c °C": 3} if form is WIDE else ROW
    with pytest.raises(InvalidInput, match=said):
        read(form, rows=[right, wrong])


@pytest.mark.parametrize(
    ("form", "body", "said"),
    [
        (WIDE, b"{", "not JSON"),
        (WIDE, b'{"z":1}', "unknown field `z`"),
        (WIDE, b"{}", "either"),
        (WIDE, b'{"x":[1,2,3],"rows":[]}', "either"),
        (WIDE, b'{"rows":[]}', "rows is empty"),
        (WIDE, b'{"rows":{"a":1}}', "rows is an object"),
        (WIDE, b'{"x":[]}', '"x" is empty'),
        (WIDE, b'{"x":1}', '"x" is a single value: send a row'),
        (WIDE, b'{"x":[[[1]]]}', "nested 3 deep"),
        (WIDE, b'{"x":[[1,2,3],[4,5]]}', r"x\[1\] has 2 values, and x\[0\] has 3"),
        (WIDE, b'{"x":[[1,2,3],[4,"5",6]]}', r"no FP32: .*x\[1\]\[1\]"),
        (WIDE, b'{"x":null}', "no FP32"),
        (WIDE, b'{"x":[1,2,3],"parameters":{"timeout":"soon"}}', "timeout"),
        (MIXED, b'{"x":1}', "history, start, count: send"),
        (form(TensorSpec("x", Datatype.INT8, (-1,))), b'{"x":[1,200]}', "INT8"),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused(form: PlainForm, body: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        form.read(body)


def test_long_rows_are_refused_as_short_ones_are() -> None:
    wrong = rows(900, 3)
    wrong[700][1] = "1"
    with pytest.raises(InvalidInput, match=r"x\[700\]\[1\]"):
        read(WIDE, x=wrong)
    wrong[700] = [1, 2]
    with pytest.raises(InvalidInput, match=r"x\[700\] has 2 values"):
        read(WIDE, x=wrong)


def test_parameters_carry_the_demands_of_every_door() -> None:
    asked = read(ONE, x=1, parameters={"timeout": 5000, "priority": 2, "mine": "x"})
    assert (asked.demands.timeout_us, asked.demands.priority) == (5000, 2)


def answer(form: PlainForm, *, is_bare: bool = False, **outputs: object) -> object:
    arrays = {name: np.asarray(values) for name, values in outputs.items()}
    said: dict[str, object] = json.loads(form.write(arrays, is_bare=is_bare))
    return said["y_pred"]


def test_one_output_is_its_values_and_several_are_an_object() -> None:
    assert answer(ONE, y=np.ones((2, 1), np.float32)) == [1.0, 1.0]
    assert answer(ONE, y=np.ones((1, 1)), is_bare=True) == 1.0
    assert answer(ONE, y=np.ones((2, 2))) == [[1.0, 1.0], [1.0, 1.0]]
    label = TensorSpec("label", BYTES, (-1,))
    two = form(TensorSpec("x", FP32, (-1, 1)), outputs=(Y, label))
    texts = np.array([b"a", "é"], dtype=object)
    assert answer(two, y=np.ones((2, 1)), label=texts) == {"y": [1.0, 1.0], "label": ["a", "é"]}
    one = answer(two, y=np.ones((1, 1)), label=texts[:1], is_bare=True)
    assert one == {"y": 1.0, "label": "a"}
    total = form(TensorSpec("x", FP32, (-1, 1)), outputs=(TensorSpec("sum", FP32, (1,)),))
    assert answer(total, sum=np.ones(1), is_bare=True) == [1.0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[1.0], [np.nan]]), r"NaN at position \[1\]"),
        (np.array([b"\xff"], dtype=object), "no UTF-8"),
    ],
)
def test_what_json_has_no_word_for_is_not_answered(values: Array, said: str) -> None:
    with pytest.raises(WorkFailed, match=said):
        ONE.write({"y": values}, is_bare=False)


@pytest.mark.parametrize("body", [b'{"rows": [{"\xff": 1}]}', b'{"rows": [{"a": "\xff"}]}'])
def test_bytes_that_are_no_text_are_the_callers_fault(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not JSON"):
        WIDE.read(body)


STATEFUL = PlainForm(
    Signature(
        (
            TensorSpec("input", Datatype.FP32, (-1, 2)),
            TensorSpec("state", Datatype.FP32, (2, -1, 1)),
            TensorSpec("sr", Datatype.INT64, ()),
        ),
        (TensorSpec("next", Datatype.FP32, (2, -1, 1)),),
    )
)


def test_whole_tensors_are_taken_by_name() -> None:
    query = STATEFUL.read(b'{"x": {"input": [[1, 2]], "state": [[[3]], [[4]]], "sr": 16000}}')
    assert {name: one.shape for name, one in query.tensors.items()} == {
        "input": (1, 2),
        "state": (2, 1, 1),
        "sr": (),
    }
    assert query.tensors["sr"].dtype == np.int64
    assert not query.is_bare
    state = np.ones((2, 1, 1), dtype=np.float32)
    assert STATEFUL.write({"next": state}, is_bare=False) == b'{"y_pred":[[[1.0]],[[1.0]]]}'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"x": {"input": [1, 2]}}', "'input' nested 1 deep, and it has the shape"),
        (b'{"x": {"sound": [[1]]}}', "'sound', and the model takes input, state, sr"),
        (b'{"x": {}}', "empty object"),
        (b'{"x": {"sr": "fast"}}', "'sr', which is no INT64"),
        (b'{"x": {"input": [[1, 2], [3]]}}', "'input', which is ragged"),
        (b'{"x": [[1, 2]]}', "an object of whole tensors by these names"),
    ],
)
def test_tensors_by_name_that_do_not_fit_are_named(body: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        STATEFUL.read(body)

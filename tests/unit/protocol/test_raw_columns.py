"""Raw rows at the doors: numbers, truth values, texts, times, and what may be lacking."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.pipeline.declaration import Moment, Number, OneHot, Pipeline, Value
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.columns import ReadRows, TableForm
from lichen.protocol.oip import metadata
from lichen.protocol.plain import PlainForm

SIGNATURE = pipeline_signature(
    Pipeline(
        encoders=[
            Number(column="size", unit="m"),
            Number(column="wet", is_boolean=True, may_lack=True),
            Number(column="age", fill=3.0, may_lack=True),
            OneHot(column="kind", values=["air"]),
            Moment(column="at", parts=["day"], may_lack=True),
        ],
        head=Value(),
    )
)
ROW: Mapping[str, Any] = {
    "size": 1.5,
    "wet": True,
    "age": 7,
    "kind": "air",
    "at": "2026-01-31",
}


def read(*rows: object, signature: Signature = SIGNATURE) -> dict[str, Array]:
    return PlainForm(signature).read(json.dumps({"rows": rows}).encode()).tensors


def test_raw_rows_become_a_tensor_of_numbers_and_one_of_texts() -> None:
    tensors = read(ROW, {"kind": "é", "size": 2})
    assert tensors["numbers"].dtype == np.float64
    np.testing.assert_array_equal(tensors["numbers"], [[1.5, 1, 7], [2, np.nan, np.nan]])
    assert tensors["texts"].tolist() == [[b"air", b"2026-01-31"], ["é".encode(), b""]]


def test_null_is_the_same_as_left_out() -> None:
    lacking = {**ROW, "wet": None, "age": None, "at": None}
    left_out = {name: cell for name, cell in lacking.items() if cell is not None}
    one, other = read(lacking), read(left_out)
    np.testing.assert_array_equal(one["numbers"], other["numbers"])
    assert one["texts"].tolist() == other["texts"].tolist() == [[b"air", b""]]


def test_a_single_column_of_a_kind_is_one_wide() -> None:
    number = Number(column="x", may_lack=True)
    text = OneHot(column="c", values=[], may_lack=True)
    narrow = pipeline_signature(Pipeline(encoders=[number, text], head=Value()))
    tensors = read({"x": 1}, {}, {"c": "u"}, signature=narrow)
    np.testing.assert_array_equal(tensors["numbers"], [[1], [np.nan], [np.nan]])
    assert tensors["texts"].tolist() == [[b""], [b""], [b"u"]]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": "1.5"}, r"rows\[1\] holds text in column 'size': it takes a number in m$"),
        ({"size": None}, r"rows\[1\] holds null in column 'size'"),
        ({"size": True}, r"rows\[1\] holds a truth value in column 'size'"),
        ({"wet": "true"}, r"column 'wet': it takes true or false, null or left out$"),
        ({"kind": 5}, r"rows\[1\] holds the number 5 in column 'kind': it takes text$"),
        ({"kind": None}, r"rows\[1\] holds null in column 'kind'"),
        ({"at": 20260131}, r"column 'at': it takes a date or time such as 2026-01-31T12"),
        ({"colour": 1}, r"rows\[1\] has the column 'colour', which the model does not take"),
    ],
)
def test_what_does_not_fit_is_named_with_row_and_column(
    changed: Mapping[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(ROW, {**ROW, **changed})


def test_a_column_that_must_be_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"rows\[0\] has no column 'kind': the columns are size"):
        read({"size": 1})


def test_a_sentence_lists_twenty_columns_at_most() -> None:
    wide = pipeline_signature(
        Pipeline(encoders=[Number(column=f"c{at}") for at in range(50)], head=Value())
    )
    with pytest.raises(InvalidInput, match=r"c19 \(a number\) and 30 more$"):
        read({}, signature=wide)


def table(columns: Mapping[str, list[object]]) -> ReadRows:
    arrays = {}
    for name, cells in columns.items():
        found = np.empty(len(cells), dtype=np.object_)
        found[:] = cells
        arrays[name] = np.ma.masked_array(found, mask=[cell is None for cell in cells])
    form = TableForm(SIGNATURE, list(columns))
    rows = len(next(iter(columns.values())))
    return form.read({name: arrays[name] for name in form.columns}, rows)


def test_cells_of_a_csv_are_read_as_a_dataset_reads_them() -> None:
    found = table(
        {
            "kind": ["air ", "NA"],
            "id": ["7", "8"],
            "wet": ["FALSE", None],
            "size": ["1.5", " 2"],
            "age": ["NA", "?"],
        }
    )
    assert found.faults == {}
    np.testing.assert_array_equal(found.tensors["numbers"], [[1.5, 0, np.nan], [2, np.nan, np.nan]])
    assert found.tensors["texts"].tolist() == [[b"air", b""], [b"NA", b""]]


def test_cells_that_do_not_fit_are_named_and_the_others_read() -> None:
    found = table(
        {
            "size": ["1", "big", None, "2", "3"],
            "kind": ["air", "air", "air", None, "air"],
            "wet": [None, None, None, None, "maybe"],
        }
    )
    assert found.rows.tolist() == [0]
    assert found.faults == {
        1: "column 'size' holds 'big', which is no FP64",
        2: "column 'size' is empty: the model needs a value",
        3: "column 'kind' is empty: the model needs a value",
        4: "column 'wet' holds 'maybe', which is no FP64",
    }


def test_a_table_needs_the_columns_that_no_row_may_lack() -> None:
    with pytest.raises(InvalidInput, match=r"the file has no column size, which .*; it has kind"):
        TableForm(SIGNATURE, ["kind"])
    lacking = Pipeline(encoders=[Number(column="x", may_lack=True)], head=Value())
    with pytest.raises(InvalidInput, match="the file has no column x"):
        TableForm(pipeline_signature(lacking), ["y"])


def test_metadata_says_what_each_column_is() -> None:
    numbers = metadata(SIGNATURE.inputs[0]).parameters
    assert numbers is not None
    assert numbers["columns"] == ["size", "wet", "age"]
    assert numbers["details"][:2] == [
        {"kind": "number", "unit": "m", "may_lack": False},
        {"kind": "truth", "unit": None, "may_lack": True},
    ]

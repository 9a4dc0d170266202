"""Rows that follow each other become windows, alike at every door."""

import json

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.columns import TableForm
from lichen.protocol.plain import PlainForm
from lichen.protocol.windows import window_rows, windows

SPEC = TensorSpec("window", Datatype.FP64, (-1, 3, 2), columns=("a", "b"), missing=True)
SIGNATURE = Signature((SPEC,), ())
A, B = np.arange(5.0), np.arange(5.0) * 10
WANTED = np.stack(
    [np.column_stack([A, B])[np.maximum(np.arange(5) - back, 0)] for back in (2, 1, 0)], axis=1
)


def test_a_window_ends_at_its_row_and_repeats_the_first_row_before_it() -> None:
    assert windows(np.column_stack([A, B]), 3).tolist() == WANTED.tolist()


@pytest.mark.parametrize(
    ("shape", "columns", "rows"),
    [((-1, 3, 2), ("a", "b"), 3), ((-1, 3, 2), (), 0), ((-1, 2), ("a", "b"), 0)],
)
def test_only_three_dimensions_with_named_columns_are_windows(
    shape: tuple[int, ...], columns: tuple[str, ...], rows: int
) -> None:
    assert window_rows(TensorSpec("x", Datatype.FP64, shape, columns=columns)) == rows


def test_rows_in_json_become_windows_and_null_is_missing() -> None:
    rows = [{"a": a, "b": b} for a, b in zip(A.tolist(), B.tolist(), strict=True)]
    body = json.dumps({"rows": rows}).encode()
    assert PlainForm(SIGNATURE).read(body).tensors["window"].tolist() == WANTED.tolist()
    gap = json.dumps({"rows": [rows[0], {"a": None, "b": 1.0}]}).encode()
    found = PlainForm(SIGNATURE).read(gap).tensors["window"]
    assert np.isnan(found[1, 2, 0])
    assert found[1, 1].tolist() == [0.0, 0.0]
    with pytest.raises(InvalidInput, match="no column 'b'"):
        PlainForm(SIGNATURE).read(b'{"rows": [{"a": 1.0}]}')


def test_a_window_sent_whole_is_taken_as_it_is() -> None:
    body = json.dumps({"x": WANTED[4].tolist()}).encode()
    assert PlainForm(SIGNATURE).read(body).tensors["window"].tolist() == [WANTED[4].tolist()]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_table_read_in_pieces_gives_the_windows_of_the_whole(size: int) -> None:
    form = TableForm(SIGNATURE, ("b", "time", "a"))
    assert form.rows_before == 2
    found = []
    for first in range(0, 5, size):
        before, rows = min(first, form.rows_before), min(size, 5 - first)
        part = slice(first - before, first + rows)
        found.append(form.read({"a": A[part], "b": B[part]}, rows, before).tensors["window"])
    assert np.concatenate(found).tolist() == WANTED.tolist()


def test_a_row_that_cannot_be_read_is_a_fault_of_its_own_and_missing_from_later_windows() -> None:
    form = TableForm(SIGNATURE, ("a", "b"))
    cells = np.array(["0", "1", "x", "3", "4"], dtype=object)
    read = form.read({"a": cells, "b": B}, 5)
    assert list(read.faults) == [2]
    assert read.rows.tolist() == [0, 1, 3, 4]
    assert np.isnan(read.tensors["window"][2, 1]).all()
    later = form.read({"a": cells[1:], "b": B[1:]}, 2, before=2)
    assert not later.faults
    assert np.isnan(later.tensors["window"][0, 1]).all()

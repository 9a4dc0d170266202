"""Columns of a table as a model's inputs, and its outputs as columns."""

from collections.abc import Mapping

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.columns import ReadRows, TableForm, answer_columns, plain_values

FP32, INT64, BYTES, BOOL = Datatype.FP32, Datatype.INT64, Datatype.BYTES, Datatype.BOOL


def signature(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = ()) -> Signature:
    return Signature(inputs, outputs or (TensorSpec("y", FP32, (-1,)),))


def column(*values: object) -> Array:
    """A column as DuckDB gives it: masked where None, objects where no numbers."""
    if all(value is None or isinstance(value, int | float) for value in values):
        mask = [value is None for value in values]
        plain = np.array([value or 0 for value in values])
        return np.ma.masked_array(plain, mask=mask) if any(mask) else plain
    found = np.empty(len(values), dtype=np.object_)
    found[:] = values
    return np.ma.masked_array(found, mask=[value is None for value in values])


def read(takes: Signature, columns: Mapping[str, Array], rows: int, decimal: str = ".") -> ReadRows:
    form = TableForm(takes, list(columns), decimal)
    return form.read({name: columns[name] for name in form.columns}, rows)


ROW = TensorSpec("x", FP32, (-1, 2), columns=("a", "b"))


def test_named_columns_are_one_input_whatever_stands_between_them() -> None:
    table = {"b": column(2, 4), "id": column("p", "q"), "a": column(1.5, 3)}
    found = read(signature(ROW), table, 2)
    assert found.tensors["x"].tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert found.tensors["x"].dtype == np.float32
    assert found.faults == {}


def test_an_input_without_names_takes_all_columns_in_their_order() -> None:
    takes = signature(TensorSpec("x", FP32, (-1, 2)))
    found = read(takes, {"p": column(1), "q": column(2)}, 1)
    assert found.tensors["x"].tolist() == [[1.0, 2.0]]
    with pytest.raises(InvalidInput, match="no column x"):
        TableForm(takes, ["p", "q", "r"])


def test_a_missing_column_is_named_with_what_is_there() -> None:
    with pytest.raises(InvalidInput, match=r"no column b,.* it has a, c"):
        TableForm(signature(ROW), ["a", "c"])


def test_a_model_without_rows_takes_no_table() -> None:
    with pytest.raises(InvalidInput, match="without rows"):
        TableForm(signature(TensorSpec("x", FP32, (3,))), ["x"])


def test_texts_of_a_csv_become_numbers_with_its_decimal_sign() -> None:
    takes = signature(TensorSpec("x", FP32, (-1,)), TensorSpec("n", INT64, (-1, 1)))
    found = read(takes, {"x": column("1,5", "2"), "n": column("7", "-8")}, 2, ",")
    assert found.tensors["x"].tolist() == [1.5, 2.0]
    assert found.tensors["n"].tolist() == [[7], [-8]]


@pytest.mark.parametrize(
    ("spec", "cell", "reason"),
    [
        (TensorSpec("x", FP32, (-1,)), "abc", "'abc', which is no FP32"),
        (TensorSpec("x", FP32, (-1,)), None, "is empty"),
        (TensorSpec("x", FP32, (-1,)), "nan", "holds NaN"),
        (TensorSpec("x", FP32, (-1,)), "1e300", "beyond the model's range"),
        (TensorSpec("x", INT64, (-1,)), "1.5", "no INT64"),
        (TensorSpec("x", Datatype.UINT8, (-1,)), "256", "no UINT8"),
        (TensorSpec("x", BOOL, (-1,)), "perhaps", "no BOOL"),
        (TensorSpec("x", FP32, (-1, 2, 2)), "[[1,2],[3]]", "no list of FP32"),
        (TensorSpec("x", FP32, (-1, 2, 2)), "[[1,2]]", "takes 2 x 2"),
        (TensorSpec("x", FP32, (-1, 2, 2)), "[[1,2],[3,null]]", "no list of FP32"),
    ],
)
def test_a_cell_that_does_not_fit_is_its_rows_fault_alone(
    spec: TensorSpec, cell: str | None, reason: str
) -> None:
    good = {FP32: "1", INT64: "1", BOOL: "true", Datatype.UINT8: "1"}[spec.datatype]
    good = "[[1,2],[3,4]]" if len(spec.shape) > 1 else good
    found = read(signature(spec), {"x": column(good, cell, good)}, 3)
    assert list(found.faults) == [1]
    assert reason in found.faults[1]
    assert found.rows.tolist() == [0, 2]
    assert len(found.tensors["x"]) == 2


def test_a_model_that_takes_missing_values_gets_nan_for_what_is_empty() -> None:
    takes = signature(TensorSpec("x", FP32, (-1,), missing=True))
    for cells in (column("1", None), column(1.0, None)):
        found = read(takes, {"x": cells}, 2)
        assert np.isnan(found.tensors["x"]).tolist() == [False, True]
        assert found.faults == {}


def test_an_optional_input_without_a_column_is_left_out() -> None:
    takes = signature(TensorSpec("x", FP32, (-1,)), TensorSpec("w", FP32, (-1,), optional=True))
    assert set(read(takes, {"x": column(1)}, 1).tensors) == {"x"}
    assert set(read(takes, {"x": column(1), "w": column(2)}, 1).tensors) == {"x", "w"}


def test_texts_times_and_lists_of_a_parquet_file() -> None:
    takes = signature(TensorSpec("t", BYTES, (-1,)), TensorSpec("h", FP32, (-1, 2, 1)))
    lists = column([np.array([1.0]), np.array([2.0])], [np.array([3.0]), np.array([4.0])])
    times = np.array(["2026-01-01T00:00:00", "2026-01-02T12:00:00"], dtype="datetime64[us]")
    found = read(takes, {"t": times, "h": lists}, 2)
    assert found.tensors["t"].tolist() == [b"2026-01-01T00:00:00Z", b"2026-01-02T12:00:00Z"]
    assert found.tensors["h"].tolist() == [[[1.0], [2.0]], [[3.0], [4.0]]]


def test_bytes_of_images_become_their_pixels() -> None:
    takes = signature(TensorSpec("image", Datatype.UINT8, (-1, 2, 3, 1)))
    images = column(bytearray(range(6)), b"\x00" * 5, None, bytes(range(6, 12)))
    found = read(takes, {"image": images}, 4)
    assert found.tensors["image"].reshape(2, 6).tolist() == [[*range(6)], [*range(6, 12)]]
    assert "2 x 3 x 1" in found.faults[1]
    assert "is empty" in found.faults[2]


def names(*outputs: TensorSpec, levels: tuple[float, ...] = ()) -> list[str]:
    return [one.name for one in answer_columns(Signature((ROW,), outputs), levels)]


def test_what_the_columns_of_answers_are_called() -> None:
    alone = TensorSpec("raw", FP32, (-1, 1))
    assert names(alone) == ["prediction"]
    assert names(TensorSpec("p", FP32, (-1, 2))) == ["prediction_0", "prediction_1"]
    labelled = TensorSpec("p", FP32, (-1, 2), columns=("no", "yes"))
    assert names(TensorSpec("label", BYTES, (-1,)), labelled) == ["label", "p_no", "p_yes"]
    mean = TensorSpec("mean", FP32, (-1, 3, 1))
    quantiles = TensorSpec("quantiles", FP32, (-1, 3, 1, 2))
    assert names(mean, quantiles, levels=(0.1, 0.9)) == ["prediction", "q10", "q90"]
    with pytest.raises(InvalidInput, match="two outputs"):
        names(alone, TensorSpec("RAW", FP32, (-1,)))


def test_a_forecast_of_one_series_is_a_list_of_steps() -> None:
    outputs = (TensorSpec("mean", FP32, (-1, 3, 1)), TensorSpec("q", FP32, (-1, 3, 1, 2)))
    columns = answer_columns(Signature((ROW,), outputs), (0.1, 0.9))
    quantiles = np.arange(12, dtype=np.float32).reshape(2, 3, 1, 2)
    assert plain_values(columns[2], quantiles).tolist() == [[1.0, 3.0, 5.0], [7.0, 9.0, 11.0]]


def test_bytes_that_are_no_text_cannot_be_a_column() -> None:
    (one,) = answer_columns(Signature((ROW,), (TensorSpec("t", BYTES, (-1,)),)))
    values = np.array([b"\xff"], dtype=np.object_)
    with pytest.raises(InvalidInput, match="no UTF-8"):
        plain_values(one, values)

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table
from lichen.pipeline.terms import LONGEST_TEXT
from lichen.training.texts.rows import TextColumns, text_rows

COLUMNS = TextColumns("text", "label")


def objects(values: list[str | None]) -> NDArray[np.object_]:
    made = np.empty(len(values), dtype=np.object_)
    made[:] = values
    return made


def table(texts: list[str | None], labels: list[str | None]) -> Table:
    return Table(
        None,
        (Column("text", Dtype.TEXT), Column("label", Dtype.TEXT)),
        {"text": objects(texts), "label": objects(labels)},
    )


def numbered(count: int) -> list[str | None]:
    return [f"text number {number}" for number in range(count)]


def test_rows_that_teach_nothing_are_left_out_and_counted() -> None:
    texts = [*numbered(12), None, "  ", "text number 3", "without a class", "alone in its class"]
    labels: list[str | None] = [*(["a", "b", "b"] * 4), "a", "a", "a", None, "c"]
    rows = text_rows(table(texts, labels), COLUMNS)
    assert len(rows) == 12
    assert rows.left_out == {
        "no text": 2,
        "the same text as another row": 1,
        "no class": 1,
        "the only row of its class": 1,
    }


def test_of_two_classes_the_rarer_is_the_second_whatever_its_name() -> None:
    rows = text_rows(table(numbered(12), ["a", "b", "b"] * 4), COLUMNS)
    assert rows.labels == ("b", "a")
    assert rows.target.tolist() == [1, 0, 0] * 4


@pytest.mark.parametrize(
    ("dtype", "values", "labels"),
    [
        (Dtype.NUMBER, [0.0, 1.0, 0.0] * 4, ("0", "1")),
        (Dtype.NUMBER, [10.0, 9.5, 2.0] * 4, ("2", "9.5", "10")),
        (Dtype.BOOLEAN, [1.0, 0.0, 0.0] * 4, ("false", "true")),
    ],
)
def test_numbers_and_truth_values_are_classes_as_people_write_them(
    dtype: Dtype, values: list[float], labels: tuple[str, ...]
) -> None:
    made = Table(
        None,
        (Column("text", Dtype.TEXT), Column("label", dtype)),
        {"text": objects(numbered(12)), "label": np.array(values)},
    )
    assert text_rows(made, COLUMNS).labels == labels


def test_of_a_text_of_a_megabyte_the_beginning_is_kept() -> None:
    texts = ["w " * 500_000, *numbered(12)[1:]]
    rows = text_rows(table(texts, ["a", "b", "b"] * 4), COLUMNS)
    assert len(rows.texts[0]) == LONGEST_TEXT


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        (numbered(12), ["a"] * 12, "one class only, 'a'"),
        (numbered(12), [f"c{n}" for n in range(12)], "12 classes in 12 rows, too many"),
        ([""] * 12, ["a", "b"] * 6, "holds no text with a class"),
        (numbered(4), ["a", "a", "b", "b"], "4 rows have a text"),
    ],
)
def test_rows_that_cannot_be_learned_from_are_refused(
    texts: list[str | None], labels: list[str | None], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        text_rows(table(texts, labels), COLUMNS)


def test_numbers_in_the_place_of_texts_are_refused_with_a_way_out() -> None:
    made = Table(
        None,
        (Column("text", Dtype.NUMBER), Column("label", Dtype.TEXT)),
        {"text": np.arange(12.0), "label": objects(["a", "b"] * 6)},
    )
    with pytest.raises(InvalidInput, match="'text' holds numbers, not texts: name the column"):
        text_rows(made, COLUMNS)


def test_a_column_that_is_both_text_and_target_is_refused() -> None:
    with pytest.raises(InvalidInput, match="both text and target"):
        text_rows(table(numbered(12), ["a", "b"] * 6), TextColumns("text", "text"))

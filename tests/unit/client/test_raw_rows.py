"""Raw rows become the tensors of a model, here in the client, without NumPy."""

from datetime import UTC, date, datetime
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from lichen.cli.tables import labels_of, raw_rows_of, read_rows, rows_of
from lichen.client.inference import Answer
from lichen.client.raw_rows import takes_raw_rows, tensors_of
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec
from lichen.pipeline.declaration import Classes, Moment, Number, OneHot, Pipeline
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.oip import metadata, model_metadata

SIGNATURE = pipeline_signature(
    Pipeline(
        encoders=[
            Number(column="size"),
            Number(column="wet", is_boolean=True, may_lack=True),
            OneHot(column="kind", values=["air"]),
            Moment(column="at", parts=["day"], may_lack=True),
        ],
        head=Classes(labels=["fine", "poor"]),
    )
)
KNOWN = {spec.name: metadata(spec) for spec in SIGNATURE.inputs}
FILE = Path("rows.csv")


def test_cells_become_numbers_and_texts() -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    tensors = tensors_of(
        KNOWN,
        [
            {"size": 1, "wet": True, "kind": "air", "at": moment},
            {"size": 2.5, "kind": "é", "at": date(2026, 2, 1)},
            {"size": 3, "wet": float("nan"), "kind": "air", "at": float("nan")},
        ],
    )
    numbers = tensors["numbers"]
    assert isinstance(numbers, memoryview)
    listed: list[list[float]] = numbers.tolist()  # type: ignore[assignment]
    assert listed[0] == [1.0, 1.0]
    assert len(listed) == 3
    assert isnan(listed[1][1])
    assert tensors["texts"] == [
        ["air", "2026-01-31T12:00:00Z"],
        ["é", "2026-02-01"],
        ["air", ""],
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"size": float("nan"), "kind": "air"}, r"rows\[0\] has nothing in column 'size'"),
        ({"kind": "air"}, r"rows\[0\] has nothing in column 'size'"),
        ({"size": 1, "kind": None}, r"rows\[0\] has nothing in column 'kind'"),
        ({"size": "1", "kind": "air"}, r"holds '1' in column 'size': it takes a number"),
        ({"size": True, "kind": "air"}, r"holds True in column 'size'"),
        ({"size": 1, "kind": 2}, r"holds 2 in column 'kind': it takes a text"),
        ({"size": 1, "kind": "air", "sise": 1}, r"has the column 'sise', which"),
    ],
)
def test_what_does_not_fit_is_named(row: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        tensors_of(KNOWN, [row])


def test_a_model_that_takes_tensors_takes_no_raw_rows() -> None:
    plain = {"x": metadata(TensorSpec("x", Datatype.FP32, (-1, 2), columns=("a", "b")))}
    assert takes_raw_rows(KNOWN)
    assert not takes_raw_rows(plain)
    with pytest.raises(InvalidInput, match="takes no raw rows"):
        tensors_of(plain, [{"a": 1, "b": 2}])
    with pytest.raises(InvalidInput, match="there are no rows"):
        tensors_of(KNOWN, [])


def test_a_csv_becomes_raw_rows() -> None:
    served = model_metadata("raw", ["1"], "lichen", SIGNATURE)
    content = b"id,size,wet,kind,at\n7,1.5,TRUE, air ,\n8,NA,?,,2026-01-31\n"
    rows = read_rows(FILE, content, may_be_empty=True)
    assert raw_rows_of(served, rows, FILE) == [
        {"size": 1.5, "wet": True, "kind": "air", "at": None},
        {"size": None, "wet": None, "kind": None, "at": "2026-01-31"},
    ]
    with pytest.raises(InvalidInput, match=r"rows.csv line 2: 'big' in column 'size' is no number"):
        raw_rows_of(served, [{"size": "big"}], FILE)
    with pytest.raises(InvalidInput, match="line 2: a field is missing"):
        read_rows(FILE, b"a,b\n1\n", may_be_empty=True)


def test_values_that_have_names_are_columns_of_those_names() -> None:
    served = model_metadata("raw", ["1"], "lichen", SIGNATURE)
    answer = Answer({"prediction": ["fine"], "probability": [[0.75, 0.25]]}, None, "raw", "1", {})
    assert rows_of(answer, labels_of(served)) == [
        ["prediction", "probability_fine", "probability_poor"],
        ["fine", 0.75, 0.25],
    ]


@pytest.mark.parametrize("rows", [5, "a,b", [5], [["x", 1]], [{"town": "Ulm"}, None], [b"x" * 99]])
def test_what_is_no_list_of_mappings_is_refused_by_a_sentence(rows: Any) -> None:  # noqa: ANN401
    with pytest.raises(InvalidInput, match=r"give a list of rows|a raw row is a mapping"):
        tensors_of(KNOWN, rows)

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions, Limits
from lichen.data.schema import Dtype

WriteFile = Callable[..., Path]


def lines(*records: object) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def test_objects_become_rows_whose_cells_keep_commas_quotes_and_line_breaks(
    datasets: Datasets, write: WriteFile
) -> None:
    first = 'a, "b"\nc\u2028d；水'
    text = lines({"text": first, "label": 1}, {"text": "x", "label": 0, "ok": True})
    version = datasets.ingest("claims", write(text + "\n", "claims.jsonl"))
    assert [(one.name, one.dtype) for one in version.schema] == [
        ("text", Dtype.TEXT),
        ("label", Dtype.NUMBER),
        ("ok", Dtype.BOOLEAN),
    ]
    table = datasets.read(version)
    assert table.arrays["text"].tolist() == [first, "x"]
    assert table.arrays["label"].tolist() == [1, 0]


def test_what_an_object_leaves_out_or_gives_as_null_is_missing(
    datasets: Datasets, write: WriteFile
) -> None:
    text = lines({"a": "x", "b": None}, {"b": "y"})
    table = datasets.read(datasets.ingest("gaps", write(text, "gaps.ndjson")))
    assert table.arrays["a"].tolist() == ["x", None]
    assert table.arrays["b"].tolist() == [None, "y"]


def test_chinese_is_read_in_its_own_encoding(datasets: Datasets, write: WriteFile) -> None:
    text = lines(
        *({"文本": "自来水发黄", "类别": "水"} for _ in range(3)), {"文本": "空气", "类别": "气"}
    )
    version = datasets.ingest("zh", write(text, "zh.jsonl", encoding="gb18030"))
    assert datasets.read(version).arrays["类别"].tolist() == ["水", "水", "水", "气"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": \n', "line 2 is no JSON object"),
        ("[1, 2]\n", "line 1 is no JSON object"),
        ('{"a": [1]}\n', "line 1 holds a list or an object in 'a'"),
        ("{}\n", "no rows with columns"),
        ('{"a\\nb": 1}\n', "names a column over several lines"),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}\n", "line 1 is no JSON object"),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(
    datasets: Datasets, write: WriteFile, text: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        datasets.ingest("bad", write(text, "bad.jsonl"))


def test_more_columns_than_the_limit_are_refused(datasets: Datasets, write: WriteFile) -> None:
    text = lines(*({f"c{n}": n} for n in range(11)))
    with pytest.raises(TooLarge, match="11 columns"):
        datasets.ingest("x", write(text, "x.jsonl"), IngestOptions(limits=Limits(columns=10)))


def test_a_text_of_a_megabyte_is_one_cell(datasets: Datasets, write: WriteFile) -> None:
    text = lines({"text": "word " * 200_000, "label": "a"}, {"text": "x", "label": "b"})
    table = datasets.read(datasets.ingest("long", write(text, "long.jsonl")))
    assert len(table.arrays["text"][0]) == 5 * 200_000 - 1

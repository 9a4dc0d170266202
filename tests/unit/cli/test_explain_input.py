"""What `lichen explain` takes and writes: tensors as rows, pictures by the ending of their name."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from lichen.cli.explain_input import is_picture, picture_form, rows_of_request, write_pictures
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.protocol.explaining import Explanation


def tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, object]:
    return {"name": name, "datatype": "FP32", "shape": shape, "data": data}


def test_the_tensors_of_a_request_become_rows() -> None:
    request = {
        "inputs": [
            tensor("history", [2, 2, 1], [1.0, 2.0, 3.0, 4.0]),
            tensor("start", [2], ["a", "b"]),
        ]
    }
    assert rows_of_request(request) == [
        {"history": [[1.0], [2.0]], "start": "a"},
        {"history": [[3.0], [4.0]], "start": "b"},
    ]
    nested = {"inputs": [tensor("history", [1, 2, 1], [[[1.0], [2.0]]])]}
    assert rows_of_request(nested) == [{"history": [[1.0], [2.0]]}]


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        ({"inputs": [tensor("x", [2, 2], [1.0])]}, "has 1 values, and its shape"),
        ({"inputs": [tensor("x", [2], [1.0, 2.0]), tensor("y", [1], [1.0])]}, "not alike"),
        ({"inputs": []}, "not one row each"),
        ({"inputs": [{"name": "x"}]}, "cannot be read"),
    ],
)
def test_tensors_that_are_no_rows_are_refused(request_of: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        rows_of_request(request_of)


def test_the_ending_says_how_a_picture_is_written() -> None:
    assert picture_form(None) is None
    assert picture_form(Path("why.SVG")) == "svg"
    assert picture_form(Path("why.png")) == "png"
    with pytest.raises(InvalidInput, match=r"name it \.svg or \.png"):
        picture_form(Path("why.pdf"))


def test_pictures_are_told_from_tables(tmp_path: Path) -> None:
    assert is_picture(Path("cat.JPG"))
    assert is_picture(tmp_path)
    assert not is_picture(Path("rows.csv"))


def explanation(*pictures: str) -> Explanation:
    said = {"method": "occlusion", "space": "value", "sums_to": "", "largest_error": 0.0}
    return Explanation(**said, rows=[], pictures=list(pictures))  # type: ignore[arg-type]


def test_each_row_has_its_picture(tmp_path: Path) -> None:
    write_pictures(explanation("<svg/>", "<svg>2</svg>"), tmp_path / "why.svg")
    assert (tmp_path / "why.svg").read_text() == "<svg/>"
    assert (tmp_path / "why-2.svg").read_text() == "<svg>2</svg>"
    write_pictures(explanation(b64encode(b"\x89PNG").decode()), tmp_path / "why.png")
    assert (tmp_path / "why.png").read_bytes() == b"\x89PNG"
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_pictures(explanation("<svg/>"), tmp_path / "none" / "why.svg")

"""What `lichen explain` takes and writes: tensors by name, pictures by the ending of their name."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from lichen.cli.explain_input import is_picture, picture_form, tensors_of_request, write_pictures
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.protocol.explaining import Explanation


def tensor(name: str, shape: list[int], data: Any) -> dict[str, object]:  # noqa: ANN401
    return {"name": name, "datatype": "FP32", "shape": shape, "data": data}


def test_the_tensors_of_a_request_come_whole_and_by_name() -> None:
    request = {
        "inputs": [
            tensor("history", [2, 2, 1], [1.0, 2.0, 3.0, 4.0]),
            tensor("start", [2], ["a", "b"]),
        ]
    }
    assert tensors_of_request(request) == {
        "history": [[[1.0], [2.0]], [[3.0], [4.0]]],
        "start": ["a", "b"],
    }
    nested = {"inputs": [tensor("history", [1, 2, 1], [[[1.0], [2.0]]])]}
    assert tensors_of_request(nested) == {"history": [[[1.0], [2.0]]]}


def test_tensors_need_have_no_common_number_of_rows() -> None:
    request = {"inputs": [tensor("state", [2, 1], [1.0, 2.0]), tensor("rate", [], [16000])]}
    assert tensors_of_request(request) == {"state": [[1.0], [2.0]], "rate": 16000}
    assert tensors_of_request({"inputs": [tensor("rate", [], 8000)]}) == {"rate": 8000}


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        ({"inputs": [tensor("x", [2, 2], [1.0])]}, "has 1 values, and its shape"),
        ({"inputs": [tensor("x", [0], [])]}, "has 0 values"),
        ({"inputs": []}, "has no inputs"),
        ({"inputs": [{"name": "x"}]}, "cannot be read"),
    ],
)
def test_tensors_that_are_none_are_refused(request_of: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        tensors_of_request(request_of)


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

"""What is wrong with the requests of a batch, said before any is answered."""

import json
from pathlib import Path

import pytest

from lichen.serving import batch_lines
from lichen.serving.batch_lines import MOST_ERRORS, check_lines, lines_of

URL = "/predict/d"


def line(custom_id: str = "a", **more: object) -> str:
    told = {"custom_id": custom_id, "method": "POST", "url": URL, "body": {}, **more}
    return json.dumps(told)


def check(tmp_path: Path, *lines: str) -> tuple[int, list[tuple[int | None, str]]]:
    file = tmp_path / "lines"
    file.write_text("\n".join(lines))
    total, errors = check_lines(file, URL)
    return total, [(one.line, one.code) for one in errors]


def test_good_requests_are_counted_and_blank_lines_are_not(tmp_path: Path) -> None:
    assert check(tmp_path, line("a"), "", line("b"), "  ") == (2, [])


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("{", "invalid_json_line"),
        ("[]", "invalid_json_line"),
        ('{"custom_id": 7}', "invalid_json_line"),
        (line("b", method="GET"), "invalid_method"),
        (line("b", url="/predict/e"), "mismatched_endpoint"),
        (line(""), "invalid_custom_id"),
        (line("a"), "duplicate_custom_id"),
    ],
)
def test_a_bad_request_is_named_by_its_line(tmp_path: Path, bad: str, code: str) -> None:
    assert check(tmp_path, line("a"), bad) == (2, [(2, code)])


def test_an_empty_file_has_nothing_to_answer(tmp_path: Path) -> None:
    assert check(tmp_path, "", "") == (0, [(None, "empty_file")])


def test_of_many_errors_the_first_are_told(tmp_path: Path) -> None:
    total, errors = check(tmp_path, *["{"] * 50)
    assert (total, len(errors)) == (50, MOST_ERRORS)


def test_more_requests_than_the_limit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_lines, "MOST_LINES", 3)
    errors = check(tmp_path, *(line(str(number)) for number in range(5)))[1]
    assert errors == [(None, "too_many_tasks")]


def test_lines_from_a_place_on(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"a\n\nb\nc")
    assert list(lines_of(file, 1)) == [(3, b"b\n"), (4, b"c")]

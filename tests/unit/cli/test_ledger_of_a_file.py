"""`lichen ledger verify --file`: a ledger at rest, with no platform to vouch for it (L3)."""

import json
import sqlite3
from pathlib import Path

import pytest
import worked_example as example

from lichen.cli.main import EXIT_FAILED, EXIT_NOT_FOUND, EXIT_USAGE, run


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    example.write_ledger(tmp_path / "copy.db")
    return tmp_path / "copy.db"


def verified(path: Path, *more: str) -> int:
    return run(["ledger", "verify", "--file", str(path), *more])


def test_a_sound_one_is_said_to_be(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(ledger) == 0
    assert capsys.readouterr().out == "the ledger is sound\n"


def test_one_changed_nanogram_is_found_and_named(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(ledger) as connection:
        connection.execute("UPDATE postings SET ng = ng + 1 WHERE entry = 2 AND nj > 0")
    connection.close()
    assert verified(ledger, "--json") == EXIT_FAILED
    told = capsys.readouterr()
    assert json.loads(told.out)["sound"] is False
    assert "entry 2 was changed" in told.err


@pytest.mark.parametrize("content", [b"", b"junk" * 2000])
def test_a_file_that_is_no_ledger_is_not_sound(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "no.db"
    path.write_bytes(content)
    assert verified(path) == EXIT_FAILED
    assert capsys.readouterr().err.startswith("lichen: the ledger is damaged: ")


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert verified(tmp_path / "none.db") == EXIT_NOT_FOUND
    assert verified(tmp_path) == EXIT_USAGE

"""Files that cannot be data: one sentence naming file, row and remedy, and nothing is kept."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest


class Ended(Protocol):
    code: int
    sentence: str


class Running(Protocol):
    home: Path


Cli = Callable[..., Ended]

ONE, TWO, THREE = (f"2026-01-01T0{hour}:00:00Z" for hour in range(3))
BAD_FILES: list[tuple[str, str | bytes, str]] = [
    ("empty.csv", "", "empty.csv is empty: it needs a header line and rows"),
    ("binary.csv", bytes(range(256)) * 20, "binary.csv is binary, not CSV text: save it as CSV"),
    ("when.csv", f"time,load\n{ONE},1\nnoon,2\n{THREE},3\n", "row 3 of when.csv has 'noon'"),
    (
        "zones.csv",
        f"time,load\n{ONE},1\n2026-01-01T01:00:00,2\n{THREE},3\n",
        "zones.csv mixes time zones: row 3 says '2026-01-01T01:00:00'",
    ),
    (
        "twice.csv",
        f"time,load\n{ONE},1\n{ONE},2\n{TWO},3\n",
        f"twice.csv has 1 duplicate time ({ONE} in rows 2 and 3): remove them",
    ),
    ("ragged.csv", f"time,load\n{ONE},1\n{TWO},2,7\n", "ragged.csv line 3 does not fit its header"),
    (
        "broken.parquet",
        b"PAR1" + b"x" * 99 + b"PAR1",
        "broken.parquet is a damaged or unreadable Parquet file",
    ),
]


@pytest.mark.parametrize(("name", "content", "says"), BAD_FILES, ids=[one[0] for one in BAD_FILES])
def test_a_file_that_is_no_data_is_refused_and_makes_no_version(
    cli: Cli, tmp_path: Path, name: str, content: str | bytes, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    ended = cli("data", "add", "bad", file)
    assert ended.code == 2
    assert says in ended.sentence
    assert cli("data", "show", "bad").code == 3


def test_the_uploads_of_refused_files_are_removed(running: Running) -> None:
    give_up = time.monotonic() + 60
    while kept := list((running.home / "uploads").iterdir()):  # just after the job's end
        assert time.monotonic() < give_up, kept
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "file", "more", "says"),
    [
        ("../x", "good", (), "dataset name '../x' is not usable: take 1 to 64 letters"),
        ("a b", "good", (), "dataset name 'a b' is not usable"),
        ("x", "absent.csv", (), "absent.csv cannot be read (No such file or directory): name a"),
        ("x", ".", (), ". holds no picture (.png, .jpg) and no IDX file: name a folder"),
        ("x", "good", ("--time", "clock"), "no column 'clock'"),
        ("x", "good", ("--nope",), "No such option '--nope'"),
    ],
)
def test_what_is_said_of_a_file_must_hold(
    cli: Cli, good: Path, name: str, file: str, more: tuple[str, ...], says: str
) -> None:
    ended = cli("data", "add", name, good if file == "good" else file, *more)
    assert ended.code == 2
    assert says in ended.sentence


@pytest.mark.usefixtures("served")
def test_rows_that_do_not_fit_are_not_appended(cli: Cli, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("time,load\n2026-03-01T00:00:00Z,1\n2026-03-01T01:00:00Z,1\n")
    ended = cli("data", "append", "good", other)
    assert (ended.code, "warmth" in ended.sentence) == (2, True)
    assert cli("data", "append", "nope", other).code == 3
    assert cli("data", "show", "good@2").code == 3

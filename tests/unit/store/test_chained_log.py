from pathlib import Path

import pytest

from lichen.core.errors import Corrupt
from lichen.store.log import GENESIS, FileLog, Link, first_broken, link

PAYLOADS = [b"one", b"", b"\x00\n\xff", b"four"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = FileLog(tmp_path / "audit" / "log")
    for payload in PAYLOADS:
        log.append(payload)
    return tmp_path / "audit" / "log"


def test_records_come_back_in_order_and_chained(path: Path) -> None:
    links = list(FileLog(path).links())
    assert [record.payload for record in links] == PAYLOADS
    assert links[0].digest == link(GENESIS, b"one")
    assert first_broken(links) is None


def test_a_log_goes_on_where_it_ended(path: Path) -> None:
    assert FileLog(path).append(b"five").number == 5
    assert first_broken(FileLog(path).links()) is None


@pytest.mark.parametrize("keep", [1, 30, 64, 66])
def test_a_line_that_a_crash_cut_short_never_was(path: Path, keep: int) -> None:
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + last[:keep])
    log = FileLog(path)
    assert path.read_bytes() == whole
    log.append(b"five")
    assert [record.payload for record in log.links()] == [*PAYLOADS, b"five"]


def test_any_changed_byte_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(len(whole) - 1):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(Corrupt, match="is damaged"):
            FileLog(path)


def test_a_missing_or_swapped_record_is_found() -> None:
    first = Link(1, link(GENESIS, b"a"), b"a")
    second = Link(2, link(first.digest, b"b"), b"b")
    third = Link(3, link(second.digest, b"c"), b"c")
    assert first_broken([first, second, third]) is None
    assert first_broken([first, third]) == 2
    assert first_broken([second, first]) == 1

"""Verification finds whatever was changed behind the ledger's back (L3)."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.core.figures import Method

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BASIS = Basis(
    ConstantIntensity(400.0).at("DE", NOON), Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None
)


def book(path: Path, *, seconds: int, close: bool) -> None:
    ledger = Ledger.open(path)
    for second in range(seconds):
        start = NOON + timedelta(seconds=second)
        postings = tuple(
            Posting(f"work/default/job-{job}/vic@1/fp32", 1_000_003 * job, 17 * job, job)
            for job in range(1, 6)
        )
        meter = Posting("meter", -sum(p.nj for p in postings), -sum(p.ng for p in postings))
        ledger.record(Booking(start, start + timedelta(seconds=1), (meter, *postings), BASIS))
    if close:
        ledger.close()
    else:
        ledger.books.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    book(path, seconds=130, close=False)
    return path


def test_sound_books_have_no_findings(path: Path) -> None:
    assert LedgerReader(path).verify() == []


@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        ("UPDATE postings SET nj = nj + 1 WHERE entry = 1 AND account = 2", "entry 1 was changed"),
        ("UPDATE postings SET nj = nj + 1 WHERE entry = 1 AND account = 2", "not sum to zero: +1"),
        ("UPDATE postings SET units = 0 WHERE entry = 2", "entry 2 was changed"),
        ("DELETE FROM postings WHERE entry = 2", "entry 2 was changed"),
        ("UPDATE entries SET ended_us = ended_us + 1 WHERE number = 2", "entry 2 was changed"),
        ("UPDATE entries SET kind = 'gap' WHERE number = 1", "entry 1 was changed"),
        ("UPDATE entries SET note = 'fine' WHERE number = 1", "entry 1 was changed"),
        ("UPDATE entries SET digest = 'x' WHERE number = 1", "entry 2 was changed"),
        ("DELETE FROM entries WHERE number = 1", "entry 1 is missing"),
        ("DELETE FROM entries WHERE number = 1", "belong to an entry or account that is not"),
        ("UPDATE accounts SET name = 'idle' WHERE id = 2", "entry 1 was changed"),
        ("DELETE FROM accounts WHERE id = 2", "belong to an entry or account that is not"),
        ("UPDATE bases SET content = replace(content, '400', '40')", "entry 1 was changed"),
        ("DELETE FROM bases", "entry 1 stands on a basis that is not there"),
        ("UPDATE books SET seed = 'x'", "entry 1 was changed"),
        ("DELETE FROM books", "0 title pages"),
        ("UPDATE journal SET content = '[]' WHERE number = 3", "second 3 of the open minute was"),
        ("UPDATE journal SET content = 'x' WHERE number = 3", "second 3 of the open minute cannot"),
        ("DELETE FROM journal WHERE number = 3", "second 4 of the open minute was changed"),
        ("DROP TABLE journal", "cannot be read through"),
    ],
)
def test_each_tampering_is_found_where_it_was_done(path: Path, tampering: str, says: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(tampering)
    connection.close()

    findings = LedgerReader(path).verify()
    assert any(says in finding.what for finding in findings), findings


def test_each_flipped_byte_of_an_entry_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    book(path, seconds=61, close=True)
    sound = path.read_bytes()
    digest = LedgerReader(path).entries()[0].digest.encode()
    start = sound.index(digest)
    for offset in (
        *range(start, start + len(digest), 9),
        sound.index(b"job-3"),
        sound.index(b"400.0"),
    ):
        damaged = bytearray(sound)
        damaged[offset] ^= 1
        path.write_bytes(damaged)
        assert LedgerReader(path).verify(), f"byte {offset}"

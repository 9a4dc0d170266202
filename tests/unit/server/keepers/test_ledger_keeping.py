"""Where the ledger stands and how long it keeps minutes, by the settings (L3)."""

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.core.figures import Method
from lichen.server.keepers import ledger_keeping
from lichen.server.keepers.ledger_books import ledger_books
from lichen.server.keepers.ledger_keeping import LedgerKeeping, retention_of
from lichen.server.sections import LedgerSettings
from lichen.server.settings import load

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def booked(path: Path, *, hours: int) -> ManualClock:
    """Hours of ten-minute entries; the clock stands four days after them."""
    clock = ManualClock(MIDNIGHT)
    value = ConstantIntensity(400.0).at("DE", MIDNIGHT)
    basis = Basis(value, Method.MODELLED, "model 1", 0.4, 1.4, 1.0, None)
    ledger = Ledger.open(path, clock)
    for _ in range(6 * hours):
        began = clock.now()
        clock.advance(600)
        postings = (Posting("meter", -1000, -10), Posting("idle", 1000, 10))
        ledger.record(Booking(began, clock.now(), postings, basis))
    ledger.close()
    clock.advance(4 * 24 * 3600)
    return clock


def test_old_minutes_become_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_keeping, "_PAUSE_SECONDS", 0.0)
    path = tmp_path / "ledger.db"
    clock = booked(path, hours=5)
    before = LedgerReader(path).accounts()
    keeping = LedgerKeeping(
        SqliteBooks(path), retention_of(LedgerSettings(ledger_minutes_days=3)), clock
    )
    keeping.turn()
    kinds = [one.kind for one in LedgerReader(path).entries()]
    assert kinds.count("hour") == 4
    assert kinds.count("minute") == 6
    assert LedgerReader(path).accounts() == before
    assert LedgerReader(path).verify() == []


def test_it_runs_by_itself_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_keeping, "_FIRST_SECONDS", 0.0)
    path = tmp_path / "ledger.db"
    clock = booked(path, hours=2)
    retention = retention_of(LedgerSettings(ledger_minutes_days=3))
    keeping = LedgerKeeping(SqliteBooks(path), retention, clock)
    keeping.start()
    for _ in range(6000):
        if LedgerReader(path).rolled_up_until() is not None:
            break
        time.sleep(0.01)
    keeping.stop()
    assert not keeping._routine.is_running
    assert LedgerReader(path).rolled_up_until() == MIDNIGHT + timedelta(hours=1)


def test_books_that_cannot_be_written_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    books = SqliteBooks(tmp_path / "file" / "ledger.db")
    keeping = LedgerKeeping(books, retention_of(LedgerSettings()), ManualClock(MIDNIGHT))
    with caplog.at_level(logging.ERROR):
        keeping.turn()
        keeping.turn()
    assert caplog.text.count("old minutes of the ledger cannot be rolled up") == 1


def test_hours_are_kept_for_as_long_as_minutes() -> None:
    with pytest.raises(InvalidInput, match="ledger_hours_days is 10 and ledger_minutes_days 35"):
        retention_of(LedgerSettings(ledger_hours_days=10))


def test_an_address_of_no_known_database_is_refused(tmp_path: Path) -> None:
    settings = load({"home": tmp_path, "runtime": tmp_path, "ledger_url": "mysql://me:pw@h/x"}, {})
    with pytest.raises(InvalidInput, match="ledger_url is not usable") as refused:
        ledger_books(settings)
    assert "pw" not in str(refused.value)
    assert "pw" not in repr(settings)

"""Hours and days stand for minutes: what stays, what is refused, what is found (L3)."""

import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.rollup import Piece, Retention, chosen
from lichen.core.clock import ManualClock
from lichen.core.errors import Corrupt, InvalidInput, NotFound
from lichen.core.figures import Method

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 4
STEP = timedelta(minutes=10)
RETENTION = Retention(timedelta(days=1), timedelta(days=2))
WORK = "work/default/vic/vic@1/fp32"


def basis(g_per_kwh: float = 400.0) -> Basis:
    value = ConstantIntensity(g_per_kwh).at("DE", MIDNIGHT)
    return Basis(value, Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)


def window(began: datetime) -> Booking:
    """Ten minutes; from noon on at another intensity."""
    postings = (Posting("meter", -1000, -10), Posting(WORK, 700, 7, 2), Posting("idle", 300, 3))
    at = basis(400.0 if began.hour < 12 else 390.0)
    return Booking(began, began + STEP, postings, at)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MIDNIGHT)


@pytest.fixture
def ledger(tmp_path: Path, clock: ManualClock) -> Ledger:
    """Four days of entries of ten minutes; one adjustment; the clock stands at their end."""
    made = Ledger.open(tmp_path / "ledger.db", clock)
    for _ in range(DAYS * 144):
        made.record(window(clock.now()))
        clock.advance(600)
    made.adjust(
        MIDNIGHT, [Posting("meter", 0, -5), Posting(WORK, 0, 5)], basis(410.0), "known better"
    )
    made.record(window(clock.now()))
    made.seal()
    return made


def rolled_up(ledger: Ledger) -> int:
    steps = 0
    while ledger.roll_up(RETENTION):
        steps += 1
    return steps


def test_minutes_become_hours_and_hours_days(ledger: Ledger) -> None:
    reader = ledger.reader()
    before = reader.statement()
    assert rolled_up(ledger) == 24 * 3 + 2
    after = reader.statement()

    assert after.accounts == before.accounts
    assert after.bases == before.bases
    kinds = [one.kind for one in reader.entries(limit=10_000)]
    # A day has two bases, and so two entries: each stands on one.
    assert kinds[:4] == ["day"] * 4
    assert kinds.count("hour") == 24
    assert kinds.count("minute") == 144 + 1
    assert reader.verify() == []
    assert rolled_up(ledger) == 0


def test_a_day_holds_the_exact_sums_of_its_basis(ledger: Ledger) -> None:
    rolled_up(ledger)
    first, second, *_ = ledger.reader().entries()

    assert (first.started_at, first.ended_at) == (MIDNIGHT, MIDNIGHT + timedelta(hours=12))
    assert first.basis == basis(400.0)
    assert second.basis == basis(390.0)
    assert first.windows == 72
    assert first.postings == (
        Posting("idle", 72 * 300, 72 * 3), Posting("meter", -72_000, -720),
        Posting(WORK, 72 * 700, 72 * 7, 144),
    )  # fmt: skip


def test_as_of_an_entry_that_was_rolled_up_is_refused_with_the_next_that_is_not(
    ledger: Ledger,
) -> None:
    reader = ledger.reader()
    whole = {number: reader.statement(as_of=number) for number in (288, 433)}
    rolled_up(ledger)

    with pytest.raises(
        NotFound, match=r"entry 17 was rolled up with entries 1 to 144: ask as of entry 144"
    ):
        reader.statement(as_of=17)
    for number, statement in whole.items():
        if number % 144 == 0:
            assert reader.statement(as_of=number) == statement
    assert reader.statement(as_of=288).digest == whole[288].digest


def test_a_span_that_cuts_a_rolled_up_hour_is_refused(ledger: Ledger) -> None:
    reader, day = ledger.reader(), timedelta(days=1)
    noon = MIDNIGHT + timedelta(hours=12)
    whole = reader.statement(noon, MIDNIGHT + day)
    rolled_up(ledger)

    assert reader.statement(noon, MIDNIGHT + day).accounts == whole.accounts
    for cut in ((noon + STEP, None), (None, noon + STEP)):
        with pytest.raises(
            InvalidInput,
            match=r"2026-03-01T12:10:00Z lies within 2026-03-01T12:00:00Z to 2026-03-02T00:00:00Z",
        ):
            reader.statement(*cut)
    young = MIDNIGHT + timedelta(days=DAYS - 1, hours=12, minutes=10)
    assert reader.statement(young).accounts


def test_adjustments_into_rolled_up_time_are_booked(ledger: Ledger) -> None:
    rolled_up(ledger)
    owed = [Posting("meter", 0, -7), Posting(WORK, 0, 7)]
    ledger.adjust(MIDNIGHT + timedelta(hours=3), owed, basis(420.0), "revised after a year")

    first_half = ledger.reader().accounts(MIDNIGHT, MIDNIGHT + timedelta(hours=12))
    assert {one.account: one.ng for one in first_half}[WORK] == 72 * 7 + 5 + 7
    assert ledger.reader().verify() == []


def test_gaps_stops_and_adjustments_survive_a_roll_up(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "ledger.db"
    for is_clean in (True, False, True):
        ledger = Ledger.open(path, clock)
        ledger.record(window(clock.now()))
        clock.advance(600)
        ledger.adjust(
            clock.now(), [Posting("meter", 0, -5), Posting(WORK, 0, 5)], basis(), "known better"
        )
        (ledger.close if is_clean else ledger.books.close)()
        clock.advance(60)
    clock.advance(3600)
    ledger = Ledger.open(path, clock)
    ledger.record(window(clock.now()))
    ledger.seal()
    before = ledger.reader().shares()[0]
    clock.advance(2 * 24 * 3600)

    assert rolled_up(ledger) == 1
    assert [(one.kind, one.note) for one in ledger.reader().entries()] == [
        ("hour", ""), ("adjustment", "known better"), ("stop", "the writer closed the books"),
        ("hour", ""), ("adjustment", "known better"), ("gap", ledger.reader().entries()[5].note),
        ("hour", ""), ("adjustment", "known better"), ("stop", "the writer closed the books"),
        ("minute", ""), ("rollup", ledger.reader().entries()[-1].note),
    ]  # fmt: skip
    after = ledger.reader().shares(as_of=before.as_of)[0]
    assert after == before
    ledger.close()


@pytest.mark.parametrize(
    ("tampering", "says"),
    [
        ("UPDATE postings SET nj = nj + 1 WHERE entry = 72 AND account = 1", "entry 72 does not"),
        ("UPDATE postings SET ng = -ng WHERE entry = 72", "the roll-up of entries 1 to 144 was"),
        ("UPDATE entries SET windows = 71 WHERE number = 72", "the roll-up of entries 1 to 144"),
        ("UPDATE entries SET digest = 'x' WHERE number = 144", "the roll-up of entries 1 to 144"),
        ("DELETE FROM entries WHERE number = 72", "the roll-up of entries 1 to 144 was changed"),
        ("DELETE FROM entries WHERE number = 144", "the roll-up of entries 1 to 144 was changed"),
        ("UPDATE rollups SET digest = 'x' WHERE first_number = 1", "entries 1 to 144 was changed"),
        ("UPDATE rollups SET last_number = 143 WHERE first_number = 1", "entries 1 to 143 was"),
        ("UPDATE rollups SET digest_before = 'x' WHERE first_number = 145", "145 to 288 was"),
        ("DELETE FROM rollups WHERE first_number = 1", "entry 1 is missing before entry 72"),
        ("DELETE FROM entries WHERE kind = 'rollup'", "no entry vouches for the sums of the"),
        ("UPDATE entries SET note = 'x' WHERE kind = 'rollup'", "was changed after it was sealed"),
        ("UPDATE keeping SET opened_us = 7", "the mark that the books are open was changed"),
    ],
)
def test_what_was_changed_in_a_roll_up_is_found(
    ledger: Ledger, tmp_path: Path, tampering: str, says: str
) -> None:
    rolled_up(ledger)
    ledger.books.close()
    connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    connection.execute(tampering)
    connection.close()

    findings = LedgerReader(tmp_path / "ledger.db").verify()
    assert any(says in one.what for one in findings), findings


def test_damage_is_not_rolled_up_into_a_sum(ledger: Ledger, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    connection.execute("UPDATE postings SET nj = nj + 1 WHERE entry = 3 AND nj > 0")
    connection.close()

    with pytest.raises(Corrupt, match=r"entry 3 .*, so it is not rolled up: run `lichen ledger"):
        ledger.roll_up(RETENTION)
    assert len(ledger.reader().entries(limit=10_000)) == DAYS * 144 + 2


def test_the_file_shrinks_and_goes_on_serving(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    began = MIDNIGHT + timedelta(days=DAYS)
    busy = [Posting(f"work/default/d{number}/m@1/fp32", 1000, 10) for number in range(200)]
    meter = Posting("meter", -200_000, -2000)
    for minute in range(1, 240):
        start = began + timedelta(minutes=10 * minute)
        ledger.record(Booking(start, start + STEP, (meter, *busy), basis()))
    ledger.seal()
    ledger.clock = ManualClock(began + timedelta(days=9))
    was = path.stat().st_size + path.with_name("ledger.db-wal").stat().st_size
    before = ledger.reader().accounts()
    rolled_up(ledger)
    ledger.close()

    assert path.stat().st_size < was / 2
    assert LedgerReader(path).accounts() == before
    assert LedgerReader(path).verify() == []


def test_only_whole_old_spans_are_chosen() -> None:
    pieces = [Piece(1, 1, 7, 10), Piece(2, 2, None, 11), Piece(3, 3, 7, 20), Piece(4, 4, 8, 30)]
    assert chosen(pieces, 20, is_full=False) == (1, 3)
    assert chosen(pieces, 19, is_full=False) is None
    assert chosen(pieces[:3], 99, is_full=False) is None
    assert chosen(pieces[:3], 99, is_full=True) == (1, 3)
    assert chosen([], 99, is_full=True) is None
    late = [*pieces[:3], Piece(4, 4, 6, 21), pieces[3]]  # of an hour before, and sealed late
    assert chosen(late, 99, is_full=False) == (1, 4)
    assert all(one.last + 1 == other.first for one, other in pairwise(pieces))

"""The books: balance, minutes, statements, adjustments, gaps (L1, L3)."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.ledger.postings import Basis, Booking, Posting, Unbalanced
from lichen.core.clock import ManualClock
from lichen.core.errors import Corrupt, InvalidInput, NotFound, StorageFailed
from lichen.core.figures import Method

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WORK = "work/default/vic/vic@1/fp32"


def basis(g_per_kwh: float = 400.0) -> Basis:
    intensity = ConstantIntensity(g_per_kwh).at("DE", NOON)
    return Basis(intensity, Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)


def window(second: int, nj: int = 1000, ng: int = 10, at: Basis | None = None) -> Booking:
    start = NOON + timedelta(seconds=second)
    postings = (
        Posting("meter", -nj, -ng),
        Posting(WORK, nj - 300, ng - 3, units=2),
        Posting("idle", 300, 3),
    )
    return Booking(start, start + timedelta(seconds=1), postings, at or basis())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.db"


def totals(path: Path, **span: datetime | int) -> dict[str, tuple[int, int, int]]:
    accounts = LedgerReader(path).accounts(**span)  # type: ignore[arg-type] # spelled at each call
    return {one.account: (one.nj, one.ng, one.units) for one in accounts}


def test_windows_add_up_by_account_and_sum_to_zero(path: Path) -> None:
    ledger = Ledger.open(path)
    for second in range(90):
        ledger.record(window(second))

    held = totals(path)
    assert held == {"meter": (-90_000, -900, 0), WORK: (63_000, 630, 180), "idle": (27_000, 270, 0)}
    statement = LedgerReader(path).statement()
    assert (statement.as_of, statement.unsealed_windows) == (1, 30)
    assert statement.bases == (basis(),)
    ledger.close()
    assert totals(path) == held


def test_a_minute_is_sealed_as_one_entry_when_the_next_begins(path: Path) -> None:
    ledger = Ledger.open(path)
    for second in range(125):
        ledger.record(window(second))
    ledger.close()

    entries = LedgerReader(path).entries()
    assert [(one.kind, one.windows) for one in entries] == [
        ("minute", 60), ("minute", 60), ("minute", 5), ("stop", 0),
    ]  # fmt: skip
    assert entries[1].started_at == NOON + timedelta(minutes=1)
    assert entries[1].ended_at == NOON + timedelta(minutes=2)
    assert entries[1].basis == basis()
    assert entries[1].postings[-1] == Posting(WORK, 42_000, 420, 120)
    assert LedgerReader(path).verify() == []


def test_another_intensity_seals_early_so_each_entry_stands_on_one(path: Path) -> None:
    ledger = Ledger.open(path)
    for second in range(6):
        ledger.record(window(second, at=basis(400.0 if second < 4 else 390.0)))
    ledger.close()

    entries = LedgerReader(path).entries()
    assert [one.windows for one in entries] == [4, 2, 0]
    assert entries[1].basis == basis(390.0)


def test_an_unbalanced_window_is_refused_by_name_and_leaves_nothing(path: Path) -> None:
    ledger = Ledger.open(path)
    good = window(1)
    wrong = Booking(
        good.started_at, good.ended_at, (*good.postings, Posting("host/other", 1, -2)), basis()
    )

    with pytest.raises(Unbalanced, match=r"2026-11-21T12:00:01.*\(\+1 nJ, -2 ng\).*meter -1000 nJ"):
        ledger.record(wrong)
    assert ledger.waiting == 0
    assert totals(path) == {}
    ledger.close()


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ends before it starts"):
        Booking(NOON, NOON - timedelta(seconds=1), (), basis())


def test_spans_and_as_of_choose_entries_and_stay_the_same_for_ever(path: Path) -> None:
    ledger = Ledger.open(path)
    for second in range(180):
        ledger.record(window(second))
    reader = LedgerReader(path)
    first = reader.statement(as_of=1)
    minute = {"since": NOON + timedelta(minutes=1), "until": NOON + timedelta(minutes=2)}
    ledger.adjust(NOON, [Posting("meter", 0, -5), Posting(WORK, 0, 5)], basis(410.0), "revised")
    ledger.close()

    assert totals(path, **minute)["meter"] == (-60_000, -600, 0)
    assert totals(path, as_of=1)["meter"] == (-60_000, -600, 0)
    assert reader.statement(as_of=1) == first
    assert first.unsealed_windows == 0
    assert totals(path)["meter"] == (-180_000, -1805, 0)
    assert [one.kind for one in reader.entries()] == ["minute"] * 3 + ["adjustment", "stop"]
    assert reader.entries()[3].note == "revised"
    with pytest.raises(NotFound, match="entry 99 is not sealed yet; the last one is 5"):
        reader.statement(as_of=99)


def test_sums_are_exact_beyond_64_bits(path: Path) -> None:
    ledger = Ledger.open(path)
    for minute in range(4):
        ledger.record(window(60 * minute, nj=2**62 + 1, ng=2**61 + 1))
    ledger.close()

    assert totals(path)["meter"] == (-4 * (2**62 + 1), -4 * (2**61 + 1), 0)
    assert sum(nj for nj, _, _ in totals(path).values()) == 0


def test_entries_come_page_by_page(path: Path) -> None:
    ledger = Ledger.open(path)
    for minute in range(5):
        ledger.record(window(60 * minute))
    ledger.close()
    reader = LedgerReader(path)

    assert [one.number for one in reader.entries(after=2, limit=2)] == [3, 4]
    assert reader.entries(after=6) == []
    assert reader.head() == (6, reader.entries()[-1].digest)
    with pytest.raises(InvalidInput, match="at least one"):
        reader.entries(limit=0)


def test_a_writer_that_closed_leaves_no_gap(path: Path) -> None:
    for start in (0, 300):
        ledger = Ledger.open(path)
        ledger.record(window(start))
        ledger.close()
    Ledger.open(path).close()

    kinds = [one.kind for one in LedgerReader(path).entries()]
    assert kinds == ["minute", "stop", "minute", "stop"]


def test_a_writer_that_vanished_leaves_a_gap_that_says_so(path: Path) -> None:
    vanished = Ledger.open(path, ManualClock(NOON))
    for second in range(3):
        vanished.record(window(second))
    later = ManualClock(NOON + timedelta(minutes=7))
    ledger = Ledger.open(path, later)  # the first never closed its books

    entries = LedgerReader(path).entries()
    assert [(one.kind, one.windows) for one in entries] == [("minute", 3), ("gap", 0)]
    assert entries[1].started_at == NOON + timedelta(seconds=3)
    assert entries[1].ended_at == NOON + timedelta(minutes=7)
    assert "not booked" in entries[1].note
    assert entries[1].postings == ()
    ledger.close()
    assert LedgerReader(path).verify() == []


def test_a_writer_that_never_booked_a_window_leaves_a_gap_as_well(path: Path) -> None:
    Ledger.open(path, ManualClock(NOON)).books.close()
    Ledger.open(path, ManualClock(NOON + timedelta(minutes=7))).close()

    gap = LedgerReader(path).entries()[0]
    assert (gap.kind, gap.started_at) == ("gap", NOON)
    assert gap.ended_at == NOON + timedelta(minutes=7)


def test_two_writers_cannot_fork_the_chain(path: Path) -> None:
    keeper, joined = Ledger.open(path), Ledger.join(path)
    for second in range(0, 200, 2):
        keeper.record(window(second))
        joined.record(window(second + 1, at=basis(390.0)))
        if second % 50 == 0:
            joined.adjust(NOON, [Posting("meter", 0, -5), Posting(WORK, 0, 5)], basis(), "why")

    assert totals(path)["meter"] == (-200_000, -2020, 0)
    assert LedgerReader(path).verify() == []
    joined.close()
    keeper.close()
    kinds = [one.kind for one in LedgerReader(path).entries()]
    assert kinds.count("gap") == 0
    assert kinds.count("stop") == 1
    assert LedgerReader(path).verify() == []


def test_two_bases_in_turns_make_two_entries_a_minute(path: Path) -> None:
    keeper, joined = Ledger.open(path), Ledger.join(path)
    for second in range(0, 120, 2):
        keeper.record(window(second))
        joined.record(window(second + 1, at=basis(390.0)))
    keeper.seal()

    entries = LedgerReader(path).entries()
    assert [one.windows for one in entries] == [30, 30, 30, 30]
    joined.close()
    keeper.close()


def test_a_writer_that_is_late_seals_nothing_of_the_minute_that_runs(path: Path) -> None:
    keeper, joined = Ledger.open(path), Ledger.join(path)
    for second in range(60, 90):
        keeper.record(window(second))
        joined.record(window(second - 30))
    keeper.close()
    joined.close()

    entries = LedgerReader(path).entries()
    assert [(one.windows, one.started_at.minute) for one in entries[:-1]] == [(30, 1), (30, 0)]
    assert totals(path, since=NOON, until=NOON + timedelta(minutes=1))["meter"][0] == -30_000


def test_who_joins_leaves_neither_a_gap_nor_a_stop(path: Path) -> None:
    keeper = Ledger.open(path)
    keeper.record(window(0))
    keeper.close()
    joined = Ledger.join(path)
    joined.record(window(1))
    joined.close()
    Ledger.join(path).books.close()
    Ledger.open(path).close()

    assert [one.kind for one in LedgerReader(path).entries()] == [
        "minute", "stop", "minute", "stop",
    ]  # fmt: skip


def test_what_is_no_ledger_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no ledger at"):
        LedgerReader(path).accounts()
    with pytest.raises(NotFound, match="there is no ledger at"):
        LedgerReader(path).verify()
    (tmp_path / "text.db").write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(Corrupt, match="damaged or no database"):
        Ledger.open(tmp_path / "text.db")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageFailed):
        Ledger.open(tmp_path / "file" / "ledger.db")


def test_books_of_another_format_are_refused(path: Path) -> None:
    Ledger.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE books SET format = 99")
    connection.close()

    with pytest.raises(Corrupt, match="format 99; this version writes 1"):
        Ledger.open(path)


def test_damaged_books_are_not_written_on(path: Path) -> None:
    ledger = Ledger.open(path)
    ledger.record(window(0))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE journal SET content = 'x'")
    connection.close()
    ledger.books.close()

    with pytest.raises(Corrupt, match="run `lichen ledger verify`"):
        Ledger.open(path)

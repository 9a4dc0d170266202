"""The laws of the ledger, for any list of windows (L1, L3)."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.carbon.ledger.postings import Basis, Booking, Posting, Unbalanced, check_balanced
from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.energy.attribution import split

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLOCK = ManualClock(NOON + timedelta(days=1))
BASES = tuple(
    Basis(ConstantIntensity(g).at("DE", NOON), Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)
    for g in (400.0, 390.0)
)
ACCOUNTS = ("idle", "in-progress", "host/other", "work/a/b/c@1/fp32", "work/ä/日本/c@1/int8")
nano = st.integers(-(2**61), 2**61)


@st.composite
def windows(draw: st.DrawFn) -> Booking:
    """Any balanced window within ten minutes, of any length, on one of two bases."""
    uses = draw(
        st.lists(
            st.builds(Posting, st.sampled_from(ACCOUNTS), nano, nano, st.integers(0, 9)),
            max_size=6,
            unique_by=lambda posting: posting.account,
        )
    )
    paid = Posting("meter", -sum(use.nj for use in uses), -sum(use.ng for use in uses))
    start = NOON + timedelta(milliseconds=draw(st.integers(0, 600_000)))
    ended = start + timedelta(milliseconds=draw(st.integers(0, 5_000)))
    return Booking(start, ended, (paid, *uses), draw(st.sampled_from(BASES)))


def expected(bookings: list[Booking]) -> dict[str, tuple[int, int, int]]:
    """The totals, worked out with nothing but integers."""
    sums: dict[str, tuple[int, int, int]] = {}
    for booking in bookings:
        for one in booking.postings:
            nj, ng, units = sums.get(one.account, (0, 0, 0))
            sums[one.account] = (nj + one.nj, ng + one.ng, units + one.units)
    return {name: total for name, total in sums.items() if total != (0, 0, 0)}


def totals(path: Path, as_of: int | None = None) -> dict[str, tuple[int, int, int]]:
    accounts = LedgerReader(path).accounts(as_of=as_of)
    return {one.account: (one.nj, one.ng, one.units) for one in accounts}


@settings(max_examples=25)
@given(bookings=st.lists(windows(), max_size=12))
def test_every_prefix_sums_to_zero_and_sealing_changes_no_total(bookings: list[Booking]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(path, CLOCK)
        for count, booking in enumerate(bookings, start=1):
            ledger.record(booking)
            held = totals(path)
            assert held == expected(bookings[:count])
            assert sum(nj for nj, _, _ in held.values()) == 0
            assert sum(ng for _, ng, _ in held.values()) == 0
        ledger.seal()
        assert totals(path) == expected(bookings)
        ledger.close()
        head, _ = LedgerReader(path).head()
        for number in range(1, head + 1):
            assert sum(nj for nj, _, _ in totals(path, as_of=number).values()) == 0
        assert LedgerReader(path).verify() == []


@settings(max_examples=15)
@given(bookings=st.lists(windows(), min_size=1, max_size=8), data=st.data())
def test_a_writer_that_vanishes_after_any_window_loses_none_of_those_booked(
    bookings: list[Booking], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        vanishing = data.draw(st.sets(st.integers(0, len(bookings) - 1)))
        ledger = Ledger.open(path, CLOCK)
        for number, booking in enumerate(bookings):
            ledger.record(booking)
            if number in vanishing:
                ledger.books.close()
                ledger = Ledger.open(path, CLOCK)
        ledger.close()

        kinds = [entry.kind for entry in LedgerReader(path).entries(limit=1000)]
        assert kinds.count("gap") == len(vanishing)
        assert totals(path) == expected(bookings)
        assert LedgerReader(path).verify() == []


@given(
    total=st.integers(0, 10**15),
    weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=20),
    off_nj=st.integers(-3, 3),
    off_ng=st.integers(-3, 3),
)
def test_only_what_sums_to_zero_is_taken(
    total: int, weights: list[int], off_nj: int, off_ng: int
) -> None:
    if not any(weights):
        weights = [1, *weights[1:]]
    shares = split(total, weights)
    postings = [Posting("meter", -total + off_nj, -total + off_ng)]
    postings += [Posting(f"work/{place}", share, share) for place, share in enumerate(shares)]

    if off_nj or off_ng:
        with pytest.raises(Unbalanced, match=re.escape(f"({off_nj:+d} nJ, {off_ng:+d} ng)")):
            check_balanced(postings, "the window")
    else:
        check_balanced(postings, "the window")

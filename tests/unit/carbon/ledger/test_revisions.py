"""Grams that are known better after booking: a new entry, never an edit, and never twice (L3)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.kept import Kept, KeptIntensity, write_kept
from lichen.carbon.grids.observations import Answer, Method, Point
from lichen.carbon.intensity import IntensityValue, Kind, Scope, Signal
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.revisions import Adjustment, adjustments
from lichen.core.clock import ManualClock
from lichen.core.figures import Method as How
from lichen.core.units import NANOGRAMS_PER_GRAM, NANOJOULES_PER_KWH

START = datetime(2026, 6, 1, 8, tzinfo=UTC)
LATER = START + timedelta(hours=9)
METHOD = Method("a test", Signal.AVERAGE, Scope.LIFECYCLE, 0.1, 6 * 3600)
WORK, PUE = "work/default/d/m@1/v", 1.5
NJ = NANOJOULES_PER_KWH // 1000


def known(folder: Path, *values: float, kind: Kind = Kind.OBSERVED) -> KeptIntensity:
    first = int(START.timestamp())
    points = tuple(Point(first + 3600 * at, 3600, value, kind) for at, value in enumerate(values))
    path = folder / "maps.json"
    write_kept(path, Kept(Answer("DE", METHOD, points), START, START))
    return KeptIntensity("maps", path)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.db", ManualClock(START))


def book(ledger: Ledger, moment: datetime, value: IntensityValue) -> None:
    """A second in which work took a watt-hour, and idling half of one."""
    grams = value.g_per_kwh * PUE / 1000
    work, idle = (round(share * grams * NANOGRAMS_PER_GRAM) for share in (1.0, 0.5))
    postings = (
        Posting("meter", -NJ - NJ // 2, -work - idle),
        Posting(WORK, NJ, work, 3),
        Posting("idle", NJ // 2, idle),
    )
    basis = Basis(value, How.MODELLED, "a test", 0.5, 1.5, PUE, None)
    ledger.record(Booking(moment, moment + timedelta(seconds=1), postings, basis))


def grams_of_work(ledger: Ledger) -> float:
    totals = {one.account: one.ng for one in ledger.reader().accounts()}
    assert sum(totals.values()) == 0
    return totals[WORK] / NANOGRAMS_PER_GRAM


def settle(
    ledger: Ledger,
    source: KeptIntensity,
    now: datetime = LATER,
    since: datetime = START,
) -> list[Adjustment]:
    found = adjustments(ledger.reader(), source, since, now)
    for one in found:
        ledger.adjust(one.moment, one.postings, one.basis, one.note)
    return found


def test_a_carried_value_is_adjusted_to_what_was_observed_and_only_once(
    ledger: Ledger, tmp_path: Path
) -> None:
    source = known(tmp_path, 100.0)
    for minute in (30, 70, 80, 130):
        moment = START + timedelta(minutes=minute)
        book(ledger, moment, source.at("DE", moment))
    ledger.seal()
    assert grams_of_work(ledger) == pytest.approx(4 * 0.150)

    fresh = known(tmp_path, 100.0, 300.0, 50.0)
    first, again = settle(ledger, fresh), settle(ledger, fresh)

    assert [one.moment for one in first] == [START + timedelta(hours=1), START + timedelta(hours=2)]
    assert again == []
    assert grams_of_work(ledger) == pytest.approx((100 + 2 * 300 + 50) * PUE / 1000, abs=1e-8)
    assert first[0].note == (
        "intensity of maps known later: 300 g/kWh from 2026-06-01 09:00Z on, booked at 100"
    )
    assert ledger.reader().verify() == []


def test_a_second_revision_adjusts_by_what_is_new_and_may_take_all_back(
    ledger: Ledger, tmp_path: Path
) -> None:
    source = known(tmp_path, 100.0)
    book(ledger, START, source.at("DE", START))
    ledger.seal()
    for value in (140.0, 120.0, 100.0):
        assert len(settle(ledger, known(tmp_path, value))) == 1
        assert grams_of_work(ledger) == pytest.approx(value * PUE / 1000, abs=1e-8)
    assert settle(ledger, known(tmp_path, 100.0)) == []


def test_what_is_young_or_forecast_or_of_another_source_is_left_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    source = known(tmp_path, 100.0)
    book(ledger, START, source.at("DE", START))
    foreign = source.at("DE", START)
    other = IntensityValue(90.0, 80.0, 100.0, "DE", "file x.csv", foreign.signal, foreign.scope,
                           Kind.OBSERVED, 3600)  # fmt: skip
    book(ledger, START + timedelta(minutes=5), other)
    ledger.seal()

    assert settle(ledger, known(tmp_path, 200.0), START + timedelta(hours=2)) == []
    assert settle(ledger, known(tmp_path, 200.0, kind=Kind.FORECAST)) == []
    (one,) = settle(ledger, known(tmp_path, 200.0))
    assert one.postings[0] == Posting("idle", 0, round(0.5 * 0.1 * PUE * NANOGRAMS_PER_GRAM))
    (tmp_path / "maps.json").unlink()
    assert settle(ledger, KeptIntensity("maps", tmp_path / "maps.json")) == []


def test_a_step_that_is_seen_in_part_is_not_adjusted_again(ledger: Ledger, tmp_path: Path) -> None:
    """Its entry of adjustment is dated to its start, which is out of sight already."""
    source = known(tmp_path, 100.0)
    book(ledger, START + timedelta(minutes=50), source.at("DE", START))
    ledger.seal()
    fresh = known(tmp_path, 200.0)
    assert len(settle(ledger, fresh)) == 1
    assert settle(ledger, fresh, since=START + timedelta(minutes=20)) == []

"""What services said, read back: the right step, carried on for a while, never beyond."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.fetching import FIRST_PAUSE_S, LONGEST_PAUSE_S, is_due, pause_after
from lichen.carbon.grids.kept import Kept, KeptIntensity, write_kept
from lichen.carbon.grids.observations import Answer, Method, Point
from lichen.carbon.grids.service import Throttled
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.core.errors import NotFound, Unavailable

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
METHOD = Method("a test", Signal.AVERAGE, Scope.LIFECYCLE, 0.1, 2 * 3600)


def answer(*values: float) -> Answer:
    first = int(NOON.timestamp()) - 3600 * len(values)
    points = (
        Point(first + 3600 * at, 3600, value, Kind.OBSERVED) for at, value in enumerate(values)
    )
    return Answer("DE", METHOD, tuple(points), ("a fault",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "intensities" / "maps.json"


def test_the_value_is_that_of_the_step_that_holds_the_moment(path: Path) -> None:
    write_kept(path, Kept(answer(100.0, 200.0), NOON, NOON))
    source = KeptIntensity("maps", path)

    value = source.at("DE", NOON - timedelta(minutes=90))

    assert (value.g_per_kwh, value.low, value.kind) == (100.0, 90.0, Kind.OBSERVED)
    assert (value.source, value.resolution_s) == ("maps: a test", 3600)


def test_the_last_value_is_carried_on_as_an_estimate_that_grows_less_sure(path: Path) -> None:
    write_kept(path, Kept(answer(100.0, 200.0), NOON, NOON))
    source = KeptIntensity("maps", path)

    first, second = (source.at("DE", NOON + timedelta(minutes=at)) for at in (0, 119))

    assert first.kind is second.kind is Kind.ESTIMATED
    assert first.source == "maps: a test; carried on from 2026-06-01 11:00Z"
    assert (
        second.low < first.low < 200 * 0.9 < first.g_per_kwh < 200 * 1.1 < first.high < second.high
    )
    with pytest.raises(Unavailable, match="no value for the time of the work"):
        source.at("DE", NOON + timedelta(hours=2))
    with pytest.raises(Unavailable, match="no value for the time of the work"):
        source.at("DE", NOON - timedelta(hours=3))


def test_a_gap_is_carried_over_as_well(path: Path) -> None:
    whole = answer(100.0, 150.0, 200.0)
    gap = Answer("DE", METHOD, (whole.points[0], whole.points[2]))
    write_kept(path, Kept(gap, NOON, NOON))
    value = KeptIntensity("maps", path).at("DE", NOON - timedelta(minutes=90))
    assert (value.g_per_kwh, value.kind) == (100.0, Kind.ESTIMATED)


def test_another_zone_is_not_answered_for(path: Path) -> None:
    write_kept(path, Kept(answer(100.0), NOON, NOON))
    with pytest.raises(NotFound, match="asked for DE, not for FR"):
        KeptIntensity("maps", path).at("FR", NOON)


def test_a_file_that_is_replaced_is_read_again_and_a_damaged_one_told(path: Path) -> None:
    source = KeptIntensity("maps", path)
    with pytest.raises(Unavailable, match="nothing was fetched yet"):
        source.at("DE", NOON)
    write_kept(path, Kept(None, NOON, None, "the token expired", 1))
    with pytest.raises(Unavailable, match=r"^the token expired$"):
        source.at("DE", NOON)
    write_kept(path, Kept(answer(100.0), NOON, NOON))
    assert source.at("DE", NOON).g_per_kwh == 100.0
    for damage in ("[]", "{", '{"format": 2}'):
        path.write_text(damage)
        with pytest.raises(Unavailable, match="cannot be read and is fetched again"):
            source.at("DE", NOON)
    path.unlink()
    with pytest.raises(Unavailable, match="nothing was fetched yet"):
        source.at("DE", NOON)


def test_the_reason_of_a_silence_is_passed_on(path: Path) -> None:
    write_kept(path, Kept(answer(100.0), NOON, NOON, "it is asleep", 3))
    with pytest.raises(Unavailable, match="time of the work: it is asleep"):
        KeptIntensity("maps", path).at("DE", NOON + timedelta(hours=5))


def test_pauses_grow_and_are_bounded() -> None:
    asleep = Unavailable("asleep")
    pauses = [pause_after(asleep, failures, 600) for failures in (1, 2, 3, 99)]
    assert pauses == [FIRST_PAUSE_S, 60.0, 120.0, LONGEST_PAUSE_S]
    assert pause_after(Throttled("x"), 1, 600) == 600
    assert pause_after(Throttled("x", 5.0), 1, 600) == FIRST_PAUSE_S
    assert pause_after(Throttled("x", 1e9), 1, 600) == 86400


def test_when_to_ask_again() -> None:
    later = NOON + timedelta(hours=1)
    well = Kept(None, NOON, NOON, "", 0, later)
    failing = Kept(None, NOON, None, "refused", 1, later)
    soon = NOON + timedelta(seconds=31)

    assert is_due(Kept(None), NOON)
    assert is_due(well, later)
    assert not is_due(well, soon, has_just_started=True)
    assert not is_due(failing, soon)
    assert is_due(failing, soon, has_just_started=True)
    assert is_due(well, NOON - timedelta(seconds=1))

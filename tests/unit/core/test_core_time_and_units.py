"""Times carry a zone, durations are monotonic, quantities print with their unit."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lichen.core.clock import ManualClock, SystemClock, parse_rfc3339, rfc3339
from lichen.core.units import grams, joules, readable


def test_system_clock_is_utc_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic_ns() <= clock.monotonic_ns()


def test_manual_clock_moves_both_clocks_together() -> None:
    clock = ManualClock()
    before = clock.now()
    clock.advance(1.5)
    assert clock.now() - before == timedelta(seconds=1.5)
    assert clock.monotonic_ns() == 1_500_000_000


def test_rfc3339_round_trip_normalises_to_utc() -> None:
    moment = datetime(2026, 1, 31, 10, tzinfo=timezone(timedelta(hours=10)))
    assert rfc3339(moment) == "2026-01-31T00:00:00Z"
    assert parse_rfc3339(rfc3339(moment)) == moment


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="carries no time zone"):
        parse_rfc3339("2026-01-31T00:00:00")


@pytest.mark.parametrize("text", ["soon", "", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: write it as 2026-01-31T00:00:00Z"):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0 J"),
        (7, "7 nJ"),
        (2_130_400, "2.13 mJ"),
        (-2_130, "-2.13 µJ"),
        (3_600_000_000_000_000, "3.6 MJ"),
    ],
)
def test_quantities_print_with_three_figures_and_a_prefix(nano: int, text: str) -> None:
    assert readable(nano, "J") == text


def test_nano_units_convert_at_the_edge() -> None:
    assert joules(1_500_000_000) == 1.5
    assert grams(250_000_000) == 0.25

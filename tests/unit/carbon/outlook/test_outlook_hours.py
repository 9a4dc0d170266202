"""Points of any step as hours, and clocks that are an hour off."""

import math

import pytest

from lichen.carbon.grids.observations import Point
from lichen.carbon.intensity import Kind
from lichen.carbon.outlook.hours import HOUR_S, hourly, joined, shift_of

WEEK = 168


def point(start_s: int, step_s: int, value: float, kind: Kind = Kind.OBSERVED) -> Point:
    return Point(start_s, step_s, value, kind)


def swing(hours: int, first: int = 1000) -> dict[int, float]:
    return {
        hour: 200 + 50 * math.sin(2 * math.pi * hour / 24) + hour % 7
        for hour in range(first, first + hours)
    }


def test_quarters_of_an_hour_are_averaged_by_time() -> None:
    quarters = [point(HOUR_S + 900 * at, 900, value) for at, value in enumerate((1, 2, 3, 6))]
    assert hourly(quarters) == {1: 3.0}


def test_a_step_over_two_hours_counts_in_both_by_its_share() -> None:
    assert hourly([point(1800, HOUR_S, 10), point(5400, 1800, 40)]) == {0: 10.0, 1: 25.0}


def test_an_hour_of_which_less_than_half_is_known_is_missing() -> None:
    assert hourly([point(0, 1799, 10)]) == {}
    assert hourly([point(0, 1800, 10)]) == {0: 10.0}


def test_a_gap_stays_a_gap() -> None:
    assert sorted(hourly([point(0, HOUR_S, 1), point(25 * HOUR_S, HOUR_S, 2)])) == [0, 25]


def test_a_later_point_ends_the_one_before() -> None:
    assert hourly([point(0, 4 * HOUR_S, 10), point(HOUR_S, HOUR_S, 20)]) == {0: 10.0, 1: 20.0}


@pytest.mark.parametrize("value", [-1.0, 2000.5, math.nan, math.inf])
def test_what_cannot_be_is_never_averaged_in(value: float) -> None:
    assert hourly([point(0, 1800, 100), point(1800, 1800, value)]) == {0: 100.0}


def test_a_forecast_is_no_history() -> None:
    assert hourly([point(0, HOUR_S, 100, Kind.FORECAST)]) == {}


def test_of_an_hour_the_first_source_that_knows_it_is_believed() -> None:
    assert joined([{2: 1.0}, {1: 5.0, 2: 6.0}]) == {1: 5.0, 2: 1.0}


@pytest.mark.parametrize("off", [-1, 1])
def test_a_clock_that_is_an_hour_off_is_noticed(off: int) -> None:
    known = swing(WEEK)
    fresh = {hour + off: value for hour, value in swing(48, 1050).items()}
    assert shift_of(known, fresh) == off


def test_revisions_and_another_method_are_no_shift() -> None:
    known = swing(WEEK)
    revised = {hour: value * 1.08 + hour % 3 for hour, value in swing(48, 1050).items()}
    assert shift_of(known, revised) == 0


def test_too_short_an_overlap_tells_nothing() -> None:
    fresh = {hour + 1: value for hour, value in swing(15, 1153).items()}
    assert shift_of(swing(WEEK), fresh) == 0

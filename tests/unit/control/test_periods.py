"""When recurring work is due, on days on which the clocks change too; what is refused."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from lichen.control.periods import Period, period_of
from lichen.core.errors import InvalidInput

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dues(period: Period, start: str, end: str) -> list[str]:
    return [f"{due:%d %H:%M}" for due in period.between(at(start), at(end))]


@pytest.mark.parametrize(
    ("every", "timezone", "expected"),
    [
        ("hour", "UTC", "2026-11-22T09:00"),
        ("day", "UTC", "2026-11-23T00:00"),
        ("Day ", BERLIN, "2026-11-22T23:00"),
        ("week", BERLIN, "2026-11-22T23:00"),  # a Monday
        ("month", "Asia/Kathmandu", "2026-11-30T18:15"),
        ("0 3 * * 1-5", BERLIN, "2026-11-23T02:00"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00"),
    ],
)
def test_words_and_expressions_are_due_by_the_clocks_of_a_zone(
    every: str, timezone: str, expected: str
) -> None:
    assert period_of(every, timezone).after(at("2026-11-22T08:00:30")) == at(expected)


def test_a_time_that_is_left_out_runs_when_the_gap_ends_and_once() -> None:
    half_past_two = period_of("30 2 * * *", BERLIN)
    assert dues(half_past_two, "2026-03-28T00:00", "2026-03-30T12:00") == [
        "28 01:30",
        "29 01:00",  # 03:00, the first time that follows 01:59
        "30 00:30",
    ]
    several = period_of("*/15 2 * * *", BERLIN)
    assert dues(several, "2026-03-29T00:00", "2026-03-29T12:00") == ["29 01:00"]


def test_a_time_that_comes_twice_runs_in_the_first_of_the_two() -> None:
    half_past_two = period_of("30 2 * * *", BERLIN)
    assert dues(half_past_two, "2026-10-24T12:00", "2026-10-26T12:00") == ["25 00:30", "26 01:30"]
    assert half_past_two.after(at("2026-10-25T00:45")) == at("2026-10-26T01:30")
    assert half_past_two.after(at("2026-10-25T01:15")) == at("2026-10-26T01:30")


def test_every_hour_goes_by_the_time_that_passes() -> None:
    hours = period_of("hour", BERLIN)
    expected = ["25 00:00", "25 01:00", "25 02:00"]
    assert dues(hours, "2026-10-24T23:30", "2026-10-25T02:30") == expected
    assert dues(hours, "2026-03-29T00:30", "2026-03-29T02:30") == ["29 01:00", "29 02:00"]


def test_the_shortest_distance_is_that_of_the_clock_on_the_wall() -> None:
    gaps = {
        "hour": timedelta(hours=1),
        "month": timedelta(days=28),
        "0 3 * * 1-5": timedelta(days=1),
        "0 0 1,31 * *": timedelta(days=1),
        "0 8,17 * * *": timedelta(hours=9),
        "0 0 29 2 *": timedelta(days=1461),
    }
    assert {every: period_of(every, BERLIN).shortest_gap for every in gaps} == gaps


def test_the_one_before_is_found_over_years() -> None:
    leap_day = period_of("0 0 29 2 *", "UTC")
    assert leap_day.before(at("2028-02-29T00:00")) == at("2024-02-29T00:00")
    assert leap_day.latest(at("2026-01-01T00:00"), at("2027-01-01T00:00")) is None


@pytest.mark.parametrize("change", ["2026-03-29T01:00", "2026-10-25T01:00"])
def test_what_is_due_where_the_clocks_change_is_found_from_any_fraction_of_a_second(
    change: str,
) -> None:
    hourly, due = period_of("hour", BERLIN), at(change)
    just_before = due - timedelta(minutes=30, microseconds=1)
    assert list(islice(hourly.following(just_before), 2)) == [due, due + timedelta(hours=1)]
    moments_later = due + timedelta(microseconds=300)
    assert hourly.latest(due - timedelta(hours=1), moments_later) == due


@pytest.mark.parametrize(
    ("every", "sentence"),
    [
        ("0 0 31 2 *", "names a day that no month has"),
        ("0 0 30 2 *", "names a day that no month has"),
        ("0 0 * 2 1#5,0#6", "no cron expression"),
        ("fortnight", "'fortnight' says no period: give hour, day, week, month, or a cron"),
        ("", "'' says no period"),
        ("@daily", "'@daily' says no period"),
        ("0 0 0 * * *", "of 6 fields says no period"),
        ("61 * * * *", r"no cron expression \(bad minute\)"),
        ("* * * * *", "is due again after 1 min: the least is 5 min"),
        ("0,3 0 1 1 *", "is due again after 3 min"),
        ("59,0 * * * *", "is due again after 1 min"),
        ("0 " * 200, "says no period"),
        ("0 0 * * MON-", "no cron expression"),
    ],
)
def test_what_is_no_period_is_refused_in_one_sentence(every: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        period_of(every, BERLIN)


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "", "../etc/passwd", "Europe", "x" * 300])
def test_an_unknown_time_zone_is_refused(timezone: str) -> None:
    with pytest.raises(InvalidInput, match="there is no time zone"):
        period_of("day", timezone)

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.calendar import (
    local_seconds,
    second_of_day,
    starts_on,
    weekday,
    year_angle,
)

ZONES = ("UTC", "Australia/Melbourne", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_is_what_the_standard_library_says(zone: str) -> None:
    moments = np.datetime64("2013-12-20T00:00:00", "s") + np.arange(0, 9000) * np.timedelta64(
        5417, "s"
    )
    local = local_seconds(zone, moments)
    for moment, seconds in zip(moments[::37], local[::37], strict=True):
        there = datetime.fromtimestamp(int(moment.astype(np.int64)), UTC).astimezone(ZoneInfo(zone))
        said = datetime.fromtimestamp(int(seconds), UTC)
        assert said.replace(tzinfo=None) == there.replace(tzinfo=None)


@pytest.mark.parametrize("zone", ["Australia/Melbourne", "Europe/Berlin"])
def test_clocks_change_at_the_very_second(zone: str) -> None:
    year = np.arange(
        np.datetime64("2014-01-01T00:00:00"), np.datetime64("2015-01-01"), np.timedelta64(1800, "s")
    )
    offsets = local_seconds(zone, year) - year.astype("datetime64[s]").astype(np.int64)
    changes = year[1:][np.diff(offsets) != 0]
    assert len(changes) == 2
    just_before = changes - np.timedelta64(1, "s")
    assert (local_seconds(zone, changes) - local_seconds(zone, just_before) != 1).all()


def test_weekday_and_second_of_day() -> None:
    local = local_seconds("UTC", np.array(["2026-11-21T05:30:00"], dtype="datetime64[s]"))
    assert weekday(local).tolist() == [5]
    assert second_of_day(local).tolist() == [5 * 3600 + 1800]


def test_a_year_later_is_the_same_angle() -> None:
    moments = np.array(["2013-07-01", "2014-07-01"], dtype="datetime64[s]")
    first, second = year_angle(local_seconds("UTC", moments))
    assert first == pytest.approx(second, abs=0.01)


def test_a_day_has_one_start_even_where_the_grid_misses_midnight() -> None:
    hours = np.datetime64("2014-01-01T00:00:00", "s") + np.arange(48) * np.timedelta64(3600, "s")
    starts = starts_on("Australia/Adelaide", 0, 3600, hours)
    assert starts.sum() == 2


def test_no_special_time_of_day_means_any() -> None:
    assert starts_on("UTC", None, 3600, np.array(["2014-01-01T05:00"], "datetime64[s]")).all()


@pytest.mark.parametrize("year", ["0001", "1799", "2201", "9999"])
def test_a_year_that_no_clock_knows_is_refused(year: str) -> None:
    moments = np.array(["2014-01-01", f"{year}-06-30"], dtype="datetime64[s]")
    with pytest.raises(InvalidInput, match=f"{year}-06-30T00:00:00Z is outside the years"):
        local_seconds("Europe/Berlin", moments)


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(InvalidInput, match="Mars/Olympus"):
        local_seconds("Mars/Olympus", np.array(["2014-01-01"], dtype="datetime64[s]"))

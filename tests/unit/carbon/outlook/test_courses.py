"""The platform's own foresight: from the first value of a series on, by its past alone."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lichen.carbon.outlook.courses import PastCourses
from lichen.carbon.outlook.regular import RegularSeries
from lichen.core.errors import InvalidInput, Unavailable

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def daily(days: int, step: timedelta = HOUR) -> RegularSeries:
    """The same day, over and over."""
    rows = np.arange(days * DAY // step)
    values = 300.0 + 100.0 * np.sin(2 * np.pi * rows * (step / DAY))
    return RegularSeries("DE", START, step, values)


@pytest.mark.parametrize("minutes", [5, 15, 30, 60, 120])
def test_a_grid_that_repeats_its_days_is_foreseen(minutes: int) -> None:
    series = daily(50, timedelta(minutes=minutes))
    now = START + 30 * DAY + 7 * HOUR
    found = PastCourses(series).ensemble("DE", now, 7 * DAY)
    row = series.row_of(now)
    truth = series.values[row : row + found.members.shape[1]]
    assert found.start == series.start + row * series.step
    assert np.abs(found.mean - truth).max() < 8.0


def test_the_first_day_repeats_what_is_known_of_it() -> None:
    series = daily(3)
    found = PastCourses(series).ensemble("DE", START + 5 * HOUR, 2 * DAY)
    assert set(found.members.ravel()) == {series.values[4]}
    with pytest.raises(Unavailable, match="nothing of DE is known"):
        PastCourses(series).ensemble("DE", START, DAY)


def test_the_second_day_repeats_the_first() -> None:
    found = PastCourses(daily(3)).ensemble("DE", START + DAY, DAY)
    assert np.allclose(found.mean, daily(1).values)


def test_what_is_older_than_two_days_foretells_nothing() -> None:
    series = daily(20)
    series.values[-60:] = np.nan
    with pytest.raises(Unavailable, match="two days"):
        PastCourses(series).ensemble("DE", series.end, DAY)
    assert PastCourses(series).ensemble("DE", series.end - 30 * HOUR, DAY).mean.min() > 100.0


def test_courses_go_on_past_the_end_of_a_series() -> None:
    series = daily(20)
    found = PastCourses(series).ensemble("DE", series.end + 3 * HOUR, DAY)
    assert np.abs(found.mean - 300 - 100 * np.sin(2 * np.pi * (3 + np.arange(24)) / 24)).max() < 1


def test_what_cannot_be_foreseen_is_refused() -> None:
    with pytest.raises(InvalidInput, match="32 at most"):
        PastCourses(daily(20)).ensemble("DE", START + 10 * DAY, 40 * DAY)
    with pytest.raises(InvalidInput, match="a day at most"):
        PastCourses(daily(20, 2 * DAY))

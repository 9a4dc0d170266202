"""The truth, the truth with noise, the last value: what published work assumes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lichen.carbon.grids.fixed import SeriesIntensity
from lichen.carbon.outlook.given import (
    FixedEnsemble,
    NoisyEnsemble,
    PersistentEnsemble,
    ReplayEnsemble,
)
from lichen.carbon.outlook.regular import RegularSeries, means_over
from lichen.core.errors import InvalidInput, Unavailable

START = datetime(2026, 3, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)


def ramp(rows: int = 960) -> RegularSeries:
    return RegularSeries("DE", START, HALF_HOUR, np.arange(100.0, 100.0 + rows))


def test_the_truth_is_the_series_from_the_step_that_holds_now() -> None:
    found = ReplayEnsemble(ramp()).ensemble("DE", START + 5 * HALF_HOUR + HALF_HOUR / 2, DAY)
    assert found.start == START + 5 * HALF_HOUR
    assert found.members.tolist() == [[105.0 + row for row in range(49)]]
    assert found.method == "perfect"


def test_the_truth_ends_where_the_series_does_and_at_a_gap() -> None:
    series = ramp()
    found = ReplayEnsemble(series).ensemble("DE", series.end - 3 * HALF_HOUR, DAY)
    assert found.members.shape == (1, 3)
    series.values[100] = np.nan
    found = ReplayEnsemble(series).ensemble("DE", START + 98 * HALF_HOUR, DAY)
    assert found.members.shape == (1, 2)
    with pytest.raises(Unavailable, match="holds nothing"):
        ReplayEnsemble(series).ensemble("DE", series.end, DAY)


def test_noise_is_drawn_once_a_step_from_a_share_of_the_mean() -> None:
    series = RegularSeries("DE", START, HALF_HOUR, np.full(17_520, 200.0))
    source = NoisyEnsemble(series, 0.05, 1)
    early = source.ensemble("DE", START, 300 * DAY).members[0]
    late = source.ensemble("DE", START + 10 * DAY, DAY).members[0]
    assert np.array_equal(early[480:528], late)
    assert np.std(early) == pytest.approx(10.0, rel=0.05)
    assert np.mean(early) == pytest.approx(200.0, rel=0.005)
    other = NoisyEnsemble(series, 0.05, 2).ensemble("DE", START, DAY).members[0]
    assert not np.array_equal(other, early[:48])


def test_noise_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot be"):
        NoisyEnsemble(ramp(), -0.1)


def test_persistence_is_the_last_day_again_and_again() -> None:
    series = ramp()
    series.values[57] = np.nan
    now = START + 60 * HALF_HOUR + HALF_HOUR / 2
    found = PersistentEnsemble(series).ensemble("DE", now, 2 * DAY)
    day = [*np.arange(112.0, 157.0), 159.0, 158.0, 159.0]  # what is missing is the last known
    assert found.members[0].tolist() == (3 * day)[:97]
    assert found.start == START + 60 * HALF_HOUR


def test_in_the_first_day_persistence_is_the_last_value_that_is_known() -> None:
    series = ramp()
    series.values[8:10] = np.nan
    found = PersistentEnsemble(series).ensemble("DE", START + 10 * HALF_HOUR, DAY)
    assert set(found.members[0]) == {107.0}


def test_fixed_courses_are_of_every_zone_and_time() -> None:
    found = FixedEnsemble(212.0).ensemble("ES", START, DAY)
    assert found.members.tolist() == [[212.0] * 24]
    with pytest.raises(InvalidInput):
        FixedEnsemble(-1.0)


def test_a_file_becomes_a_series_with_its_gaps() -> None:
    first = int(START.timestamp())
    of_file = SeriesIntensity("DE", (first, first + 1800, first + 5400), (1.0, 2.0, 4.0), 1800)
    series = RegularSeries.of(of_file)
    assert np.array_equal(series.values, [1.0, 2.0, np.nan, 4.0], equal_nan=True)
    assert series.end == START + 4 * HALF_HOUR
    crooked = SeriesIntensity("DE", (first, first + 1800, first + 2000), (1.0, 2.0, 4.0), 1800)
    with pytest.raises(InvalidInput, match="no multiple of its step"):
        RegularSeries.of(crooked)


def test_means_over_other_steps_count_what_is_known() -> None:
    values = np.array([1.0, 3.0, np.nan, 8.0])
    assert np.array_equal(means_over(values, np.array([0.0, 2.0, 4.0])), [2.0, 8.0])
    assert np.array_equal(means_over(values, np.array([0.0, 0.5, 1.5])), [1.0, 2.0])
    assert np.isnan(means_over(values, np.array([1.9, 3.0]))[0])

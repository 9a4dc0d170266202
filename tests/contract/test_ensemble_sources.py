"""Every source of courses, through the same questions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lichen.carbon.outlook.courses import PastCourses
from lichen.carbon.outlook.ensemble import EnsembleSource
from lichen.carbon.outlook.given import (
    FixedEnsemble,
    NoEnsemble,
    NoisyEnsemble,
    PersistentEnsemble,
    ReplayEnsemble,
)
from lichen.carbon.outlook.regular import RegularSeries
from lichen.core.errors import InvalidInput, LichenError, NotFound, Unavailable

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=30, hours=7, minutes=10)
WEEK = timedelta(days=7)
STEPS = [timedelta(minutes=minutes) for minutes in (5, 30, 60)]

Make = Callable[[RegularSeries], EnsembleSource]

MAKERS: dict[str, Make] = {
    "courses": PastCourses,
    "perfect": ReplayEnsemble,
    "noise": lambda series: NoisyEnsemble(series, 0.05, 7),
    "persistence": PersistentEnsemble,
    "fixed": lambda series: FixedEnsemble(212.0, series.step),
}
PAST_ONLY = ("courses", "persistence")


def grid(step: timedelta, days: int = 40) -> RegularSeries:
    """Days and weeks as a grid has them, and weather that nobody foresees."""
    rows = days * timedelta(days=1) // step
    hours = np.arange(rows) * (step / timedelta(hours=1))
    random = np.random.default_rng(3)
    drift = np.cumsum(random.normal(0.0, 1.0, rows)) * np.sqrt(step / timedelta(hours=1))
    values = 300 + 80 * np.sin(2 * np.pi * hours / 24) + 20 * np.sin(2 * np.pi * hours / 168)
    return RegularSeries("DE", START, step, np.maximum(values + drift, 1.0))


@pytest.fixture(params=STEPS, ids=lambda step: f"{step / timedelta(minutes=1):g}min")
def series(request: pytest.FixtureRequest) -> RegularSeries:
    step: timedelta = request.param
    return grid(step)


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def test_the_courses_cover_what_was_asked_for(make: Make, series: RegularSeries) -> None:
    found = make(series).ensemble("DE", NOW, WEEK)
    assert found.start <= NOW < found.start + found.step
    assert NOW + WEEK <= found.end < NOW + WEEK + found.step
    assert (found.zone, found.issued_at, found.step) == ("DE", NOW, series.step)
    assert found.source
    assert found.method


def test_every_step_is_an_intensity_that_a_grid_can_have(make: Make, series: RegularSeries) -> None:
    members = make(series).ensemble("DE", NOW, WEEK).members
    assert np.isfinite(members).all()
    assert (members >= 0.0).all()


def test_equal_questions_get_equal_answers_whatever_was_asked_between(
    make: Make, series: RegularSeries
) -> None:
    source = make(series)
    first = source.ensemble("DE", NOW, WEEK)
    source.ensemble("DE", NOW - timedelta(days=11), WEEK)
    source.ensemble("DE", NOW + timedelta(days=2), WEEK)
    for again in (source.ensemble("DE", NOW, WEEK), make(series).ensemble("DE", NOW, WEEK)):
        assert np.array_equal(again.members, first.members)


def test_a_shorter_horizon_gives_the_first_steps_of_a_longer_one(
    make: Make, series: RegularSeries
) -> None:
    source = make(series)
    day = source.ensemble("DE", NOW, timedelta(days=1)).members
    week = source.ensemble("DE", NOW, WEEK).members
    assert np.allclose(day.mean(axis=0), week[:, : day.shape[1]].mean(axis=0), rtol=0.02)


@pytest.mark.parametrize("horizon", [timedelta(0), -WEEK])
def test_a_horizon_that_cannot_be_is_refused(
    make: Make, series: RegularSeries, horizon: timedelta
) -> None:
    with pytest.raises(InvalidInput, match="cannot be"):
        make(series).ensemble("DE", NOW, horizon)


@pytest.mark.parametrize("name", PAST_ONLY)
@pytest.mark.parametrize("row", [1, 49, 700])
def test_nothing_that_was_not_over_is_looked_at(name: str, row: int, series: RegularSeries) -> None:
    now = series.start + row * series.step + series.step / 3
    other = replace(series, values=series.values.copy())
    other.values[row:] = 5.0
    made = [MAKERS[name](one).ensemble("DE", now, WEEK).members for one in (series, other)]
    assert np.array_equal(made[0], made[1])


@pytest.mark.parametrize("name", PAST_ONLY)
def test_what_was_known_is_looked_at(name: str, series: RegularSeries) -> None:
    row = series.row_of(NOW)
    other = replace(series, values=series.values.copy())
    other.values[row - 12 : row] *= 2.0
    made = [MAKERS[name](one).ensemble("DE", NOW, WEEK).members for one in (series, other)]
    assert not np.array_equal(made[0], made[1])


@pytest.mark.parametrize("name", PAST_ONLY)
def test_gaps_in_what_is_known_are_lived_with(name: str, series: RegularSeries) -> None:
    row = series.row_of(NOW)
    gappy = replace(series, values=series.values.copy())
    gappy.values[::8] = np.nan
    gappy.values[row - 12 : row] = np.nan
    members = MAKERS[name](gappy).ensemble("DE", NOW, WEEK).members
    assert np.isfinite(members).all()


@pytest.mark.parametrize("name", [*PAST_ONLY, "perfect", "noise"])
def test_before_a_series_there_is_nothing_to_say(name: str, series: RegularSeries) -> None:
    source = MAKERS[name](series)
    with pytest.raises(Unavailable):
        source.ensemble("DE", START - timedelta(days=1), WEEK)
    with pytest.raises(NotFound):
        source.ensemble("ES", NOW, WEEK)


def test_nobody_foresees_anything() -> None:
    source: EnsembleSource = NoEnsemble(LichenError("there is no history"))
    with pytest.raises(Unavailable, match="there is no history"):
        source.ensemble("DE", NOW, WEEK)

"""Level, shape of the day, weekends and a fading anomaly, as they were known at each cell."""

import numpy as np
import pytest

from lichen.carbon.outlook.seasons import Fading, Floats, Rows, Seasons

DAY = 24
SLOW = Fading(1, 40.0)
WEEKS = 12
WAVE = 50.0 * np.sin(2 * np.pi * np.arange(DAY) / DAY)


def weekdays(days: int) -> Rows:
    """From a Monday on, and ten days more than are known."""
    return np.repeat(np.arange(days + 10) % 7, DAY).astype(np.int64)


def known(cells: Floats) -> Seasons:
    return Seasons(cells, DAY, weekdays(-(-len(cells) // DAY)))


def after(cells: Floats, count: int) -> Floats:
    """What is foreseen when all cells are known."""
    means: Floats = known(cells).means(np.array([len(cells)]), count, SLOW)[0]
    return means


def test_a_level_and_a_day_that_repeat_go_on() -> None:
    cells = np.tile(300.0 + WAVE, 30)
    assert np.allclose(after(cells, 48), np.tile(300.0 + WAVE, 2), atol=1.0)


def test_clean_weekends_are_expected_again() -> None:
    week = np.concatenate([np.tile(300.0 + WAVE, 5), np.tile(220.0 + WAVE, 2)])
    found = after(np.tile(week, WEEKS), 7 * DAY).reshape(7, DAY).mean(axis=1)
    assert np.allclose(found[:5], 300.0, atol=12.0)
    assert np.allclose(found[5:], 220.0, atol=12.0)


def test_weekends_that_only_scatter_are_not_told_apart() -> None:
    scatter = np.random.default_rng(1).normal(0.0, 60.0, 7 * WEEKS)
    found = after(np.repeat(300.0 + scatter, DAY), 7 * DAY).reshape(7, DAY).mean(axis=1)
    assert abs(found[5:].mean() - found[2:5].mean()) < 12.0


def test_an_anomaly_fades() -> None:
    cells = np.tile(300.0 + WAVE, 30)
    cells[-DAY:] += 80.0
    beyond = after(cells, 96) - after(np.tile(300.0 + WAVE, 30), 96)
    assert beyond[0] == pytest.approx(80.0, rel=0.05)
    assert beyond[40] == pytest.approx(80.0 * np.exp(-1), rel=0.25)
    assert beyond[95] < 20.0


def test_a_new_level_is_followed_within_weeks() -> None:
    cells = np.concatenate([np.tile(300.0 + WAVE, 60), np.tile(200.0 + WAVE, 30)])
    assert after(cells, 7 * DAY)[-DAY:].mean() == pytest.approx(200.0, abs=25.0)


@pytest.mark.parametrize("row", [24, 30, 200, 239])
def test_what_is_said_of_a_cell_depends_on_none_after_it(row: int) -> None:
    cells = 300.0 + np.random.default_rng(2).normal(0.0, 40.0, 10 * DAY)
    other = cells.copy()
    other[row:] = 7.0
    rows = np.array([row])
    assert np.array_equal(known(cells).means(rows, 60, SLOW), known(other).means(rows, 60, SLOW))
    assert np.array_equal(known(cells).means(rows, 60, SLOW)[0], after(cells[:row], 60))

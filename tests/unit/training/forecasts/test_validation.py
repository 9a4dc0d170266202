"""Widths follow what came true, and nothing that had not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.forecasting.backtest import Backtest
from lichen.forecasting.specification import Specification
from lichen.training.forecasts.validation import adaptive

LEVELS = (0.1, 0.5, 0.9)
SAID = Specification(targets=("load",), step_seconds=3600, horizon=4, context=4, levels=LEVELS)
TABLE = np.tile(np.array([-1.0, 0.0, 1.0], dtype=np.float32), (1, 4, 1, 1))


def rolled(origins: NDArray[np.int64], truth: NDArray[np.float64]) -> Backtest:
    start = np.datetime64("2026-01-01", "s") + origins * np.timedelta64(3600, "s")
    shaped = np.broadcast_to(truth[:, None, None], (len(origins), 4, 1))
    return Backtest(origins, start, np.zeros_like(shaped), shaped)


def widths(origins: NDArray[np.int64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    quantiles, _ = adaptive(SAID, TABLE, rolled(origins, truth))
    return np.asarray(quantiles[:, 0, 0, 2] - quantiles[:, 0, 0, 0])


def test_truth_outside_widens_what_starts_after_it() -> None:
    found = widths(np.arange(0, 20, 4), np.full(5, 9.0))
    assert found[0] == 2
    assert (np.diff(found) > 0).all()


def test_truth_inside_narrows() -> None:
    found = widths(np.arange(0, 20, 4), np.zeros(5))
    assert (np.diff(found) < 0).all()


def test_a_truth_that_has_not_come_yet_changes_nothing() -> None:
    found = widths(np.arange(5), np.full(5, 9.0))
    assert found[:4].tolist() == [2, 2, 2, 2]
    assert found[4] > 2


def test_the_last_width_has_taken_in_every_truth() -> None:
    _, width = adaptive(SAID, TABLE, rolled(np.arange(5), np.full(5, 9.0)))
    assert width.seen == 5
    _, after_three = adaptive(SAID, TABLE, rolled(np.arange(3), np.full(3, 9.0)))
    assert width.factors[0] > after_three.factors[0] > 1


@pytest.mark.parametrize("later", [np.nan, -50.0, 0.0])
def test_changing_a_later_truth_changes_no_earlier_quantile(later: float) -> None:
    origins = np.arange(0, 40, 3)
    truth = np.random.default_rng(5).normal(size=len(origins)) * 2
    changed = truth.copy()
    changed[8:] = later
    known_by = origins[8] + 4
    same = origins < known_by
    assert (widths(origins, truth)[same] == widths(origins, changed)[same]).all()

"""Intervals hold the truth about as often as they say."""

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.intervals import bootstrap, effective_rows, wilson


def test_wilsons_interval_is_the_published_one() -> None:
    interval = wilson(0.8, 50)
    assert (interval.low, interval.high) == pytest.approx((0.6696, 0.8876), abs=1e-4)
    assert wilson(1.0, 30).high == 1.0
    assert wilson(1.0, 30).low < 0.9
    assert wilson(0.0, 30).low == 0.0


def test_the_bootstrap_of_a_mean_is_near_the_normal_one() -> None:
    values = np.random.default_rng(4).normal(5, 2, 400)
    interval = bootstrap(lambda weights: float(np.average(values, weights=weights)), 400)
    assert interval is not None
    half = 1.96 * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - half, abs=0.06)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.06)


def test_what_cannot_be_scored_has_no_interval() -> None:
    def never(_: object) -> float:
        raise InvalidInput("no")

    assert bootstrap(never, 10) is None


def test_rows_of_unequal_weight_tell_less() -> None:
    assert effective_rows(np.full(40, 0.3)) == pytest.approx(40)
    assert effective_rows(np.r_[np.ones(10), np.zeros(30)]) == pytest.approx(10)
    assert effective_rows(np.r_[100.0, np.ones(99)]) < 5

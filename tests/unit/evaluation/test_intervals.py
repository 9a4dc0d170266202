"""Intervals hold the truth about as often as they say."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.intervals import bootstrap, effective_rows, share_interval, wilson
from lichen.evaluation.splits import SplitKind, blocks_of


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


def mean_of(values: NDArray[np.float64]) -> Callable[[NDArray[np.floating]], float]:
    return lambda weights: float(np.average(values, weights=weights))


def test_rows_that_follow_each_other_are_drawn_in_stretches_and_intervals_hold_as_often() -> None:
    held = {"alone": 0, "in blocks": 0}
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(size=400)
        values = np.empty(400)
        values[0] = noise[0] / np.sqrt(1 - 0.64)
        for at in range(1, 400):
            values[at] = 0.8 * values[at - 1] + noise[at]
        blocks = blocks_of(SplitKind.TIME, np.arange(400) / 400)
        for name, drawn in (("alone", None), ("in blocks", blocks)):
            found = bootstrap(mean_of(values), 400, seed, None, 100, drawn)
            assert found is not None
            held[name] += found.low <= 0 <= found.high
    assert held["alone"] < 42 < 48 <= held["in blocks"]


def test_groups_are_drawn_whole() -> None:
    positions = np.repeat(np.arange(20) / 20, 50)
    values = np.repeat(np.random.default_rng(1).normal(size=20), 50)
    blocks = blocks_of(SplitKind.GROUPED, positions)
    whole = bootstrap(mean_of(values), 1000, blocks=blocks)
    alone = bootstrap(mean_of(values), 1000)
    assert whole is not None
    assert alone is not None
    assert whole.high - whole.low > 4 * (alone.high - alone.low)
    assert blocks_of(SplitKind.RANDOM, positions) is None
    assert blocks_of(SplitKind.STRATIFIED, positions) is None


def test_a_share_that_is_all_right_is_as_sure_as_its_groups_are_many() -> None:
    blocks, every = np.repeat(np.arange(10), 100), np.ones(1000)
    right = mean_of(np.ones(1000))
    assert share_interval(1.0, right, every) == wilson(1.0, 1000)
    assert share_interval(1.0, right, every, blocks) == wilson(1.0, 10)

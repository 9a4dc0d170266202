"""Laws of training: the rule is monotone, parts never overlap, a guard never leaks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lichen.frameworks.onnx_writer import StepRows, float32_below
from lichen.training.forecasts.algorithms import Guard
from lichen.training.forecasts.channels import Channels
from lichen.training.forecasts.spec import ForecastSpec
from lichen.training.forecasts.study import Study, study_of
from lichen.training.worth import Scored, needed_gain, weigh

SCORES = st.floats(0.01, 100)
COSTS = st.integers(1, 10**12)


@given(SCORES, SCORES, COSTS, COSTS, st.floats(1.01, 100))
def test_what_costs_more_is_never_worth_it_where_the_cheaper_was_not(
    held: float, dearer: float, cost: int, cost_dearer: int, factor: float
) -> None:
    first = weigh(Scored("ridge", held, cost), Scored("lightgbm", dearer, cost_dearer))
    more = round(cost_dearer * factor)
    second = weigh(Scored("ridge", held, cost), Scored("lightgbm", dearer, more))
    assert first.worth or not second.worth
    assert needed_gain(more / cost) >= needed_gain(cost_dearer / cost) > 0


@given(SCORES, SCORES, COSTS, COSTS)
def test_of_two_at_most_one_is_worth_replacing_the_other(
    score_a: float, score_b: float, cost_a: int, cost_b: int
) -> None:
    a, b = Scored("ridge", score_a, cost_a), Scored("lightgbm", score_b, cost_b)
    assert not (weigh(a, b).worth and weigh(b, a).worth)


@given(
    st.integers(24 * 30, 24 * 90), st.integers(1, 48), st.sampled_from(["any", "00:00", "13:00"])
)
def test_parts_follow_each_other_and_hold_their_forecasts(
    rows: int, horizon: int, start_at: str
) -> None:
    one = _study(np.arange(rows, dtype=np.float64) % 31 + 1, horizon, start_at)
    split = one.split
    assert 0 < split.fit < split.validate < split.test == rows
    for first, last in ((split.fit, split.validate), (split.validate, split.test)):
        origins = one.origins(first, last)
        assert origins[0] >= first
        assert origins[-1] + horizon <= last
        assert (np.diff(origins) > 0).all()


@given(st.integers(24 * 8, 24 * 25), st.integers(1, 60), st.sampled_from([1, 7]))
def test_a_guard_says_what_was_a_whole_season_before(origin: int, horizon: int, days: int) -> None:
    values = np.random.default_rng(horizon).normal(size=24 * 30) + 10
    one = _study(values, horizon, "any")
    guard = Guard("naive", days)
    fitted = guard.fit(one, guard.tune(one, lambda: None), 0, lambda: None)
    said = fitted.forecast(one.panel, np.array([origin]))[0, :, 0]
    period = 24 * days
    places = origin + np.arange(horizon) % period - period
    assert places.max() < origin
    assert np.abs(said - values[places]).max() < 1e-5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(-1e6, 1e6, width=32))
def test_a_float32_falls_on_the_same_side_of_a_rounded_threshold(
    thresholds: list[float], value: float
) -> None:
    exact = np.array(thresholds)
    assert ((np.float32(value) <= float32_below(exact)) == (value <= exact)).all()


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4))
def test_expanding_rows_one_by_one_or_together_is_the_same(
    rows: int, horizon: int, features: int
) -> None:
    random = np.random.default_rng(rows * 100 + horizon * 10 + features)
    steps = StepRows(
        random.integers(0, features, size=(horizon, 3)),
        random.integers(-3, 4, size=(features, horizon, 2)).astype(np.float32),
    )
    given_rows = random.integers(-9, 9, size=(rows, features)).astype(np.float32)
    together = steps.expand(given_rows)
    alone = np.concatenate([steps.expand(given_rows[row : row + 1]) for row in range(rows)])
    assert (together == alone).all()


def _study(values: NDArray[np.float64], horizon: int, start_at: str) -> Study:
    rows = len(values)
    panel_times = np.datetime64("2026-01-01", "s") + np.arange(rows) * np.timedelta64(3600, "s")
    none, gaps = np.empty((rows, 0)), np.zeros((rows, 1), dtype=np.bool_)
    channels = Channels(panel_times, values[:, None], none, ("load",), (None,), 3600, gaps)
    return study_of(channels, ForecastSpec(targets=("load",), horizon=horizon, start_at=start_at))

"""Laws of the scores."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.evaluation.comparison import compare
from lichen.evaluation.scores import coverage, mae, mape, pinball, rmse

LEVELS = (0.1, 0.5, 0.9)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, deadline=None)


def some(seed: int) -> "tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...]":
    generator = np.random.default_rng(seed)
    truth, said = 5 + generator.normal(size=(2, 6, 4, 2))
    quantiles = np.sort(5 + generator.normal(size=(6, 4, 2, 3)), axis=-1)
    return truth, said, quantiles


@few
@given(seeds)
def test_a_perfect_forecast_makes_no_error(seed: int) -> None:
    truth, _, _ = some(seed)
    assert mae(truth, truth) == rmse(truth, truth) == mape(truth, truth) == 0
    assert pinball(truth, np.stack([truth] * 3, axis=-1), LEVELS) == 0


@few
@given(seeds)
def test_the_root_mean_square_is_never_below_the_mean(seed: int) -> None:
    truth, said, _ = some(seed)
    assert rmse(truth, said) >= mae(truth, said)


@few
@given(seeds, st.floats(0.01, 1000))
def test_errors_carry_the_unit_and_percentages_do_not(seed: int, factor: float) -> None:
    truth, said, quantiles = some(seed)
    assert np.isclose(mae(truth * factor, said * factor), factor * mae(truth, said))
    assert np.isclose(
        pinball(truth * factor, quantiles * factor, LEVELS),
        factor * pinball(truth, quantiles, LEVELS),
    )
    assert np.isclose(mape(truth * factor, said * factor), mape(truth, said))


@few
@given(seeds, st.floats(0, 5))
def test_a_wider_interval_never_covers_less(seed: int, extra: float) -> None:
    truth, _, quantiles = some(seed)
    wider = quantiles + np.array([-extra, 0, extra])
    assert coverage(truth, wider) >= coverage(truth, quantiles)


@few
@given(seeds)
def test_what_is_missing_changes_no_score(seed: int) -> None:
    truth, said, quantiles = some(seed)
    longer = np.concatenate([truth, np.full((1, 4, 2), np.nan)])
    padded = np.concatenate([said, said[:1]])
    assert mae(longer, padded) == mae(truth, said)
    more = np.concatenate([quantiles, quantiles[:1]])
    assert coverage(longer, more) == coverage(truth, quantiles)


@few
@given(seeds)
def test_swapping_two_models_swaps_the_answer(seed: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, 50))
    one, other = compare(a, b, draws=100), compare(b, a, draws=100)
    assert np.isclose(one.difference, -other.difference)
    assert np.isclose(one.p_value, other.p_value)
    assert np.isclose(one.low, -other.high)

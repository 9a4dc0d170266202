import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.moments import Moments, window_moments
from lichen.forecasting.ridge import solve, squared_error


def laid_out(
    values: NDArray[np.float64], context: int, horizon: int, normalisation: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    windows = np.concatenate(
        [sliding_window_view(series, context + horizon) for series in values.T]
    )
    windows = windows[np.isfinite(windows).all(axis=1)].copy()
    if normalisation:
        windows -= windows[:, context - normalisation : context].mean(axis=1, keepdims=True)
    constant = np.ones((len(windows), 1))
    return np.concatenate([windows[:, :context], constant], axis=1), windows[:, context:]


@pytest.mark.parametrize("normalisation", [0, 1, 3, 5])
@pytest.mark.parametrize("context", [5, 7])
def test_one_pass_gives_what_laying_out_every_window_gives(
    context: int, normalisation: int
) -> None:
    values = np.random.default_rng(0).normal(size=(60, 2)) + 5
    values[20, 0] = np.nan
    values[41:43, 1] = np.nan
    shared = window_moments(values, 7, 3)
    got = shared.moments(context, normalisation)
    features, targets = laid_out(values, 7, 3, 0)
    features, targets = features[:, 7 - context :], targets
    level = features[:, context - normalisation : context].mean(axis=1) if normalisation else 0.0
    features[:, :context] -= np.reshape(level, (-1, 1))
    targets = targets - np.reshape(level, (-1, 1))
    wanted = Moments.of(features, targets)
    assert got.rows == wanted.rows
    np.testing.assert_allclose(got.xx, wanted.xx, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got.xy, wanted.xy, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got.yy, wanted.yy, rtol=1e-9, atol=1e-9)


def test_a_stretch_shorter_than_a_window_counts_for_nothing() -> None:
    moments = window_moments(np.ones((5, 1)), 4, 2).moments(4, 0)
    assert moments.rows == 0
    with pytest.raises(InvalidInput, match="no window is complete"):
        solve(moments, 1.0)


def test_moments_add_up_and_take_off() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(20, 4)).astype(np.float32), generator.normal(size=(20, 2))
    whole, first = Moments.of(x, y), Moments.of(x[:8], y[:8])
    rest = whole - first
    np.testing.assert_allclose(rest.xx, Moments.of(x[8:], y[8:]).xx, atol=1e-12)
    assert (first + rest).rows == 20


def test_the_solution_is_the_minimum() -> None:
    generator = np.random.default_rng(2)
    x = np.concatenate([generator.normal(size=(50, 3)), np.ones((50, 1))], axis=1)
    y = x @ generator.normal(size=(4, 2)) + 0.1 * generator.normal(size=(50, 2))
    moments = Moments.of(x.astype(np.float32), y)

    def loss(weights: NDArray[np.float64]) -> float:
        fit = squared_error(moments, weights) * 100
        return fit + 2.0 * float(np.square(weights[:-1]).sum())

    best = solve(moments, 2.0)
    for _ in range(10):
        assert loss(best) < loss(best + 0.01 * generator.normal(size=best.shape))


def test_the_error_from_moments_is_the_error() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(30, 4)).astype(np.float32), generator.normal(size=(30, 2))
    weights = generator.normal(size=(4, 2))
    wanted = float(np.square(x @ weights - y).mean())
    assert squared_error(Moments.of(x, y), weights) == pytest.approx(wanted)


def test_without_an_intercept_the_constant_weighs_nothing() -> None:
    x = np.ones((10, 2), dtype=np.float32)
    y = np.full((10, 1), 3.0)
    assert solve(Moments.of(x, y), 1.0, intercept=False)[-1, 0] == 0.0
    assert solve(Moments.of(x, y), 1.0)[-1, 0] == pytest.approx(3.0)


def test_a_penalty_is_needed() -> None:
    x = np.ones((10, 2), dtype=np.float32)
    with pytest.raises(InvalidInput, match="penalty is 0"):
        solve(Moments.of(x, np.ones((10, 1))), 0.0)


def test_wild_values_are_named_as_the_trouble() -> None:
    x = np.array([[1e18, 1e18, 1.0], [1e18, 1e18, 1.0]], dtype=np.float32)
    with pytest.raises(InvalidInput, match="no unique answer"):
        solve(Moments.of(x, np.ones((2, 1))), 1e-6)

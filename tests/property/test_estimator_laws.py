"""Laws of the algorithms of tables, whatever the rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.frameworks.estimation import Examples, no_pause
from lichen.frameworks.estimators.portfolio import estimator
from lichen.frameworks.estimators.quantile import quantile_of
from lichen.frameworks.estimators.shrinking import coordinate_descent

SHAPES = st.tuples(st.integers(12, 60), st.integers(1, 6))


def rows_of(shape: tuple[int, int], seed: int) -> Examples:
    random = np.random.default_rng(seed)
    scales = 10.0 ** random.uniform(-3, 3, shape[1])
    features = (random.standard_normal(shape) * scales + 5 * scales).astype(np.float32)
    target = 7 + (features / scales) @ random.standard_normal(shape[1])
    weights = random.uniform(0.2, 2, shape[0])
    noise = random.standard_normal(shape[0])
    return Examples(features=features, target=target + noise, weights=weights / weights.mean())


@given(SHAPES, st.integers(0, 10**6), st.sampled_from([1e-3, 1e-1, 10.0]))
@settings(max_examples=15, deadline=None)
def test_gradient_descent_ends_where_the_closed_form_is(
    shape: tuple[int, int], seed: int, l2: float
) -> None:
    rows = rows_of(shape, seed)
    exact = estimator("linear").fit(rows, {"l2": l2}, 0, no_pause)
    descended = estimator("linear-gd").fit(rows, {"l2": l2, "epochs": 20000}, 0, no_pause)
    first, second = exact.raw(rows.features), descended.raw(rows.features)
    assert np.abs(first - second).max() < 1e-3 * np.std(rows.target)


@given(SHAPES, st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_least_squares_leaves_errors_that_no_feature_explains(
    shape: tuple[int, int], seed: int
) -> None:
    rows = rows_of(shape, seed)
    core = estimator("linear").fit(rows, {"l2": 0.0}, 0, no_pause)
    error = rows.target - core.raw(rows.features)[:, 0]
    assert rows.weights is not None
    centred = rows.features - rows.features.mean(axis=0)
    weighed = (rows.weights * error) @ np.column_stack(
        [centred / centred.std(axis=0), error * 0 + 1]
    )
    assert np.abs(weighed).max() < 1e-3 * np.std(rows.target) * len(error)


@given(SHAPES, st.integers(0, 10**6), st.floats(-100, 100), st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_a_linear_fit_does_not_mind_the_units_of_target_and_features(
    shape: tuple[int, int], seed: int, offset: float, factor: float
) -> None:
    rows = rows_of(shape, seed)
    moved = Examples(
        features=rows.features * np.float32(1 / 8),
        target=rows.target * factor + offset,
        weights=rows.weights,
    )
    first = estimator("linear").fit(rows, {}, 0, no_pause).raw(rows.features)
    second = estimator("linear").fit(moved, {}, 0, no_pause).raw(moved.features)
    assert np.abs(first * factor + offset - second).max() < 1e-3 * factor * np.std(rows.target)


@given(SHAPES, st.integers(0, 10**6), st.integers(2, 4))
@settings(max_examples=15, deadline=None)
def test_logistic_regression_foretells_as_many_of_each_class_as_there_are(
    shape: tuple[int, int], seed: int, classes: int
) -> None:
    """Where the loss is least the slope along each bias is 0."""
    rows = rows_of(shape, seed)
    edges = np.quantile(rows.target, np.arange(1, classes) / classes)
    target = np.searchsorted(edges, rows.target).astype(np.float64)
    labelled = Examples(
        features=rows.features, target=target, weights=rows.weights, classes=classes
    )
    raw = estimator("logistic").fit(labelled, {"l2": 0.01}, 0, no_pause).raw(rows.features)
    scores = raw if classes > 2 else np.hstack([np.zeros_like(raw), raw])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances = powers / powers.sum(axis=1, keepdims=True)
    assert rows.weights is not None
    for one in range(classes):
        wrong = chances[:, one] - (target == one)
        assert abs(np.average(wrong, weights=rows.weights)) < 1e-3


@given(SHAPES, st.integers(0, 10**6), st.sampled_from([0.1, 0.5, 0.9]))
@settings(max_examples=15, deadline=None)
def test_a_linear_quantile_has_its_share_of_the_weight_under_it(
    shape: tuple[int, int], seed: int, quantile: float
) -> None:
    rows = rows_of(shape, seed)
    said = estimator("linear").fit(rows, {"quantile": quantile}, 0, no_pause).raw(rows.features)
    assert rows.weights is not None
    under = rows.target <= said[:, 0] + 1e-3
    share = np.average(under, weights=rows.weights)
    assert quantile - 0.02 <= share <= quantile + rows.weights.max() / rows.weights.sum() + 0.02


@given(SHAPES, st.integers(0, 10**6), st.floats(1e-3, 1), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_where_coordinate_descent_ends_no_weight_wants_to_move(
    shape: tuple[int, int], seed: int, l1: float, l2: float
) -> None:
    """The conditions of Karush, Kuhn and Tucker."""
    random = np.random.default_rng(seed)
    scaled = random.standard_normal(shape) / np.sqrt(shape[0])
    gram, along = scaled.T @ scaled, scaled.T @ random.standard_normal(shape[0])
    found = coordinate_descent(gram, along, (l1, l2), np.zeros(shape[1]), 1e-9)
    slope = gram @ found - along + l2 * found
    settled = np.where(found == 0, np.maximum(np.abs(slope) - l1, 0), slope + l1 * np.sign(found))
    assert np.abs(settled).max() < 1e-6


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_a_weighted_quantile_of_equal_weights_is_the_plain_one(
    values: list[float], quantile: float
) -> None:
    array = np.array(values)
    shares = np.full(len(array), 1 / len(array))
    found = quantile_of(array, shares, quantile)
    assert np.mean(array <= found) >= quantile - 1e-9
    assert np.mean(array < found) <= quantile + 1e-9

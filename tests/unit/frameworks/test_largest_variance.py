"""The largest variance of features in any direction, which bounds the steps of a descent."""

import numpy as np
import pytest

from lichen.frameworks.estimation import Examples, no_pause
from lichen.frameworks.estimators.minimising import largest_variance
from lichen.frameworks.estimators.portfolio import estimator


def alike(rows: int, width: int, sign: float) -> np.ndarray:
    """Scaled features that all go with the first, or half of them against it."""
    random = np.random.default_rng(3)
    made = random.standard_normal((rows, 1)) + 0.3 * random.standard_normal((rows, width))
    made[:, 1::2] *= sign
    made -= made.mean(axis=0)
    return np.asarray(made / made.std(axis=0))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("rows", "width"), [(12, 2), (50, 1), (40, 256), (400, 300), (90, 700)])
def test_it_is_never_under_and_hardly_over(rows: int, width: int, sign: float) -> None:
    scaled, shares = alike(rows, width, sign), np.full(rows, 1 / rows)
    exact = np.linalg.norm(scaled, 2) ** 2 / rows
    assert exact * (1 - 1e-9) <= largest_variance(scaled, shares) <= 1.06 * exact


def test_of_features_without_variance_it_is_one() -> None:
    assert largest_variance(np.zeros((5, 3)), np.full(5, 0.2)) == 1.0


def test_a_descent_on_features_against_each_other_ends_where_the_closed_form_is() -> None:
    features = alike(12, 2, -1.0).astype(np.float32)
    rows = Examples(features=features, target=features[:, 0] + 3.0 * features[:, 1])
    settings = {"l2": 1e-3, "epochs": 20000}
    descended = estimator("linear-gd").fit(rows, settings, 0, no_pause).raw(features)
    exact = estimator("linear").fit(rows, {"l2": 1e-3}, 0, no_pause).raw(features)
    assert np.abs(descended - exact).max() < 1e-4

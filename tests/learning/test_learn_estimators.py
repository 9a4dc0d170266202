"""Algorithms of tables on real digits, and the dear corners of what is searched."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lichen.frameworks.estimation import Examples, Settings, no_pause
from lichen.frameworks.estimators.portfolio import estimator
from lichen.frameworks.estimators.spaces import search_space


def digits() -> tuple[Examples, Examples]:
    """Rows to fit on, and a fifth to score on."""
    features, target = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(target))
    parts = np.split(order, [len(order) * 4 // 5])
    fitted, scored = (
        Examples(
            features=features[part].astype(np.float32),
            target=target[part].astype(np.float64),
            classes=10,
        )
        for part in parts
    )
    return fitted, scored


@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("logistic", {"l2": 0.01}, 0.95),
        ("lightgbm", {}, 0.96),
        ("xgboost", {}, 0.96),
        ("forest", {}, 0.96),
        ("svm", {"scale": False, "gamma": 1.0, "penalty": 10.0}, 0.98),
        ("mlp", {}, 0.95),
    ],
)
def test_digits_as_a_table_are_told_apart(name: str, settings: Settings, least: float) -> None:
    fitted, scored = digits()
    core = estimator(name).fit(fitted, settings, 0, no_pause)
    said = core.raw(scored.features).argmax(axis=1)
    assert np.mean(said == scored.target) >= least


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_every_corner_of_a_network_s_search_space_can_be_fitted(classes: int) -> None:
    random = np.random.default_rng(1)
    features = random.standard_normal((120, 4)).astype(np.float32)
    target = np.arange(120) % classes if classes else features[:, 0] * 2
    rows = Examples(features=features, target=target.astype(np.float64), classes=classes)
    for dimension in search_space("mlp", 120, 4):
        for value in dimension.choices or (dimension.low, dimension.high):
            settings: Settings = {"epochs": 5, dimension.name: value}
            core = estimator("mlp").fit(rows, settings, 0, no_pause)
            assert np.isfinite(core.raw(features)).all()

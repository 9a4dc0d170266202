"""The work of an answer is counted from its graph: the same on every machine."""

import numpy as np
import pytest

from lichen.frameworks.estimation import Examples, no_pause
from lichen.frameworks.estimators.portfolio import estimator
from lichen.frameworks.operations import operations_of


def cost(algorithm: str, **settings: float) -> float:
    generator = np.random.default_rng(0)
    features = generator.normal(0, 1, (120, 6)).astype(np.float32)
    target = (features[:, 0] + features[:, 1] * features[:, 2] > 0).astype(np.float64)
    examples = Examples(features=features, target=target, classes=2)
    return operations_of(estimator(algorithm).fit(examples, settings, 0, no_pause).onnx())


def test_a_linear_core_costs_a_product_a_feature() -> None:
    assert cost("logistic") == pytest.approx(6, abs=6)


def test_more_trees_cost_more() -> None:
    assert cost("forest", trees=40) > 3 * cost("forest", trees=10) > cost("logistic")


def test_equal_cores_cost_the_same() -> None:
    assert cost("forest", trees=10) == cost("forest", trees=10)


def test_support_vectors_cost_their_number_times_the_features() -> None:
    assert cost("svm") > 20 * cost("logistic")

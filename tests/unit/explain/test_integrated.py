"""Integrated gradients sum to the change of the score, and find what was planted."""

import numpy as np
import pytest

from lichen.explain.integrated import CLOSENESS, Floats, Gradients, integrated

RANDOM = np.random.default_rng(5)


def network(width: int, seed: int = 0) -> Gradients:
    """A bent network of which the last half of the inputs does nothing."""
    random = np.random.default_rng(seed)
    first = random.standard_normal((width, 64))
    first[width // 2 :] = 0
    first[0] *= 5
    second = random.standard_normal(64)

    def model(rows: Floats) -> tuple[Floats, Floats]:
        hidden = rows @ first
        return np.maximum(hidden, 0) @ second, ((hidden > 0) * second) @ first.T

    return model


@pytest.mark.parametrize("seed", range(4))
def test_contributions_sum_to_the_change_to_a_thousandth(seed: int) -> None:
    model = network(12, seed)
    row, baseline = RANDOM.standard_normal(12), np.zeros(12)
    found = integrated(model, row, baseline)
    change = found.prediction - found.base
    assert abs(found.contributions.sum() - change) <= CLOSENESS * abs(change) + 1e-9
    assert abs(found.contributions.sum() - change) == pytest.approx(found.gap, abs=1e-9)
    assert np.all(found.contributions[6:] == 0)


def test_a_weighted_sum_is_exact_at_once() -> None:
    weights = RANDOM.standard_normal(8)

    def model(rows: Floats) -> tuple[Floats, Floats]:
        return rows @ weights + 3, np.tile(weights, (len(rows), 1))

    row, baseline = RANDOM.standard_normal(8), RANDOM.standard_normal(8)
    found = integrated(model, row, baseline)
    assert np.allclose(found.contributions, (row - baseline) * weights)
    assert found.gradients < 20


def test_the_planted_feature_comes_first() -> None:
    found = integrated(network(12), np.ones(12), np.zeros(12))
    assert int(np.abs(found.contributions).argmax()) == 0


def test_it_ends_where_no_closeness_is_to_be_had() -> None:
    def steps(rows: Floats) -> tuple[Floats, Floats]:  # its gradient says nothing of its steps
        return np.floor(rows.sum(axis=1) * 7), np.zeros(rows.shape)

    found = integrated(steps, np.ones(3), np.zeros(3), most=100)
    assert found.gradients <= 100
    assert found.gap > 1

"""Scores of predicted numbers are scikit-learn's, with weights and units."""

import numpy as np
import pytest
from sklearn import metrics

from lichen.core.errors import InvalidInput
from lichen.evaluation.regression import SCORES, Predictions, pinball_loss, r2, unit_of_score


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_scikit_learn(*, weighted: bool) -> None:
    generator = np.random.default_rng(5)
    truth = generator.normal(10, 3, 200)
    said = truth + generator.normal(0, 1, 200)
    weights = generator.random(200) if weighted else None
    predictions = Predictions(truth, said, weights)
    expected = {
        "MSE": metrics.mean_squared_error(truth, said, sample_weight=weights),
        "RMSE": metrics.root_mean_squared_error(truth, said, sample_weight=weights),
        "MAE": metrics.mean_absolute_error(truth, said, sample_weight=weights),
        "R2": metrics.r2_score(truth, said, sample_weight=weights),
        "pinball": metrics.mean_pinball_loss(truth, said, sample_weight=weights),
    }
    found = {name: score(predictions) for name, (score, _) in SCORES.items()}
    assert found == pytest.approx(expected)
    assert pinball_loss(predictions, 0.9) == pytest.approx(
        metrics.mean_pinball_loss(truth, said, sample_weight=weights, alpha=0.9)
    )


def test_a_truth_that_does_not_vary_has_no_r2() -> None:
    with pytest.raises(InvalidInput, match="does not vary"):
        r2(Predictions(np.ones(5), np.zeros(5)))


def test_units_of_scores_follow_the_target() -> None:
    assert unit_of_score("MAE", "mg/l") == "mg/l"
    assert unit_of_score("MSE", "mg/l") == "(mg/l)^2"
    assert unit_of_score("R2", "mg/l") is None
    assert unit_of_score("MAE", None) is None

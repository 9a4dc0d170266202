"""What algorithms are chosen by: errors between perfect and a guard's, cuts for rare classes."""

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.classification import Answers
from lichen.pipeline.declaration import Classes
from lichen.training.tables.measure import (
    Held,
    best_cuts,
    class_error,
    named_metric,
    number_error,
)

HEAD = Classes(labels=["no", "yes"], link="probability")


def held(truth: list[float], *prior: float) -> Held:
    return Held(np.array(truth), None, np.array(prior))


@pytest.mark.parametrize("metric", ["R2", "RMSE", "MAE", "MSE", "pinball"])
def test_a_perfect_number_has_no_error_and_the_mean_has_one(metric: str) -> None:
    rows = held([1.0, 2.0, 6.0], 3.0)
    assert number_error(metric, np.array([[1.0], [2.0], [6.0]]), rows) == 0.0
    assert number_error(metric, np.full((3, 1), 3.0), rows) == pytest.approx(1.0)


@pytest.mark.parametrize("metric", ["log loss", "Brier"])
def test_the_prior_has_an_error_of_one(metric: str) -> None:
    rows = held([0.0, 0.0, 0.0, 1.0], 0.75, 0.25)
    raw = np.full((4, 1), 0.25)
    assert class_error(metric, raw, rows, HEAD, is_calibrated=False) == pytest.approx(1.0)


def test_scores_that_rise_are_turned_round() -> None:
    rows = held([0.0, 0.0, 1.0, 1.0], 0.5, 0.5)
    raw = np.array([[0.1], [0.2], [0.8], [0.3]])
    assert class_error("accuracy", raw, rows, HEAD, is_calibrated=False) == 0.25
    assert class_error("ROC-AUC", raw, rows, HEAD, is_calibrated=False) == 0.0


def test_a_rare_class_is_answered_from_a_lower_cut_on() -> None:
    truth = np.r_[np.zeros(90), np.ones(10)].astype(np.int64)
    second = np.r_[np.linspace(0.0, 0.2, 90), np.linspace(0.25, 0.4, 10)]
    answers = Answers(truth, np.column_stack([1 - second, second]))
    cuts, value = best_cuts("F1", answers)
    assert value == 1.0
    assert cuts[1] < 0.3
    _, balanced = best_cuts("balanced accuracy", answers)
    assert balanced == 1.0


def test_metrics_are_found_however_they_are_written() -> None:
    assert named_metric("roc_auc", is_classes=True) == "ROC-AUC"
    assert named_metric("rmse", is_classes=False) == "RMSE"
    assert named_metric(None, is_classes=True) == "log loss"
    with pytest.raises(InvalidInput, match="no metric is called 'speed'"):
        named_metric("speed", is_classes=False)

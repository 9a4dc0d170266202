"""Scores of classifiers are scikit-learn's, with weights and ties."""

import numpy as np
import pytest
from sklearn import metrics

from lichen.core.errors import InvalidInput
from lichen.evaluation.classification import SCORES, Answers


def drawn(classes: int, *, weighted: bool, seed: int = 3) -> Answers:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, 300)
    raw = np.round(generator.random((300, classes)) + 0.8 * np.eye(classes)[truth], 1) + 0.1
    weights = generator.random(300) * 3 if weighted else None
    return Answers(truth, raw / raw.sum(axis=1, keepdims=True), weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_scores_are_those_of_scikit_learn(classes: int, *, weighted: bool) -> None:
    answers = drawn(classes, weighted=weighted)
    truth, given, weight = answers.truth, answers.probability, answers.weight
    said = answers.answered
    mean = "binary" if classes == 2 else "macro"
    scores = given[:, 1] if classes == 2 else given
    one_hot = np.eye(classes)[truth] if classes > 2 else truth
    area = (
        metrics.average_precision_score(one_hot, scores, sample_weight=weight)
        if classes == 2
        else np.mean(
            [
                metrics.average_precision_score(truth == one, given[:, one], sample_weight=weight)
                for one in range(classes)
            ]
        )
    )
    roc = (
        metrics.roc_auc_score(truth, scores, sample_weight=weight)
        if classes == 2
        else np.mean(
            [
                metrics.roc_auc_score(truth == one, given[:, one], sample_weight=weight)
                for one in range(classes)
            ]
        )
    )
    expected = {
        "accuracy": metrics.accuracy_score(truth, said, sample_weight=weight),
        "balanced accuracy": metrics.balanced_accuracy_score(truth, said, sample_weight=weight),
        "precision": metrics.precision_score(truth, said, average=mean, sample_weight=weight),
        "recall": metrics.recall_score(truth, said, average=mean, sample_weight=weight),
        "F1": metrics.f1_score(truth, said, average=mean, sample_weight=weight),
        "ROC-AUC": roc,
        "PR-AUC": area,
        "log loss": metrics.log_loss(truth, given, sample_weight=weight),
        "Brier": metrics.brier_score_loss(truth, scores, sample_weight=weight),
    }
    assert {name: score(answers) for name, (score, _) in SCORES.items()} == pytest.approx(expected)


def test_a_class_that_is_never_answered_has_a_precision_of_0() -> None:
    answers = Answers(np.array([0, 0, 1]), np.array([[0.9, 0.1]] * 3))
    assert SCORES["precision"][0](answers) == 0.0
    assert SCORES["recall"][0](answers) == 0.0


def test_an_area_of_one_class_alone_is_refused() -> None:
    answers = Answers(np.array([1, 1, 1]), np.array([[0.4, 0.6]] * 3))
    for name in ("ROC-AUC", "PR-AUC"):
        with pytest.raises(InvalidInput, match="only one class"):
            SCORES[name][0](answers)


def test_a_class_answered_from_a_cut_on_is_scored_so() -> None:
    truth = np.array([0, 0, 1, 1])
    probability = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    accuracy = SCORES["accuracy"][0]
    assert accuracy(Answers(truth, probability)) == 0.75
    assert accuracy(Answers(truth, probability, chosen=np.array([0, 0, 1, 1]))) == 1.0

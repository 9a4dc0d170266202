"""Scores of classifiers, each with its direction; the same figures as scikit-learn's.

Classes are numbers, 0 to k - 1; probabilities are `(rows, k)`. Of two classes, precision, recall,
F1, and the areas are of the second; of more they are the plain mean over the classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.scores import Direction

Floats = NDArray[np.floating[Any]]
LEAST_PROBABILITY = 1e-12
"""What a probability is taken as at least: the logarithm of 0 has no value."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a classifier said beside what was true.

    Attributes:
        truth: `(rows,)` numbers of classes.
        probability: `(rows, classes)`, each row's sum 1.
        weights: `(rows,)`, not negative; None: each row alike.
        chosen: `(rows,)` classes answered; None: the most probable ones.
    """

    truth: NDArray[np.int64]
    probability: Floats
    weights: Floats | None = None
    chosen: NDArray[np.int64] | None = None

    @property
    def weight(self) -> Floats:
        """Of each row."""
        return np.ones(len(self.truth)) if self.weights is None else self.weights

    @property
    def answered(self) -> NDArray[np.int64]:
        """The class answered for each row."""
        if self.chosen is not None:
            return self.chosen
        return np.asarray(np.argmax(self.probability, axis=1), dtype=np.int64)

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.probability.shape[1])


def accuracy(answers: Answers) -> float:
    """Share of rows answered right."""
    return float(np.average(answers.answered == answers.truth, weights=answers.weight))


def balanced_accuracy(answers: Answers) -> float:
    """Mean over the classes of the share of their rows answered right."""
    hits, truths, _ = _counts(answers)
    seen = truths > 0
    return float((hits[seen] / truths[seen]).mean())


def precision(answers: Answers) -> float:
    """Share of the rows answered as a class that are of it; 0 where none was."""
    hits, _, said = _counts(answers)
    return _of_classes(_ratio(hits, said), answers)


def recall(answers: Answers) -> float:
    """Share of the rows of a class that were answered so."""
    hits, truths, _ = _counts(answers)
    return _of_classes(_ratio(hits, truths), answers)


def f1(answers: Answers) -> float:
    """Harmonic mean of precision and recall."""
    hits, truths, said = _counts(answers)
    return _of_classes(_ratio(2 * hits, truths + said), answers)


def roc_auc(answers: Answers) -> float:
    """Chance that a row of the class gets a higher probability than one of another (ties half).

    Raises:
        InvalidInput: only one class stands in the truth.
    """
    return _mean_over_classes(answers, _roc_area)


def pr_auc(answers: Answers) -> float:
    """Average precision: precision at each row of the class, in falling order of probability.

    Raises:
        InvalidInput: only one class stands in the truth.
    """
    return _mean_over_classes(answers, _average_precision)


def log_loss(answers: Answers) -> float:
    """Mean negative logarithm of the probability given to the truth, in nats."""
    given = answers.probability[np.arange(len(answers.truth)), answers.truth]
    loss = -np.log(np.clip(given, LEAST_PROBABILITY, 1.0))
    return float(np.average(loss, weights=answers.weight))


def brier(answers: Answers) -> float:
    """Mean squared error of the probabilities (Brier, 1950): of two classes, of the second."""
    wanted = np.eye(answers.classes)[answers.truth]
    squared = np.square(answers.probability - wanted).sum(axis=1)
    halved = 0.5 if answers.classes == 2 else 1.0
    return halved * float(np.average(squared, weights=answers.weight))


SCORES: Mapping[str, tuple[Callable[[Answers], float], Direction]] = {
    "accuracy": (accuracy, Direction.HIGHER),
    "balanced accuracy": (balanced_accuracy, Direction.HIGHER),
    "precision": (precision, Direction.HIGHER),
    "recall": (recall, Direction.HIGHER),
    "F1": (f1, Direction.HIGHER),
    "ROC-AUC": (roc_auc, Direction.HIGHER),
    "PR-AUC": (pr_auc, Direction.HIGHER),
    "log loss": (log_loss, Direction.LOWER),
    "Brier": (brier, Direction.LOWER),
}
"""By name: how it is computed, and which way is better."""


def _counts(answers: Answers) -> tuple[Floats, Floats, Floats]:
    """Weights by class: answered right, true, and answered."""
    weight, classes = answers.weight, answers.classes
    right = answers.answered == answers.truth
    return (
        _weighed(answers.truth[right], weight[right], classes),
        _weighed(answers.truth, weight, classes),
        _weighed(answers.answered, weight, classes),
    )


def _weighed(numbers: NDArray[np.int64], weight: Floats, classes: int) -> Floats:
    return np.bincount(numbers, weight, classes).astype(np.float64)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _of_classes(figures: Floats, answers: Answers) -> float:
    if answers.classes == 2:
        return float(figures[1])
    met = np.union1d(answers.truth, answers.answered)
    return float(figures[met].mean())


def _mean_over_classes(
    answers: Answers, area: Callable[[NDArray[np.bool_], Floats, Floats], float]
) -> float:
    seen = np.unique(answers.truth)
    if len(seen) < 2:
        raise InvalidInput("only one class is among the rows to score: no area can be computed")
    met = (1,) if answers.classes == 2 else tuple(seen)
    areas = [
        area(answers.truth == each, answers.probability[:, each], answers.weight) for each in met
    ]
    return float(np.mean(areas))


def _steps(is_class: NDArray[np.bool_], score: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weights of hits and of false alarms at each distinct score, falling."""
    order = np.argsort(-score, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(score[order])), len(order) - 1]
    hits = np.cumsum((weight * is_class)[order])[ends]
    alarms = np.cumsum((weight * ~is_class)[order])[ends]
    return hits, alarms


def _roc_area(is_class: NDArray[np.bool_], score: Floats, weight: Floats) -> float:
    hits, alarms = _steps(is_class, score, weight)
    if hits[-1] == 0 or alarms[-1] == 0:
        raise InvalidInput("only one class is among the rows to score: no area can be computed")
    area = np.trapezoid(np.r_[0.0, hits], np.r_[0.0, alarms])
    return float(area / (hits[-1] * alarms[-1]))


def _average_precision(is_class: NDArray[np.bool_], score: Floats, weight: Floats) -> float:
    hits, alarms = _steps(is_class, score, weight)
    precise = _ratio(hits, hits + alarms)
    return float(np.sum(np.diff(np.r_[0.0, hits]) * precise) / hits[-1])

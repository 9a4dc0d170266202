"""What algorithms are chosen by: a metric of the task, and the error that a search lowers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.evaluation import classification, regression
from lichen.evaluation.calibration import fit_scaling
from lichen.evaluation.classification import Answers
from lichen.evaluation.naming import metric_named
from lichen.evaluation.regression import Predictions
from lichen.evaluation.scores import Direction
from lichen.pipeline.declaration import Classes
from lichen.pipeline.heads import answer

Floats = NDArray[np.floating[Any]]

NUMBER_METRIC = "R2"
CLASS_METRIC = "log loss"
CUT_METRICS = ("F1", "balanced accuracy")
"""Metrics of the class answered that gain by answering rare classes earlier."""

CUTS = np.round(np.arange(0.02, 0.99, 0.02), 2)


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that were held back from a fit.

    Attributes:
        truth: values or numbers of classes.
        weights: None: all alike.
        prior: of the rows fitted on: their mean, or the share of each class.
    """

    truth: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    prior: NDArray[np.float64]


def named_metric(asked: str | None, *, is_classes: bool) -> str:
    """The metric of that name, or the task's own.

    Raises:
        InvalidInput: there is none; the message lists them.
    """
    if asked is None:
        return CLASS_METRIC if is_classes else NUMBER_METRIC
    return metric_named(asked, classification.SCORES if is_classes else regression.SCORES)


def number_error(metric: str, raw: Floats, held: Held) -> float:
    """How wrong predicted numbers are, as a share of what the mean of all would get."""
    said = Predictions(held.truth, raw[:, 0], held.weights)
    guard = replace(said, predicted=np.full(len(held.truth), held.prior[0]))
    if metric == "R2":
        metric = "MSE"
    score, _ = regression.SCORES[metric]
    base = score(guard)
    return score(said) / base if base > 0 else score(said)


def class_error(
    metric: str, raw: Floats, held: Held, head: Classes, *, is_calibrated: bool
) -> float:
    """How wrong predicted classes are: 1 less the score, or the share of a guard's loss.

    Probabilities that will be calibrated are scored so, and classes that will be answered from a
    cut on as the best cut has it: both have few parameters, and all algorithms gain alike.
    """
    truth = held.truth.astype(np.int64)
    shown = calibrated(head, raw, truth, held.weights) if is_calibrated else head
    answers = Answers(truth, probabilities(shown, raw), held.weights)
    score, direction = classification.SCORES[metric]
    if metric in CUT_METRICS:
        return 1.0 - best_cuts(metric, answers)[1]
    if direction is Direction.HIGHER:
        return 1.0 - score(answers)
    prior = np.tile(np.maximum(held.prior, 1e-6), (len(truth), 1))
    base = score(replace(answers, probability=prior / prior.sum(axis=1, keepdims=True)))
    return score(answers) / base if base > 0 else score(answers)


def probabilities(head: Classes, raw: Floats) -> NDArray[np.float64]:
    """What a head makes of a core's outputs `(rows, columns)`, of each class."""
    return answer(head, raw)["probability"].astype(np.float64)


def scores_of(head: Classes, raw: Floats) -> NDArray[np.float64]:
    """What calibration scales: logits, or the logarithms or log odds of probabilities."""
    if head.link == "logit":
        return np.asarray(raw, dtype=np.float64)
    least = classification.LEAST_PROBABILITY
    inside = np.clip(np.asarray(raw, dtype=np.float64), least, 1 - least)
    return np.asarray(np.log(inside) - np.log1p(-inside) if raw.shape[1] == 1 else np.log(inside))


def calibrated(
    head: Classes, raw: Floats, truth: NDArray[np.int64], weights: Floats | None
) -> Classes:
    """The head, calibrated on what the core said of rows that it was not fitted on."""
    scaling = fit_scaling(scores_of(head, raw), truth, weights)
    return Classes(
        labels=head.labels,
        link=head.link,
        slopes=list(scaling.slopes),
        offsets=list(scaling.offsets),
        confidence=head.confidence,
    )


def best_cuts(metric: str, answers: Answers) -> tuple[list[float], float]:
    """Cuts of the classes under which a metric of the answered class is best, and its value.

    Of two classes each cut is tried; of more, each class's share of the rows is its cut, which is
    best for balanced accuracy where probabilities are calibrated.
    """
    score, _ = classification.SCORES[metric]
    tried: Sequence[list[float]] = _cuts(answers)
    found = [(score(replace(answers, chosen=_chosen(answers, cuts))), cuts) for cuts in tried]
    best = max(found, key=lambda one: one[0])
    return best[1], best[0]


def _cuts(answers: Answers) -> list[list[float]]:
    alike = [1.0 / answers.classes] * answers.classes
    if answers.classes == 2:
        return [alike, *([float(1 - cut), float(cut)] for cut in CUTS)]
    shares = np.bincount(answers.truth, answers.weight, answers.classes) + 1.0
    return [alike, (shares / shares.sum()).tolist()]


def _chosen(answers: Answers, cuts: list[float]) -> NDArray[np.int64]:
    return np.asarray(np.argmax(answers.probability / np.array(cuts), axis=1), dtype=np.int64)

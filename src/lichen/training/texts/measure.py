"""What text classifiers are chosen by, and how their scores become answers."""

from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lichen.evaluation.calibration import fit_scaling, unflattered
from lichen.evaluation.classification import SCORES, Answers
from lichen.evaluation.conformal import set_threshold
from lichen.evaluation.naming import metric_named
from lichen.evaluation.scores import Direction
from lichen.pipeline.declaration import Classes
from lichen.pipeline.heads import answer
from lichen.protocol.training import TextClassificationTraining
from lichen.training.texts.rows import TextRows

METRIC = "PR-AUC"
"""Precision over all recalls: it says with less chance than F1 at one cut which ranks texts best;
the cut is then the one of best F1."""

F1, BALANCED = "F1", "balanced accuracy"
CUT_METRICS = (METRIC, F1, BALANCED, "ROC-AUC")
"""Chosen by one of these, the class is answered from a tuned cut on."""

DRAWS = 40
"""Samples of the rows that the best cut is looked for in; its median is taken."""

Floats = NDArray[np.floating[Any]]
Classed = NDArray[np.int64]


def named_metric(asked: str | None) -> str:
    """The metric of that name, or the task's own.

    Raises:
        InvalidInput: there is none; the message lists them.
    """
    return METRIC if asked is None else metric_named(asked, SCORES)


def error_of(metric: str, scores: Floats, truth: Classed, weights: Floats | None) -> float:
    """How wrong scores `(rows, outputs)` are: 1 less the metric, or the share of a guard's loss.

    Probabilities are scored as calibrated on these very rows, and classes as answered from the
    best cut on: both have few parameters, and all algorithms gain alike.
    """
    probability = fit_scaling(scores, truth, weights).probability(scores)
    answers = Answers(truth, probability, weights)
    measure, direction = SCORES[metric]
    if metric == F1 and answers.classes == 2:
        return 1.0 - best_f1(probability[:, 1], truth, answers.weight)[0]
    if direction is Direction.HIGHER:
        return 1.0 - measure(answers)
    shares = np.bincount(truth, answers.weight, answers.classes) / answers.weight.sum()
    guard = Answers(truth, np.tile(np.maximum(shares, 1e-6), (len(truth), 1)), weights)
    return measure(answers) / max(measure(guard), 1e-12)


def best_f1(probability: Floats, truth: Classed, weights: Floats) -> tuple[float, float]:
    """The best F1 of the second class over all cuts, and the middle of the best cut's gap."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum((weights * truth)[order])
    said = np.cumsum(weights[order])
    falling = probability[order]
    ends = np.append(falling[:-1] > falling[1:], True)
    figures = np.where(ends, 2 * hits / (said + float(weights @ truth)), 0.0)
    best = int(np.argmax(figures))
    after = falling[best + 1] if best + 1 < len(falling) else 0.0
    return float(figures[best]), float((falling[best] + after) / 2)


def steady_cut(probability: Floats, truth: Classed, weights: Floats, seed: int) -> float:
    """The median of the cuts of best F1 in samples of the rows: one sample's is a matter of chance.

    Each row is drawn a Poisson number of times, as in a bootstrap.
    """
    generator = np.random.default_rng(seed)
    found = [
        best_f1(probability, truth, weights * generator.poisson(1.0, len(truth)))[1]
        for _ in range(DRAWS)
    ]
    return float(np.median(found))


def head_of(
    rows: TextRows, scores: Floats, asked: TextClassificationTraining, metric: str
) -> Classes:
    """The head, tuned on scores of rows that were not fitted on."""
    truth = rows.target
    head = Classes(labels=list(rows.labels), confidence=asked.confidence)
    if asked.calibrate:
        scaling = fit_scaling(scores, truth, rows.weights)
        head = replace(head, slopes=list(scaling.slopes), offsets=list(scaling.offsets))
    probability = probabilities(head, scores)
    fresh = unflattered(scores, truth, rows.weights) if asked.calibrate else probability
    answers = Answers(truth, probability, rows.weights)
    if metric in CUT_METRICS:
        head = replace(head, cuts=_cuts(metric, answers, asked.seed))
    of_truth = fresh[np.arange(len(truth)), truth]
    return replace(head, set_threshold=set_threshold(of_truth, asked.confidence))


def probabilities(head: Classes, scores: Floats) -> Floats:
    """What a head makes of scores, `(rows, classes)`."""
    return answer(head, scores)["probability"].astype(np.float64)


def chosen(head: Classes, scores: Floats) -> Classed:
    """The number of the class that a head answers for each row."""
    numbers = {label.encode(): number for number, label in enumerate(head.labels)}
    said = answer(head, scores)["prediction"]
    return np.array([numbers[bytes(one)] for one in said], dtype=np.int64)


def _cuts(metric: str, answers: Answers, seed: int) -> list[float]:
    """Of two classes the steady one; of more, each class's share where that is better."""
    if answers.classes == 2 and metric != BALANCED:
        cut = steady_cut(answers.probability[:, 1], answers.truth, answers.weight, seed)
        return [1.0 - cut, cut]
    shares = np.bincount(answers.truth, answers.weight, answers.classes) + 1.0
    shares /= shares.sum()
    measure, _ = SCORES[BALANCED if metric == BALANCED else F1]
    moved = np.argmax(answers.probability / shares, axis=1)
    is_better = measure(
        Answers(answers.truth, answers.probability, answers.weights, moved)
    ) > measure(answers)
    return [float(one) for one in shares] if is_better else []

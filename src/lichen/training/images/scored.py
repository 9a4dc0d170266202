"""Scores of a trained classifier of images, each with its 95 % interval."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.evaluation.calibration import calibration_error
from lichen.evaluation.classification import (
    Answers,
    accuracy,
    balanced_accuracy,
    brier,
    f1,
    log_loss,
    precision,
    recall,
)
from lichen.evaluation.conformal import sets
from lichen.evaluation.intervals import DRAWS, LEAST_DRAWS, bootstrap, wilson
from lichen.pipeline.declaration import Classes
from lichen.registry.manifest import Metric

MOST_DRAWN = 1_000_000
"""Rows drawn in all for the interval of one score."""

_SCORES: Mapping[str, Callable[[Answers], float]] = {
    "balanced accuracy": balanced_accuracy,
    "precision": precision,
    "recall": recall,
    "F1": f1,
    "log loss": log_loss,
    "Brier": brier,
}


def metrics_of(
    truth: NDArray[np.int64], probability: NDArray[np.float64], head: Classes, split: str
) -> list[Metric]:
    """Scores of probabilities `(rows, classes)`; accuracy, which is chosen by, stands first."""
    rows = len(truth)
    right = probability.argmax(axis=1) == truth
    made = [_share("accuracy", accuracy(Answers(truth, probability)), rows, split)]
    draws = int(np.clip(MOST_DRAWN // max(rows, 1), LEAST_DRAWS, DRAWS))
    for name, score in _SCORES.items():

        def on(drawn: NDArray[Any], score: Callable[[Answers], float] = score) -> float:
            return score(Answers(truth, probability, drawn))

        interval = bootstrap(on, rows, draws=draws)
        low, high = (None, None) if interval is None else (interval.low, interval.high)
        unit = "nats" if name == "log loss" else None
        made.append(Metric(name, on(np.ones(rows)), unit, split, low, high))
    error = calibration_error(probability.max(axis=1), right)
    made.append(Metric("calibration error", error, None, split))
    if head.set_threshold is not None:
        held = sets(probability, head.set_threshold)
        inside = float(held[np.arange(rows), truth].mean())
        made.append(_share("coverage", inside, rows, split))
        made.append(Metric("classes in a set", float(held.sum(axis=1).mean()), None, split))
    return made


def _share(name: str, share: float, rows: int, split: str) -> Metric:
    interval = wilson(share, rows)
    return Metric(name, share, None, split, interval.low, interval.high)

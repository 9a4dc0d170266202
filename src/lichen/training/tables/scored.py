"""The scores of a trained table, each with its 95 % interval where one can be had."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation import classification, regression
from lichen.evaluation.calibration import calibration_error
from lichen.evaluation.classification import Answers
from lichen.evaluation.conformal import sets
from lichen.evaluation.intervals import (
    DRAWS,
    LEAST_DRAWS,
    Interval,
    bootstrap,
    share_interval,
)
from lichen.evaluation.regression import Predictions, unit_of_score
from lichen.evaluation.splits import blocks_of
from lichen.pipeline.declaration import Classes, Value
from lichen.registry.manifest import Metric
from lichen.training.tables.study import Study

MOST_DRAWN = 1_000_000
"""Rows drawn in all for the interval of one score."""


def number_metrics(
    study: Study,
    rows: NDArray[np.int64],
    predicted: NDArray[np.float64],
    head: Value | None,
    split: str,
) -> list[Metric]:
    """Scores of predicted numbers, and how often their intervals held the truth."""
    truth = study.target.values[rows]
    sample = _sample(study, rows)
    made = []
    for name, (score, _) in regression.SCORES.items():

        def on(drawn: NDArray[Any], score: Callable[[Predictions], float] = score) -> float:
            return score(Predictions(truth, predicted, drawn))

        unit = unit_of_score(name, study.target.unit)
        made += _metric(name, unit, split, on, sample)
    if head is not None and head.half_width is not None:
        made.append(_coverage(np.abs(predicted - truth) <= head.half_width, sample, split))
    return _main_first(made, study.metric)


def metrics_of(
    study: Study,
    rows: NDArray[np.int64],
    answers: NDArray[np.float64],
    head: Classes | None,
    split: str,
) -> list[Metric]:
    """Scores of what was said of some rows: probabilities of classes, or numbers."""
    if not study.target.classes:
        return number_metrics(study, rows, answers[:, 0], None, split)
    truth = study.target.values[rows].astype(np.int64)
    sample = _sample(study, rows)
    chosen = None
    if head is not None and head.cuts:
        chosen = np.argmax(answers / np.array(head.cuts), axis=1).astype(np.int64)
    made = []
    for name, (score, _) in classification.SCORES.items():

        def on(drawn: NDArray[Any], score: Callable[[Answers], float] = score) -> float:
            return score(Answers(truth, answers, drawn, chosen))

        unit = "nats" if name == "log loss" else None
        made += _metric(name, unit, split, on, sample)
    answered = np.argmax(answers, axis=1)
    error = calibration_error(answers.max(axis=1), answered == truth)
    made.append(Metric("calibration error", error, None, split))
    if head is not None and head.set_threshold is not None:
        held = sets(answers, head.set_threshold)
        made.append(_coverage(held[np.arange(len(truth)), truth], sample, split))
        made.append(Metric("classes in a set", float(held.sum(axis=1).mean()), None, split))
    return _main_first(made, study.metric)


@dataclass(frozen=True, slots=True)
class _Sample:
    """The rows that are scored: what each counts, and which may be alike."""

    weights: NDArray[np.float64]
    blocks: NDArray[np.int64] | None


def _sample(study: Study, rows: NDArray[np.int64]) -> _Sample:
    weights = np.ones(len(rows)) if study.weights is None else study.weights[rows]
    return _Sample(weights, blocks_of(study.kind, study.positions[rows]))


def _metric(
    name: str,
    unit: str | None,
    split: str,
    score: Callable[[NDArray[Any]], float],
    sample: _Sample,
) -> list[Metric]:
    """The score with its interval; nothing where it cannot be computed on these rows."""
    rows = len(sample.weights)
    try:
        value = score(sample.weights)
    except InvalidInput:
        return []
    if name == "accuracy":
        interval: Interval | None = share_interval(value, score, sample.weights, sample.blocks)
    else:
        draws = int(np.clip(MOST_DRAWN // max(rows, 1), LEAST_DRAWS, DRAWS))
        interval = bootstrap(score, rows, 0, sample.weights, draws, sample.blocks)
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return [Metric(name, value, unit, split, low, high)]


def _coverage(inside: NDArray[np.bool_], sample: _Sample, split: str) -> Metric:
    """How often the truth was within what was said, each row alike."""

    def share(drawn: NDArray[Any]) -> float:
        return float(np.average(inside, weights=drawn))

    every = np.ones(len(inside))
    interval = share_interval(share(every), share, every, sample.blocks)
    return Metric("coverage", share(every), None, split, interval.low, interval.high)


def _main_first(made: list[Metric], main: str) -> list[Metric]:
    """What was chosen by stands first."""
    return sorted(made, key=lambda one: one.name != main)

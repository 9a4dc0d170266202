"""Alarms: thresholds for a stated rate of false ones, and what detectors are worth.

Statistics and scores are larger the less usual a row is; truth is true where a row is anomalous.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.intervals import NORMAL_95, wilson

Numbers = NDArray[np.float64]
Truths = NDArray[np.bool_]
ROUNDING = 1e-5
"""Share by which thresholds are raised: a tie must not become an alarm by single precision."""
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def joint_thresholds(statistics: Numbers, rate: float) -> Numbers:
    """Thresholds so that a new usual row is over some of them with probability `rate` at most.

    Each statistic is over its own threshold equally often, and together they are as often as
    stated: the rows' largest ranks are cut at the conformal quantile, the `ceil((n + 1)(1 - rate))`
    smallest (Vovk, Gammerman and Shafer, 2005).

    Args:
        statistics: `(rows, statistics)` of usual rows that the detector was not fitted on.
        rate: 0 to 1, neither of them.

    Raises:
        InvalidInput: there are too few rows to tell so small a rate.
    """
    rows = len(statistics)
    place = ceil((rows + 1) * (1 - rate))
    if place > rows:
        raise InvalidInput(
            f"{rows} usual rows cannot tell a false-alarm rate of {rate:g}: give at least "
            f"{ceil(1 / rate) - 1}, or allow more false alarms"
        )
    ordered = np.sort(statistics, axis=0)
    ranks = np.column_stack(
        [
            np.searchsorted(ordered[:, one], statistics[:, one], side="right")
            for one in range(statistics.shape[1])
        ]
    )
    level = np.sort(ranks.max(axis=1))[place - 1]
    return np.asarray(np.maximum(ordered[level - 1] * (1 + ROUNDING), _LEAST))


def share(count: int, total: int) -> Bounded:
    """A share of independent rows, with Wilson's interval (1927).

    Raises:
        InvalidInput: there are no rows.
    """
    if total < 1:
        raise InvalidInput("there are no rows to take a share of")
    value = count / total
    found = wilson(value, total)
    return Bounded(value, found.low, found.high)


def area_under_roc(scores: Numbers, truth: Truths) -> Bounded:
    """The chance that an anomalous row has a larger score than a usual one; ties count half.

    The interval is DeLong's (Biometrics 44, 1988).

    Raises:
        InvalidInput: the rows are all of one kind.
    """
    positive, negative = _parted(scores, truth)
    above = _share_below(negative, positive)
    below = _share_below(positive, negative)
    value = float(above.mean())
    variance = _variance_of_mean(above) + _variance_of_mean(below)
    half = NORMAL_95 * sqrt(variance)
    return Bounded(value, max(0.0, value - half), min(1.0, value + half))


def average_precision(scores: Numbers, truth: Truths) -> Bounded:
    """The area under the precision-recall curve as a sum over its steps.

    The interval is binomial in the logit (Boyd, Eng and Page, ECML 2013).

    Raises:
        InvalidInput: the rows are all of one kind.
    """
    positive, _ = _parted(scores, truth)
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits, taken = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    # divided at last: whole numbers add up to exactly 1 where no row stands wrong
    value = float(np.diff(hits, prepend=0) @ (hits / taken)) / len(positive)
    if not 0 < value < 1:
        return Bounded(
            value, *((share(len(positive), len(positive)).low, 1.0) if value else (0, 0))
        )
    middle = log(value / (1 - value))
    half = NORMAL_95 / sqrt(len(positive) * value * (1 - value))
    return Bounded(value, _logistic(middle - half), _logistic(middle + half))


@dataclass(frozen=True, slots=True)
class Delays:
    """How soon events were noticed; an event is a run of anomalous rows that follow each other.

    Attributes:
        events: how many there were.
        found: rows from the first of an event to its first alarm, of the events that had one.
    """

    events: int
    found: tuple[int, ...]


def detection_delays(alarms: Truths, truth: Truths, runs: NDArray[np.int64]) -> Delays:
    """The delays over rows in their order; an event ends where its run does.

    Args:
        alarms: `(rows,)`.
        truth: `(rows,)`.
        runs: `(rows,)`: the run that each row belongs to.
    """
    events = list(_events(truth, runs))
    found = [
        int(np.argmax(alarms[first:last])) for first, last in events if alarms[first:last].any()
    ]
    return Delays(len(events), tuple(found))


def _events(truth: Truths, runs: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """The first row of each event, and the one after its last."""
    if not len(truth):
        return
    borders = np.flatnonzero((np.diff(truth.astype(np.int8)) != 0) | (np.diff(runs) != 0)) + 1
    edges = [0, *borders.tolist(), len(truth)]
    for first, last in pairwise(edges):
        if truth[first]:
            yield first, last


def _parted(scores: Numbers, truth: Truths) -> tuple[Numbers, Numbers]:
    positive, negative = scores[truth], scores[~truth]
    if not len(positive) or not len(negative):
        raise InvalidInput("the rows are all of one kind: detectors cannot be told apart by them")
    return positive, negative


def _share_below(those: Numbers, of: Numbers) -> Numbers:
    """For each value the share of `those` that are below it; ties count half."""
    ordered = np.sort(those)
    below = np.searchsorted(ordered, of, side="left")
    up_to = np.searchsorted(ordered, of, side="right")
    return np.asarray((below + up_to) / (2 * len(ordered)))


def _variance_of_mean(values: Numbers) -> float:
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else 0.0


def _logistic(value: float) -> float:
    risen = exp(-abs(value))  # never overflows
    return (1 if value >= 0 else risen) / (1 + risen)

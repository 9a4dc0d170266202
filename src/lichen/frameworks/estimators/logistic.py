"""Logistic regression: of two classes and of several, with L2, L1, or both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.linear_core import Scaling, linear_core_of, scaling_of
from lichen.frameworks.estimators.minimising import (
    Floats,
    largest_variance,
    least_smooth,
    least_sparse,
)
from lichen.frameworks.estimators.rows import Rows, check_settings, checked, number_in

_SMOOTH_STEPS, _SMOOTH_TOLERANCE = 500, 1e-6
_SPARSE_STEPS, _SPARSE_TOLERANCE = 2000, 1e-5
LARGEST_WORK = 4_000_000_000
"""Rows x features x outputs: a step over more takes seconds, and hundreds are needed."""
_SINGLE_PRECISION_FROM = 20_000_000
_SMALLEST_PENALTY = 1e-8
"""Keeps weights finite where classes can be told apart wholly."""


class Logistic:
    """`mean(-log p(class)) + l1 |w| + l2/2 |w|^2` over scaled features.

    Settings: `l1` and `l2`, the penalties (0, and 1 / rows, where they are not given); `scale`,
    whether each feature is divided by its own
    deviation, or all by one (true).
    """

    name = "logistic"
    takes_missing = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:  # noqa: ARG002 - nothing is drawn
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("l1", "l2", "scale"))
        rows = checked(examples)
        refuse_numbers(rows, self.name)
        if rows.features.size * rows.fitted_outputs > LARGEST_WORK:
            raise InvalidInput(
                f"{self.name} on {len(rows.target)} rows of {rows.features.shape[1]} features "
                "takes minutes: choose logistic-sgd, or fewer features"
            )
        scaling = scaling_of(rows)
        if not settings.get("scale", True):
            scaling = scaling.common()
        l1 = number_in(settings, "l1", 0.0)
        l2 = max(number_in(settings, "l2", 1 / len(rows.target)), _SMALLEST_PENALTY)
        loss = _loss(rows, scaling, l2)
        width, outputs = rows.features.shape[1], rows.fitted_outputs
        start = np.zeros((width + 1, outputs))
        start[-1] = _log_odds(rows)
        if l1:
            curvature = largest_variance(loss.scaled, rows.shares) + 1
            curvature = curvature * (0.25 if outputs == 1 else 0.5) + l2
            penalty = np.full((width + 1, 1), l1)
            penalty[-1] = 0
            limits = (_SPARSE_STEPS, _SPARSE_TOLERANCE, curvature)
            found = least_sparse(loss, penalty, start, limits, pause)
        else:
            found = least_smooth(loss, start, _SMOOTH_STEPS, _SMOOTH_TOLERANCE, pause)
        return linear_core_of(rows, scaling, found[:-1], found[-1])


def refuse_numbers(rows: Rows, name: str) -> None:
    """Refuse a target of numbers.

    Raises:
        InvalidInput: it is one.
    """
    if not rows.classes:
        raise InvalidInput(f"{name} predicts classes: choose linear for numbers")


def _log_odds(rows: Rows) -> Floats:
    """The bias that says how frequent each class is."""
    frequency = np.bincount(rows.target.astype(np.int64), weights=rows.shares)
    logs = np.log(frequency)
    return logs[1:] - logs[:1] if rows.fitted_outputs == 1 else logs - logs.mean()


def _loss(rows: Rows, scaling: Scaling, l2: float) -> "_Loss":
    scaled: NDArray[np.floating] = scaling.applied(rows.features)
    if scaled.size > _SINGLE_PRECISION_FROM:
        scaled = scaled.astype(np.float32)
    return _Loss(scaled, wanted_of(rows), rows.shares, l2)


def wanted_of(rows: Rows) -> Floats:
    """1 for the class of each row, 0 else: a column a class, of two only the second's."""
    wanted = rows.target[:, None] == np.arange(len(rows.present))
    chosen: Floats = (wanted[:, 1:] if rows.fitted_outputs == 1 else wanted).astype(np.float64)
    return chosen


def chances_of(scores: Floats) -> Floats:
    """The probabilities of scores `(rows, outputs)`: of one output that of the second class."""
    nothing = np.zeros_like(scores)
    return (_of_two if scores.shape[1] == 1 else _of_several)(scores, nothing)[1]


@dataclass(frozen=True, slots=True)
class _Loss:
    """The loss and its gradient at weights `(features + 1, outputs)`, the bias last."""

    scaled: NDArray[np.floating]
    wanted: Floats
    shares: Floats
    l2: float

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        scores = self.scaled @ weights[:-1].astype(self.scaled.dtype) + weights[-1]
        if self.wanted.shape[1] == 1:
            losses, chances = _of_two(scores, self.wanted)
        else:
            losses, chances = _of_several(scores, self.wanted)
        wrong = (chances - self.wanted) * self.shares[:, None]
        slope = np.empty_like(weights)
        slope[:-1] = self.scaled.T @ wrong.astype(self.scaled.dtype) + self.l2 * weights[:-1]
        slope[-1] = wrong.sum(axis=0)
        penalty = self.l2 / 2 * float(np.vdot(weights[:-1], weights[:-1]))
        return float(self.shares @ losses) + penalty, slope


def _of_two(scores: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    small = np.exp(-np.abs(scores))
    chances = np.where(scores >= 0, 1, small) / (1 + small)
    losses = np.log1p(small) + np.maximum(scores, 0) - wanted * scores
    return losses[:, 0], chances


def _of_several(scores: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    scores = scores - scores.max(axis=1, keepdims=True)
    powers = np.exp(scores)
    total = powers.sum(axis=1, keepdims=True)
    losses = np.log(total[:, 0]) - (scores * wanted).sum(axis=1)
    return losses, powers / total

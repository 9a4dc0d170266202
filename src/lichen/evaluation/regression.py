"""Scores of predicted numbers, each with unit and direction; the same figures as scikit-learn's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.scores import Direction

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What was predicted beside what was true.

    Attributes:
        truth: `(rows,)`.
        predicted: `(rows,)`.
        weights: `(rows,)`, not negative; None: each row alike.
    """

    truth: Floats
    predicted: Floats
    weights: Floats | None = None


def mean_squared_error(said: Predictions) -> float:
    """Mean squared error, in the square of the target's unit."""
    return _mean(np.square(said.predicted - said.truth), said)


def root_mean_squared_error(said: Predictions) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(mean_squared_error(said)))


def mean_absolute_error(said: Predictions) -> float:
    """Mean absolute error, in the target's unit."""
    return _mean(np.abs(said.predicted - said.truth), said)


def r2(said: Predictions) -> float:
    """Share of the variance that is explained: 1 is perfect, 0 no better than the mean.

    Raises:
        InvalidInput: the truth does not vary.
    """
    centre = float(np.average(said.truth, weights=said.weights))
    variance = _mean(np.square(said.truth - centre), said)
    if variance == 0:
        raise InvalidInput("the target does not vary among the rows to score: there is no R2")
    return 1.0 - mean_squared_error(said) / variance


def pinball_loss(said: Predictions, level: float = 0.5) -> float:
    """Mean pinball loss of a quantile at `level` (Koenker and Bassett, 1978), in its unit."""
    error = said.truth - said.predicted
    return _mean(np.maximum(level * error, (level - 1) * error), said)


SCORES: Mapping[str, tuple[Callable[[Predictions], float], Direction]] = {
    "RMSE": (root_mean_squared_error, Direction.LOWER),
    "MAE": (mean_absolute_error, Direction.LOWER),
    "R2": (r2, Direction.HIGHER),
    "MSE": (mean_squared_error, Direction.LOWER),
    "pinball": (pinball_loss, Direction.LOWER),
}
"""By name: how it is computed, and which way is better; the pinball loss is of the median."""


def unit_of_score(name: str, unit: str | None) -> str | None:
    """The unit of a score of a target in `unit`."""
    if unit is None or name == "R2":
        return None
    return f"({unit})^2" if name == "MSE" else unit


def _mean(losses: Floats, said: Predictions) -> float:
    return float(np.average(losses, weights=said.weights))

"""Linear and logistic regression by gradient descent: on all rows at once, or row by row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.linear import refuse_classes
from lichen.frameworks.estimators.linear_core import Floats, linear_core_of, scaling_of
from lichen.frameworks.estimators.logistic import chances_of, refuse_numbers, wanted_of
from lichen.frameworks.estimators.minimising import largest_variance
from lichen.frameworks.estimators.rows import (
    Rows,
    check_settings,
    checked,
    number_in,
    standard_of,
    whole_in,
)

_ROWS_SEEN = 500_000
"""After so many the descent has found its place, as a rule."""


class LinearGradientDescent:
    """Ridge regression by gradient descent on all rows, with Nesterov's momentum, restarted.

    Settings: `epochs`, the most steps; `learning_rate`, of scaled features, 0: the inverse of the
    largest curvature; `l2`, as of `linear`; `tolerance`, the slope at which it stops.
    """

    name = "linear-gd"
    takes_missing = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:  # noqa: ARG002 - nothing is drawn
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("epochs", "learning_rate", "l2", "tolerance"))
        rows = checked(examples)
        refuse_classes(rows, self.name)
        scaling = scaling_of(rows)
        scaled = scaling.applied(rows.features)
        l2 = number_in(settings, "l2", 0.0)
        rate = number_in(settings, "learning_rate", 0.0)
        rate = rate or 1 / (largest_variance(scaled, rows.shares) + l2)
        epochs = whole_in(settings, "epochs", 2000)
        tolerance = number_in(settings, "tolerance", 1e-7)
        mean = rows.shares @ rows.target
        target = rows.target - mean
        enough = tolerance * (float(np.sqrt(rows.shares @ target**2)) or 1.0)
        weights = ahead = np.zeros(scaled.shape[1])
        momentum = 1.0
        for _ in range(epochs):
            pause()
            slope = scaled.T @ (rows.shares * (scaled @ ahead - target)) + l2 * ahead
            moved = ahead - rate * slope
            if np.abs(slope).max() <= enough:
                weights = moved
                break
            if slope @ (moved - weights) > 0:
                momentum = 1.0
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = moved + (momentum - 1) / following * (moved - weights)
            weights, momentum = moved, following
        if not np.isfinite(weights).all():
            raise InvalidInput(
                f"the descent ran away: learning_rate {rate:g} is too large; leave it out, and the "
                "largest safe one is taken"
            )
        return linear_core_of(rows, scaling, weights[:, None], np.array([mean]))


class StochasticDescent:
    """Linear or logistic regression by descent on a few rows at a time, its weights averaged.

    The averaging is Polyak and Juditsky's (1992), over the later half of the passes.

    Settings: `epochs`, passes over the rows (0: as many as half a million rows take, 10 to 200);
    `batch_size`, rows a step; `learning_rate`, of the first pass, falling to a tenth (the inverse
    of the mean curvature of a row where it is not given); `l2`, the penalty of the mean loss.
    """

    takes_missing = False

    def __init__(self, name: str, *, of_classes: bool) -> None:
        """Of classes, or of numbers."""
        self.name = name
        self._of_classes = of_classes

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("epochs", "batch_size", "learning_rate", "l2"))
        rows = checked(examples)
        (refuse_numbers if self._of_classes else refuse_classes)(rows, self.name)
        scaling = scaling_of(rows)
        centre, size = standard_of(rows)
        count = len(rows.target)
        epochs = whole_in(settings, "epochs", 0, 0)
        march = _March(
            scaled=scaling.applied(rows.features),
            wanted=_wanted(rows, centre, size),
            weights=rows.shares * count,
            of_classes=self._of_classes,
            l2=number_in(settings, "l2", 1e-5),
            batch=min(whole_in(settings, "batch_size", 32), count),
        )
        epochs = epochs or int(np.clip(_ROWS_SEEN // count, 10, 200))
        usual = (2 if self._of_classes else 0.5) / (1 + np.count_nonzero(scaling.scale))
        rate = number_in(settings, "learning_rate", usual, 1e-12)
        found = march.averaged(epochs, rate, np.random.default_rng(seed), pause)
        if not np.isfinite(found).all():
            raise InvalidInput(f"the descent ran away: learning_rate {rate:g} is too large")
        return linear_core_of(rows, scaling, found[:-1] * size, found[-1] * size + centre)


@dataclass(frozen=True, slots=True, kw_only=True)
class _March:
    """Scaled rows, what is wanted of them, and how a step is taken."""

    scaled: Floats
    wanted: Floats
    weights: Floats
    of_classes: bool
    l2: float
    batch: int

    def averaged(
        self, epochs: int, rate: float, random: np.random.Generator, pause: Pause
    ) -> Floats:
        """The mean of the weights over the later half of the passes, the bias last."""
        point = np.zeros((self.scaled.shape[1] + 1, self.wanted.shape[1]))
        total, counted = np.zeros_like(point), 0
        for epoch in range(epochs):
            pause()
            order = random.permutation(len(self.scaled))
            step = rate * 0.1 ** (epoch / epochs)
            for start in range(0, len(order), self.batch):
                point = self._moved(point, order[start : start + self.batch], step)
                if 2 * epoch >= epochs:
                    total += point
                    counted += 1
        return total / counted

    def _moved(self, point: Floats, places: NDArray[np.int64], step: float) -> Floats:
        drawn = self.scaled[places]
        scores = drawn @ point[:-1] + point[-1]
        said = chances_of(scores) if self.of_classes else scores
        wrong = (said - self.wanted[places]) * (self.weights[places] / len(places))[:, None]
        moved = point.copy()
        moved[:-1] -= step * (drawn.T @ wrong + self.l2 * point[:-1])
        moved[-1] -= step * wrong.sum(axis=0)
        return moved


def _wanted(rows: Rows, centre: float, size: float) -> Floats:
    """The standardised target, or 1 for the class of each row."""
    if not rows.classes:
        return ((rows.target - centre) / size)[:, None]
    return wanted_of(rows)

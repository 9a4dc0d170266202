"""Linear quantile regression: the pinball loss, its corner rounded off so that it has a slope."""

import math
from dataclasses import dataclass

import numpy as np

from lichen.frameworks.estimation import Pause
from lichen.frameworks.estimators.minimising import Floats, least_smooth

_STEPS, _TOLERANCE = 500, 1e-6
_NARROWEST = 0.02


@dataclass(frozen=True, slots=True)
class Pinball:
    """`mean(max(q u, (q - 1) u)) + l2/2 |w|^2` of `u = y - b - z w`.

    Within `width` of 0 it is a parabola (He, Pan, Tan and Zhou, 2021, with a uniform kernel).

    Attributes:
        scaled: `(rows, features)`.
        target: standardised.
        shares: of the rows, their sum 1.
        quantile: over 0 and under 1.
        l2: the penalty.
        width: of the rounding, in deviations of the target.
    """

    scaled: Floats
    target: Floats
    shares: Floats
    quantile: float
    l2: float
    width: float

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        """The loss and its slope at `(features + 1,)`, the bias last."""
        left = self.target - self.scaled @ weights[:-1] - weights[-1]
        inside = np.clip(left, -self.width, self.width)
        # half |u| rounded, and the tilt of the quantile
        half = np.abs(left) / 2 + (self.width - np.abs(inside)) ** 2 / (4 * self.width)
        loss = half + (self.quantile - 0.5) * left
        tilt = self.shares * (inside / (2 * self.width) + self.quantile - 0.5)
        slope = np.empty_like(weights)
        slope[:-1] = self.l2 * weights[:-1] - self.scaled.T @ tilt
        slope[-1] = -tilt.sum()
        penalty = self.l2 / 2 * float(weights[:-1] @ weights[:-1])
        return float(self.shares @ loss) + penalty, slope


def rounding(rows: int, features: int) -> float:
    """The width that costs no more than chance does."""
    return max(_NARROWEST, math.pow((features + math.log(rows)) / rows, 0.4) / 4)


def fitted_quantile(loss: Pinball, pause: Pause) -> tuple[Floats, float]:
    """Weights and bias of the quantile: as many rows lie under it as there should."""
    start = np.zeros(loss.scaled.shape[1] + 1)
    start[-1] = quantile_of(loss.target, loss.shares, loss.quantile)
    weights = least_smooth(loss, start, _STEPS, _TOLERANCE, pause)[:-1]
    return weights, quantile_of(loss.target - loss.scaled @ weights, loss.shares, loss.quantile)


def quantile_of(values: Floats, shares: Floats, quantile: float) -> float:
    """The value that rows of this share of the weight do not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(shares[order])
    place = int(np.searchsorted(reached, quantile))
    return float(values[order[min(place, len(order) - 1)]])

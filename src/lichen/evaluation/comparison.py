"""Is A better than B: paired bootstrap over blocks, and the Diebold-Mariano test."""

from dataclasses import dataclass
from math import erfc, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Floats = NDArray[np.floating[Any]]

FEWEST_FORECASTS = 8


@dataclass(frozen=True, slots=True)
class Comparison:
    """The mean loss of A less that of B: below 0, A is better.

    Attributes:
        difference: mean of the paired differences, in the unit of the losses.
        low: 5 % bound of it, by block bootstrap.
        high: 95 % bound of it.
        p_value: two-sided, of Diebold and Mariano (1995) with the small-sample correction of
            Harvey, Leybourne and Newbold (1997), on the normal distribution.
    """

    difference: float
    low: float
    high: float
    p_value: float

    @property
    def settled(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def compare(
    losses_a: Floats, losses_b: Floats, *, overlap: int = 1, seed: int = 0, draws: int = 2000
) -> Comparison:
    """A against B on the same forecasts, in order of time.

    Args:
        losses_a: `(forecasts,)`, one loss each.
        losses_b: those of B on the same forecasts.
        overlap: how many consecutive forecasts share truths or weather: block length of the
            bootstrap, and lags of the variance.
        seed: of the bootstrap's draws.
        draws: how many.

    Raises:
        InvalidInput: the two do not pair up, or are too few.
    """
    if losses_a.shape != losses_b.shape or losses_a.ndim != 1:
        raise InvalidInput(f"losses do not pair up: {losses_a.shape} against {losses_b.shape}")
    if len(losses_a) < max(FEWEST_FORECASTS, 2 * overlap):
        raise InvalidInput(f"{len(losses_a)} forecasts are too few to compare two models on")
    differences = losses_a - losses_b
    low, high = _block_bootstrap(differences, overlap, seed, draws)
    return Comparison(float(differences.mean()), low, high, _diebold_mariano(differences, overlap))


def _block_bootstrap(differences: Floats, block: int, seed: int, draws: int) -> tuple[float, float]:
    """5 % and 95 % bounds of the mean, from circular blocks."""
    count = len(differences)
    generator = np.random.default_rng(seed)
    starts = generator.integers(0, count, size=(draws, -(-count // block)))
    places = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :count] % count
    low, high = np.quantile(differences[places].mean(axis=1), (0.05, 0.95))
    return float(low), float(high)


def _diebold_mariano(differences: Floats, overlap: int) -> float:
    """Two-sided p-value that the mean difference is 0; 1 where there is no difference at all."""
    count = len(differences)
    centred = differences - differences.mean()
    variance = float(centred @ centred) / count
    for lag in range(1, overlap):
        weight = 1.0 - lag / overlap
        variance += 2 * weight * float(centred[lag:] @ centred[:-lag]) / count
    if variance <= 0:
        return 1.0 if differences.mean() == 0 else 0.0
    correction = (count + 1 - 2 * overlap + overlap * (overlap - 1) / count) / count
    statistic = float(differences.mean()) / sqrt(variance / count) * sqrt(max(correction, 0.0))
    return erfc(abs(statistic) / sqrt(2.0))

"""How sure a score is: 95 % intervals by the bootstrap, and Wilson's for a share."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

DRAWS = 200
"""Samples of the bootstrap; the ends are then known to about a tenth of the width."""

LEAST_DRAWS = 40
NORMAL_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval, in the unit of its score."""

    low: float
    high: float


def bootstrap(
    score: Callable[[NDArray[np.floating]], float],
    rows: int,
    seed: int = 0,
    weights: NDArray[np.floating] | None = None,
    draws: int = DRAWS,
    blocks: NDArray[np.integer] | None = None,
) -> Interval | None:
    """The percentile bootstrap (Efron, 1979) of a score that takes weights of rows.

    Rows that may be alike are drawn together: whole groups (Davison & Hinkley, 1997, 3.8), or
    stretches of time (Carlstein, 1986).

    Args:
        score: of the rows, given how often each was drawn times its own weight.
        rows: how many there are.
        seed: of the draws.
        weights: of each row; None: all alike.
        draws: how many samples.
        blocks: the number of what each row is drawn with, from 0; None: each row is drawn alone.

    Returns:
        None where too few samples could be scored, as when nearly all rows are of one class.
    """
    generator = np.random.default_rng(seed)
    own = np.ones(rows) if weights is None else weights
    found: list[float] = []
    of_rows = np.arange(rows) if blocks is None else blocks
    units = int(of_rows.max(initial=-1)) + 1
    for _ in range(draws):
        drawn = np.bincount(generator.integers(0, units, units), minlength=units)[of_rows]
        try:
            found.append(score(drawn * own))
        except (InvalidInput, ZeroDivisionError):  # a sample of one class, or of no weight
            continue
    if len(found) < LEAST_DRAWS:
        return None
    low, high = np.quantile(found, (0.025, 0.975))
    return Interval(float(low), float(high))


def wilson(share: float, rows: float) -> Interval:
    """Of a share of `rows` independent rows (Wilson, 1927): honest also near 0 and 1."""
    squared = NORMAL_95**2
    centre = (share + squared / (2 * rows)) / (1 + squared / rows)
    spread = sqrt(share * (1 - share) / rows + squared / (4 * rows * rows))
    half = NORMAL_95 * spread / (1 + squared / rows)
    low = 0.0 if share == 0 else max(0.0, centre - half)
    return Interval(low, 1.0 if share == 1 else min(1.0, centre + half))


def share_interval(
    share: float,
    score: Callable[[NDArray[np.floating]], float],
    weights: NDArray[np.floating],
    blocks: NDArray[np.integer] | None = None,
) -> Interval:
    """Of a share of rows: Wilson's where they are independent, else by drawing whole blocks.

    Where all blocks are right, or all wrong, drawing them says nothing: then Wilson's of so many
    blocks.

    Args:
        share: the share.
        score: the share of the rows, given weights.
        weights: of each row.
        blocks: as of `bootstrap`.
    """
    if blocks is None:
        return wilson(share, effective_rows(weights))
    within = bootstrap(score, len(weights), 0, weights, DRAWS, blocks)
    if within is None or within.low == within.high:
        return wilson(share, int(blocks.max(initial=0)) + 1)
    return within


def effective_rows(weights: NDArray[np.floating]) -> float:
    """How many rows of equal weight tell as much: `(sum w)^2 / sum w^2` (Kish, 1965)."""
    return float(weights.sum() ** 2 / np.square(weights).sum())

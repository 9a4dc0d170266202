"""Integrated gradients, the path halved where the gradient does not yet say how the score changes.

Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks": the contribution of an
input is how far it is from its baseline, times the mean gradient on the straight way there. Here
each stretch of the way is held against the change of the score across it, which is known exactly,
so that the gradients go where the network bends.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Gradients = Callable[[Floats], tuple[Floats, Floats]]
"""Rows to their scores `(rows,)`, and the gradients of these, shaped as the rows."""

CLOSENESS = 1e-3
"""What the contributions' sum may be off, as a share of the change that is explained."""
STEADINESS = 0.05
"""What the stretches may be off in all, each without its sign, as such a share."""
FIRST_STRETCHES = 8
MOST_GRADIENTS = 2048
NUMBERS_AT_ONCE = 1 << 18
"""Of the rows that are differentiated together: what is kept on the way stays small."""
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Integrated:
    """What one row's inputs contributed to one score.

    Attributes:
        contributions: shaped as the row.
        base: the score of the baseline.
        prediction: the score of the row.
        gradients: how many were taken.
        gap: how far their sum is from the change of the score.
    """

    contributions: Floats
    base: float
    prediction: float
    gradients: int
    gap: float


def integrated(
    model: Gradients, row: Floats, baseline: Floats, most: int = MOST_GRADIENTS
) -> Integrated:
    """What each number of a row contributed to its score, beside a baseline of the same shape.

    Args:
        model: scores and their gradients.
        row: one row, without the dimension of rows.
        baseline: what stands for nothing.
        most: gradients to take at most.
    """
    way = row - baseline
    ends = np.linspace(0.0, 1.0, FIRST_STRETCHES + 1)
    scores, _ = _along(model, baseline, way, ends)
    taken = len(ends)
    stretches = _measured(model, baseline, way, _Stretches.between(ends, scores))
    taken += len(stretches.middle)
    first, last = float(scores[0]), float(scores[-1])
    least = max(_LEAST * max(abs(first), abs(last)), 1e-12)
    close, steady = (max(share * abs(last - first), least) for share in (CLOSENESS, STEADINESS))
    while abs(stretches.gaps.sum()) > close or np.abs(stretches.gaps).sum() > steady:
        worst = stretches.worst((most - taken) // 2)
        if not len(worst):
            break
        halves = _measured(model, baseline, way, stretches.halved(worst))
        taken += len(halves.middle)
        stretches = stretches.replaced(worst, halves)
    mean = np.tensordot(stretches.width, stretches.slope, axes=1)
    return Integrated(way * mean, first, last, taken, abs(float(stretches.gaps.sum())))


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Stretches of the way, each with what was found in its middle.

    `start`, `end` are places from 0 to 1, `low` and `high` the scores there; `middle` the score
    and `slope` the gradient half way, empty before they were measured.
    """

    start: Floats
    end: Floats
    low: Floats
    high: Floats
    middle: Floats
    slope: Floats
    gaps: Floats

    @classmethod
    def between(cls, ends: Floats, scores: Floats) -> "_Stretches":
        none = np.empty(0)
        return cls(ends[:-1], ends[1:], scores[:-1], scores[1:], none, none, none)

    @property
    def width(self) -> Floats:
        return self.end - self.start

    def worst(self, most: int) -> NDArray[np.int64]:
        """The half of them that is off by most, the worst first."""
        count = min(max(most, 0), -(-len(self.gaps) // 2))
        return np.argsort(-np.abs(self.gaps), kind="stable")[:count]

    def halved(self, chosen: NDArray[np.int64]) -> "_Stretches":
        """Both halves of some."""
        half = (self.start[chosen] + self.end[chosen]) / 2
        none = np.empty(0)
        return _Stretches(
            np.concatenate([self.start[chosen], half]),
            np.concatenate([half, self.end[chosen]]),
            np.concatenate([self.low[chosen], self.middle[chosen]]),
            np.concatenate([self.middle[chosen], self.high[chosen]]),
            none,
            none,
            none,
        )

    def replaced(self, gone: NDArray[np.int64], by: "_Stretches") -> "_Stretches":
        """Without some, and others in their place."""
        names = ("start", "end", "low", "high", "middle", "slope", "gaps")
        return _Stretches(
            *(
                np.concatenate([np.delete(getattr(self, name), gone, axis=0), getattr(by, name)])
                for name in names
            )
        )


def _measured(model: Gradients, baseline: Floats, way: Floats, among: _Stretches) -> _Stretches:
    """The stretches with score and gradient in their middles, and what each is off."""
    scores, slopes = _along(model, baseline, way, (among.start + among.end) / 2)
    along = slopes.reshape(len(slopes), -1) @ way.ravel()
    gaps = among.high - among.low - along * among.width
    return _Stretches(among.start, among.end, among.low, among.high, scores, slopes, gaps)


def _along(
    model: Gradients, baseline: Floats, way: Floats, places: Floats
) -> tuple[Floats, Floats]:
    """Scores and gradients at some places of the way."""
    step = max(1, NUMBERS_AT_ONCE // max(way.size, 1))
    found = [
        model(baseline + part.reshape(-1, *(1,) * way.ndim) * way)
        for part in (places[first : first + step] for first in range(0, len(places), step))
    ]
    return np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])

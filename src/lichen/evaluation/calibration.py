"""Make scores into probabilities that mean what they say, and tell how far they do."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

ROUNDS = 50
HALVINGS = 20
TIGHTNESS = 1e-9
MOST_VECTOR_CLASSES = 30
"""With more classes than this one slope serves all (temperature): each would see too few rows."""
PRIOR_ROWS = 5.0
"""The scores as they are count as so many rows' worth of evidence."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """`softmax(slopes * score + offsets)`; of one column the logistic function of it."""

    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def probability(self, scores: Floats) -> NDArray[np.float64]:
        """`(rows, classes)` of scores `(rows, columns)`; one column gives two classes."""
        moved = np.asarray(scores * np.array(self.slopes) + np.array(self.offsets))
        if moved.shape[1] == 1:
            moved = np.column_stack([np.zeros(len(moved)), moved])
        moved -= moved.max(axis=1, keepdims=True)
        risen = np.exp(moved)
        return np.asarray(risen / risen.sum(axis=1, keepdims=True))


def fit_scaling(
    scores: Floats,
    truth: NDArray[np.int64],
    weights: Floats | None = None,
    *,
    is_shared: bool = False,
) -> Scaling:
    """Platt (1999) for one column, vector scaling (Guo et al., 2017) for more, by Newton's method.

    Args:
        scores: `(rows, columns)` of rows that were not fitted on: logits, or logarithms of
            probabilities; one column is of the second of two classes.
        truth: `(rows,)` numbers of classes.
        weights: of rows; None: all alike.
        is_shared: whether one slope serves all classes, which changes no answer (temperature).
    """
    columns = scores.shape[1]
    is_shared = columns > 1 and (is_shared or columns > MOST_VECTOR_CLASSES)
    design = _shared(columns) if is_shared else np.eye(2 * columns)
    start = np.r_[np.ones(columns), np.zeros(columns)]
    free: Floats = np.zeros(design.shape[1])
    weight = np.ones(len(truth)) if weights is None else weights / weights.mean()
    sample = _Sample(scores, truth, weight, start, design)
    loss = sample.loss(free)
    for _ in range(ROUNDS):
        free, found = _step(sample, free, loss)
        if loss - found < TIGHTNESS * len(truth):
            break
        loss = found
    kept = start + design @ free
    return Scaling(tuple(map(float, kept[:columns])), tuple(map(float, kept[columns:])))


def unflattered(
    scores: Floats,
    truth: NDArray[np.int64],
    weights: Floats | None = None,
    *,
    is_shared: bool = False,
) -> NDArray[np.float64]:
    """Probabilities `(rows, classes)` of each row by a scaling that was not fitted on it.

    A scaling flatters the rows that it was fitted on, and conformal sets by these would hold the
    truth less often than they say: each half of the rows is asked by what fits the other half.
    """
    halves = np.arange(len(truth)) % 2
    found = np.empty((len(truth), max(scores.shape[1], 2)))
    for half in (0, 1):
        mine, others = halves == half, halves != half
        weight = None if weights is None or not weights[others].any() else weights[others]
        scaling = fit_scaling(scores[others], truth[others], weight, is_shared=is_shared)
        found[mine] = scaling.probability(scores[mine])
    return found


@dataclass(frozen=True, slots=True)
class _Sample:
    """What the scaling is fitted on, and which of its parameters are free."""

    scores: Floats
    truth: NDArray[np.int64]
    weight: Floats
    start: Floats
    design: Floats

    def loss(self, free: Floats) -> float:
        """Log loss in all, and the prior's."""
        given = self._scaling(free).probability(self.scores)
        of_truth = given[np.arange(len(self.truth)), self.truth]
        fitted = -float(self.weight @ np.log(np.maximum(of_truth, 1e-300)))
        return fitted + PRIOR_ROWS / 2 * float(free @ free)

    def direction(self, free: Floats) -> Floats:
        """Newton's."""
        given = self._scaling(free).probability(self.scores)
        slope, curve = _slope_and_curve(self.scores, self.truth, self.weight, given)
        slope = self.design.T @ slope + PRIOR_ROWS * free
        curve = self.design.T @ curve @ self.design + PRIOR_ROWS * np.eye(len(free))
        return np.asarray(np.linalg.solve(curve, slope))

    def _scaling(self, free: Floats) -> Scaling:
        at = self.start + self.design @ free
        columns = self.scores.shape[1]
        return Scaling(tuple(at[:columns]), tuple(at[columns:]))


def _step(sample: _Sample, free: Floats, loss: float) -> tuple[Floats, float]:
    """A step of Newton's that lowers the loss, halved as often as that takes."""
    direction = sample.direction(free)
    for halvings in range(HALVINGS):
        moved = free - direction / 2**halvings
        found = sample.loss(moved)
        if found < loss:
            return moved, found
    return free, loss


def _shared(columns: int) -> NDArray[np.float64]:
    """One slope for every class, no offsets."""
    return np.asarray(np.r_[np.ones(columns), np.zeros(columns)][:, None], dtype=np.float64)


def _slope_and_curve(
    scores: Floats, truth: NDArray[np.int64], weight: Floats, given: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient and Hessian of the log loss by slopes and offsets."""
    columns = scores.shape[1]
    wanted = np.zeros_like(given)
    wanted[np.arange(len(truth)), truth] = 1.0
    shown = given[:, -columns:]
    error = (shown - wanted[:, -columns:]) * weight[:, None]
    gradient = np.r_[(error * scores).sum(axis=0), error.sum(axis=0)]
    return gradient, _curve(scores, shown, weight)


def _curve(scores: Floats, given: Floats, weight: Floats) -> NDArray[np.float64]:
    """The Hessian: `sum w (diag(p) - p p') (x) [s, 1][s, 1]'`."""
    columns = scores.shape[1]
    both = np.concatenate([given * scores, given], axis=1)
    made = -np.asarray((both * weight[:, None]).T @ both)
    places = np.arange(columns)
    weighed = given * weight[:, None]
    made[places, places] += (weighed * scores * scores).sum(axis=0)
    crossed = (weighed * scores).sum(axis=0)
    made[places, places + columns] += crossed
    made[places + columns, places] += crossed
    made[places + columns, places + columns] += weighed.sum(axis=0)
    return made


def calibration_error(of_answer: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al., 2015): how far confidence is from being right.

    Args:
        of_answer: `(rows,)` probability given to the class that was answered.
        right: `(rows,)` whether it was right.
        bins: of equal width in probability.
    """
    which = np.minimum((of_answer * bins).astype(np.int64), bins - 1)
    rows = np.bincount(which, minlength=bins)
    said = np.bincount(which, of_answer, bins)
    true = np.bincount(which, right, bins)
    return float(np.abs(said - true).sum() / max(rows.sum(), 1))

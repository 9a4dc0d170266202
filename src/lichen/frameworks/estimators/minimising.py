"""Find the least of a convex function: L-BFGS where it is smooth, FISTA where a part is |w|."""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.estimation import Pause

Floats = NDArray[np.float64]
Smooth = Callable[[Floats], tuple[float, Floats]]
"""The value and the gradient at a point."""

_KEPT = 12
_SUFFICIENT = 1e-4
_HALVINGS = 30
_FEW_FEATURES = 256
"""Up to so many, their products are summed and the largest variance is found exactly."""
_DIRECTIONS = 4
_ROWS_AT_ONCE = 4096


def least_smooth(of: Smooth, start: Floats, steps: int, tolerance: float, pause: Pause) -> Floats:
    """Where a smooth function is least: L-BFGS (Liu and Nocedal, 1989) with halved steps.

    Args:
        of: the function.
        start: where to begin.
        steps: the most steps.
        tolerance: the largest slope at which it stops.
        pause: called before each step.
    """
    point = start
    value, slope = of(point)
    past: deque[tuple[Floats, Floats]] = deque(maxlen=_KEPT)
    for _ in range(steps):
        pause()
        if np.abs(slope).max() <= tolerance:
            break
        direction = -_inverse_times(past, slope)
        descent = float(np.vdot(slope, direction))
        if descent >= 0:
            past.clear()
            direction, descent = -slope, -float(np.vdot(slope, slope))
        found = _step(of, point, value, direction, descent)
        if found is None:
            break
        moved, new_value, new_slope = found
        change, bend = moved - point, new_slope - slope
        if np.vdot(change, bend) > 1e-12 * np.vdot(bend, bend):
            past.append((change, bend))
        point, value, slope = moved, new_value, new_slope
    return point


def _step(
    of: Smooth, point: Floats, value: float, direction: Floats, descent: float
) -> tuple[Floats, float, Floats] | None:
    """The first of halved steps that lowers the value enough; None where none does."""
    length = 1.0
    for _ in range(_HALVINGS):
        moved = point + length * direction
        reached, slope = of(moved)
        if reached <= value + _SUFFICIENT * length * descent:
            return moved, reached, slope
        length /= 2
    return None


def _inverse_times(past: deque[tuple[Floats, Floats]], slope: Floats) -> Floats:
    """The inverse of the curvature that was seen, times the slope."""
    found = slope.copy()
    kept = []
    for change, bend in reversed(past):
        rate = 1 / float(np.vdot(change, bend))
        share = rate * float(np.vdot(change, found))
        found -= share * bend
        kept.append((rate, share))
    if past:
        change, bend = past[-1]
        found *= float(np.vdot(change, bend) / np.vdot(bend, bend))
    for (change, bend), (rate, share) in zip(past, reversed(kept), strict=True):
        found += (share - rate * float(np.vdot(bend, found))) * change
    return found


def least_sparse(
    of: Smooth, penalty: Floats, start: Floats, limits: tuple[int, float, float], pause: Pause
) -> Floats:
    """Where `of(w) + sum(penalty * |w|)` is least: FISTA (Beck and Teboulle, 2009), restarted.

    Args:
        of: the smooth part.
        penalty: of each absolute weight.
        start: where to begin.
        limits: the most steps; the largest change of a weight at which it stops; the largest
            curvature of the smooth part.
        pause: called before each step.
    """
    steps, tolerance, curvature = limits
    point = ahead = start
    momentum = 1.0
    for _ in range(steps):
        pause()
        _, slope = of(ahead)
        moved = ahead - slope / curvature
        moved = np.sign(moved) * np.maximum(np.abs(moved) - penalty / curvature, 0)
        change = moved - point
        if np.abs(change).max() <= tolerance:
            return moved
        if np.vdot(ahead - moved, change) > 0:  # it swings back (O'Donoghue and Candes, 2015)
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * change
        point, momentum = moved, following
    return point


def largest_variance(scaled: NDArray[np.floating], shares: Floats, steps: int = 100) -> float:
    """The largest variance of scaled features in any direction; a twentieth over at most.

    Of many features it is found by power iteration, on several directions at once: one alone may
    be of no variance at all, or lie where only a smaller one is found.
    """
    width = scaled.shape[1]
    most = float(shares @ np.einsum("ij,ij->i", scaled, scaled)) or 1.0
    if width <= _FEW_FEATURES:
        return min(float(np.linalg.eigvalsh(_gram(scaled, shares))[-1]) * (1 + 1e-9), most) or 1.0
    drawn = np.random.default_rng(0).standard_normal((width, _DIRECTIONS))
    directions, found = np.linalg.qr(drawn)[0], 0.0
    for _ in range(steps):
        images = scaled.T @ (shares[:, None] * (scaled @ directions))
        directions, triangle = np.linalg.qr(images)
        size = float(np.linalg.norm(triangle, 2))
        if size <= found * (1 + 1e-4):
            break
        found = size
    return min(1.05 * found, most)


def _gram(scaled: NDArray[np.floating], shares: Floats) -> Floats:
    total = np.zeros((scaled.shape[1], scaled.shape[1]))
    for start in range(0, len(scaled), _ROWS_AT_ONCE):
        some = scaled[start : start + _ROWS_AT_ONCE].astype(np.float64)
        total += some.T @ (shares[start : start + _ROWS_AT_ONCE, None] * some)
    return total

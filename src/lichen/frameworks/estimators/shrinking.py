"""Lasso and elastic net: coordinate descent along a path of penalties."""

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.linear import refuse_classes
from lichen.frameworks.estimators.linear_core import Floats, linear_core_of, scaling_of
from lichen.frameworks.estimators.rows import check_settings, checked, number_in

LARGEST_WIDTH = 2000
_PATH = 40
_WORSE_STEPS = 5
"""So many steps along the path without a better model, and it has been passed."""
_ROUNDS, _PASSES = 50, 100
_TOLERANCE = 1e-4
"""A weight of a scaled feature that moves by this share of the target's deviation has settled."""
_LEAST = 1e-4
"""The least penalty of the path, as a share of the one that leaves no weight."""


class Shrinking:
    """`mean((y - b - z w)^2) / 2 + strength * top * (mix |w| + (1 - mix)/2 |w|^2)`, `z` scaled.

    `top` is the penalty that leaves no weight (Friedman, Hastie and Tibshirani, 2010).

    Settings: `strength`, 0 to 1; without it, the one of the path whose corrected Akaike
    information (Hurvich and Tsai, 1989) is least, weights that are not 0 counting as parameters.
    `mix` of the elastic net: the share of the absolute penalty.
    """

    takes_missing = False

    def __init__(self, name: str, mix: float | None) -> None:
        """Of a fixed mix, or with a setting for it."""
        self.name = name
        self._mix = mix

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:  # noqa: ARG002 - nothing is drawn
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("strength",) if self._mix else ("strength", "mix"))
        rows = checked(examples)
        refuse_classes(rows, self.name)
        width = rows.features.shape[1]
        if width > LARGEST_WIDTH:
            raise InvalidInput(
                f"{self.name} on {width} features takes minutes: choose linear, or fewer features"
            )
        mix = self._mix or number_in(settings, "mix", 0.5, 0.01)
        scaling = scaling_of(rows)
        mean = rows.shares @ rows.target
        root = np.sqrt(rows.shares)
        scaled = scaling.applied(rows.features) * root[:, None]
        pause()
        said = number_in(settings, "strength", 0.0) if "strength" in settings else None
        weights = _descended(scaled, root * (rows.target - mean), min(mix, 1.0), said, pause)
        return linear_core_of(rows, scaling, weights[:, None], np.array([mean]))


def _descended(
    scaled: Floats, target: Floats, mix: float, strength: float | None, pause: Pause
) -> Floats:
    """The weights of scaled rows, whose squares sum to a mean."""
    gram, along = scaled.T @ scaled, scaled.T @ target
    top = float(np.abs(along).max()) / mix
    if top <= 0:
        return np.zeros(len(along))
    lowest = _LEAST if strength is None else max(strength, 1e-9)
    steps = np.logspace(0, np.log10(lowest), _PATH)[1:] if lowest < 1 else np.ones(1)
    enough = _TOLERANCE * float(np.sqrt(target @ target))
    weights = best = np.zeros(len(along))
    least, since = np.inf, 0
    for step in steps:
        pause()
        penalties = (top * step * mix, top * step * (1 - mix))
        weights = coordinate_descent(gram, along, penalties, weights, enough)
        if strength is not None:
            best = weights
            continue
        said = _information(weights, gram, (along, target))
        least, best, since = (said, weights, 0) if said < least else (least, best, since + 1)
        if since > _WORSE_STEPS:
            break
    return best


def coordinate_descent(
    gram: Floats, along: Floats, penalties: tuple[float, float], start: Floats, enough: float
) -> Floats:
    """Where `w gram w / 2 - along w + l1 |w| + l2/2 |w|^2` is least, one weight after the other.

    Only weights that are not 0 are gone over again and again; then all are looked at once, and
    those that should not be 0 join (Friedman, Hastie and Tibshirani, 2010).

    Args:
        gram: of the features with each other.
        along: of the features with the target.
        penalties: l1 and l2.
        start: weights to begin with.
        enough: a pass ends it whose largest move changes answers by no more.
    """
    l1, l2 = penalties
    weights = start.copy()
    left = along - gram @ weights
    own = np.diagonal(gram) + l2
    active = np.flatnonzero(weights)
    for _ in range(_ROUNDS):
        for _ in range(_PASSES):
            largest = 0.0
            for place in active:
                old = weights[place]
                free = left[place] + gram[place, place] * old
                new = max(abs(free) - l1, 0.0) / own[place]
                move = (new if free > 0 else -new) - old
                if move:
                    weights[place] += move
                    left -= move * gram[place]
                    largest = max(largest, abs(move))
            if largest <= enough:
                break
        joining = np.flatnonzero((np.abs(left) > l1 + enough) & (weights == 0) & (own > 0))
        if not len(joining):
            break
        active = np.union1d(np.flatnonzero(weights), joining)
    return weights


def _information(weights: Floats, gram: Floats, known: tuple[Floats, Floats]) -> float:
    """The corrected Akaike information of weights; infinite where there are too few rows."""
    along, target = known
    rows, counted = len(target), np.count_nonzero(weights) + 2
    if rows <= counted + 1:
        return float("inf")
    total = float(target @ target)
    error = total - 2 * float(along @ weights) + float(weights @ gram @ weights)
    correction = 2 * counted * (1 + (counted + 1) / (rows - counted - 1))
    return float(rows * np.log(max(error, 1e-12 * total)) + correction)

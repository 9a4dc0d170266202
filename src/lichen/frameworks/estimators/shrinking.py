"""Lasso and elastic net: coordinate descent along a path of penalties."""

import warnings

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.linear import refuse_classes
from lichen.frameworks.estimators.linear_core import Floats, linear_core_of, scaling_of
from lichen.frameworks.estimators.rows import check_settings, checked, number_in

LARGEST_WIDTH = 5000
_PATH = 40
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
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    gram, along = scaled.T @ scaled, scaled.T @ target
    top = float(np.abs(along).max()) / mix
    if top <= 0:
        return np.zeros(len(along))
    pause()
    lowest = _LEAST if strength is None else max(strength, 1e-9)
    steps = np.logspace(0, np.log10(lowest), _PATH)[1:] if lowest < 1 else np.ones(1)
    rows = len(target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not matter here
        _, path, _ = enet_path(
            scaled,
            target,
            l1_ratio=mix,
            alphas=top * steps / rows,  # it divides by the rows, which the shares did already
            precompute=gram,
            Xy=along,
            max_iter=1000,
            check_input=False,
        )
    pause()
    return np.asarray(path[:, _chosen(path, gram, (along, target)) if strength is None else -1])


def _chosen(path: Floats, gram: Floats, known: tuple[Floats, Floats]) -> int:
    """The place on the path of the least corrected Akaike information."""
    along, target = known
    rows = len(target)
    error = float(target @ target) - 2 * along @ path + np.einsum("ia,ij,ja->a", path, gram, path)
    counted = (path != 0).sum(axis=0) + 2
    left = rows - counted - 1
    usable = left > 0
    correction = 2 * counted * (1 + (counted + 1) / np.where(usable, left, 1))
    noise = np.maximum(error, 1e-12 * float(target @ target))
    return int(np.argmin(np.where(usable, rows * np.log(noise) + correction, np.inf)))

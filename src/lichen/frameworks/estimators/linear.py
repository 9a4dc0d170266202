"""Linear regression in closed form: least squares and ridge, the penalty by cross-validation."""

from dataclasses import dataclass

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.linear_core import Floats, linear_core_of, scaling_of
from lichen.frameworks.estimators.quantile import Pinball, fitted_quantile, rounding
from lichen.frameworks.estimators.rows import (
    Rows,
    check_settings,
    checked,
    number_in,
    quantile_in,
    standard_of,
)

LARGEST_SIDE = 6000
"""Rows or features, whichever are fewer: the equations of more take minutes to solve."""
_LARGEST_SPECTRUM = 2500
_PENALTIES = np.logspace(-6, 2, 33)
_DEFAULT_PENALTY = 1e-3
_NONE_LEFT = 1e-11
"""Directions of less variance than this share of the largest are noise: no weight goes there."""


class Linear:
    """`mean((y - b - z w)^2) + l2 |w|^2` over scaled features `z`, solved exactly.

    Settings: `l2`, the penalty; 0 is least squares, of the least norm where there are several.
    Without it the penalty is chosen by generalised cross-validation (Golub, Heath and Wahba,
    1979), which costs nothing beside the fit. `quantile` of the target to predict instead of its
    mean: the loss is then `quantile.Pinball`'s.
    """

    name = "linear"
    takes_missing = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:  # noqa: ARG002 - nothing is drawn
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("l2", "quantile"))
        rows = checked(examples)
        refuse_classes(rows, self.name)
        quantile = quantile_in(settings, rows)
        if quantile is not None:
            return _of_quantile(rows, quantile, number_in(settings, "l2", 1e-4), pause)
        side = min(rows.features.shape)
        if side > LARGEST_SIDE:
            raise InvalidInput(
                f"{self.name} on {len(rows.target)} rows of {rows.features.shape[1]} features "
                "takes minutes: choose linear-sgd, or fewer features"
            )
        scaling = scaling_of(rows)
        pause()
        mean = rows.shares @ rows.target
        root = np.sqrt(rows.shares)
        scaled = scaling.applied(rows.features)
        scaled *= root[:, None]
        said = number_in(settings, "l2", 0.0) if "l2" in settings else None
        if said is None and side > _LARGEST_SPECTRUM:
            said = _DEFAULT_PENALTY
        pause()
        weights = _solved(scaled, root * (rows.target - mean), said)
        return linear_core_of(rows, scaling, weights[:, None], np.array([mean]))


def _of_quantile(rows: Rows, quantile: float, l2: float, pause: Pause) -> FittedCore:
    scaling = scaling_of(rows)
    centre, size = standard_of(rows)
    scaled = scaling.applied(rows.features)
    width = rounding(*scaled.shape)
    loss = Pinball(scaled, (rows.target - centre) / size, rows.shares, quantile, l2, width)
    weights, bias = fitted_quantile(loss, pause)
    return linear_core_of(rows, scaling, weights[:, None] * size, np.array([bias * size + centre]))


def refuse_classes(rows: Rows, name: str) -> None:
    """Refuse a target of classes.

    Raises:
        InvalidInput: it is one.
    """
    if rows.classes:
        raise InvalidInput(f"{name} predicts numbers: choose logistic for classes")


def _solved(scaled: Floats, target: Floats, l2: float | None) -> Floats:
    """The weights, from the equations of the shorter side of `scaled` `(rows, features)`."""
    count, width = scaled.shape
    is_wide = width > count
    gram = scaled @ scaled.T if is_wide else scaled.T @ scaled
    if l2:
        gram[np.diag_indices_from(gram)] += l2
        known = target if is_wide else scaled.T @ target
        found = np.asarray(np.linalg.solve(gram, known), dtype=np.float64)
        return scaled.T @ found if is_wide else found
    variances, directions = np.linalg.eigh(gram)
    kept = variances > _NONE_LEFT * max(float(variances[-1]), 0.0)
    spectrum = _Spectrum(variances[kept], directions[:, kept])
    along = spectrum.along(scaled, target, is_wide=is_wide)
    penalty = 0.0 if l2 is not None else spectrum.penalty(along, float(target @ target), count)
    inner = along / (spectrum.variances + penalty)
    if not is_wide:
        return spectrum.directions @ inner
    return scaled.T @ (spectrum.directions @ (inner / np.sqrt(spectrum.variances)))


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """The variances of scaled features along their principal directions."""

    variances: Floats
    directions: Floats

    def along(self, scaled: Floats, target: Floats, *, is_wide: bool) -> Floats:
        """The covariance of each principal component with the target."""
        if is_wide:
            return np.sqrt(self.variances) * (self.directions.T @ target)
        return self.directions.T @ (scaled.T @ target)

    def penalty(self, along: Floats, total: float, rows: int) -> float:
        """The penalty of the least generalised cross-validation error; ties go to the larger."""
        shrunk = self.variances / (self.variances + _PENALTIES[:, None])
        fits = along**2 / self.variances
        left = total - (fits * shrunk * (2 - shrunk)).sum(axis=1)
        freedom = 1 - (shrunk.sum(axis=1) + 1) / rows
        usable = freedom > 0.01
        if not usable.any():
            return float(_PENALTIES[-1])
        error = np.where(usable, np.maximum(left, 0) / np.where(usable, freedom, 1) ** 2, np.inf)
        return float(_PENALTIES[::-1][np.argmin(error[::-1])])

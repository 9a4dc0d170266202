"""Linear support vector machines."""

from dataclasses import dataclass

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.linear_core import Floats, linear_core_of, scaling_of
from lichen.frameworks.estimators.logistic import wanted_of
from lichen.frameworks.estimators.minimising import Smooth, least_smooth
from lichen.frameworks.estimators.rows import check_settings, checked, number_in, standard_of
from lichen.frameworks.estimators.svm import LOGIT_OF_MARGIN

LARGEST_WORK = 2_000_000_000
"""Rows x features x outputs: a step over more takes seconds, and a hundred may be needed."""
_STEPS, _TOLERANCE = 300, 1e-5


class LinearSvm:
    """A classifier of the squared hinge loss, one class against the rest; or a regression.

    A regression's loss is the squared error beyond `tube` deviations of the target. Both are
    solved as they stand, since they are smooth (Fan et al., 2008, L2-loss SVC and SVR).

    Settings: `penalty`, what the mean loss costs beside the squared weights, times the rows (0.1);
    `tube` (0.1).
    """

    name = "linear-svm"
    takes_missing = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:  # noqa: ARG002 - nothing is drawn
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("penalty", "tube"))
        rows = checked(examples)
        if rows.features.size * rows.fitted_outputs > LARGEST_WORK:
            instead = "logistic-sgd" if rows.classes else "linear-sgd"
            raise InvalidInput(
                f"{self.name} on {len(rows.target)} rows of {rows.features.shape[1]} features "
                f"takes minutes: choose {instead}, or fewer features"
            )
        scaling = scaling_of(rows)
        centre, size = standard_of(rows)
        l2 = 1 / (number_in(settings, "penalty", 0.1, 1e-9) * len(rows.target))
        scaled = scaling.applied(rows.features)
        loss: Smooth
        if rows.classes:
            loss, factor = _Hinge(scaled, 2 * wanted_of(rows) - 1, rows.shares, l2), LOGIT_OF_MARGIN
        else:
            tube = number_in(settings, "tube", 0.1)
            standard = ((rows.target - centre) / size)[:, None]
            loss, factor = _Tube(scaled, standard, rows.shares, l2, tube), size
        start = np.zeros((scaled.shape[1] + 1, rows.fitted_outputs))
        found = least_smooth(loss, start, _STEPS, _TOLERANCE, pause) * factor
        return linear_core_of(rows, scaling, found[:-1], found[-1] + centre)


@dataclass(frozen=True, slots=True)
class _Hinge:
    """`mean(max(0, 1 - side * score)^2) + l2/2 |w|^2`, summed over the outputs; sides are -1, 1."""

    scaled: Floats
    sides: Floats
    shares: Floats
    l2: float

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        """The loss and its slope at weights `(features + 1, outputs)`, the bias last."""
        scores = self.scaled @ weights[:-1] + weights[-1]
        short = np.maximum(1 - self.sides * scores, 0)
        loss = float(self.shares @ (short**2).sum(axis=1))
        return _penalised(loss, -2 * short * self.sides * self.shares[:, None], self, weights)


@dataclass(frozen=True, slots=True)
class _Tube:
    """`mean(max(0, |y - score| - tube)^2) + l2/2 |w|^2`."""

    scaled: Floats
    target: Floats
    shares: Floats
    l2: float
    tube: float

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        """The loss and its slope at weights `(features + 1, 1)`, the bias last."""
        error = self.scaled @ weights[:-1] + weights[-1] - self.target
        beyond = np.maximum(np.abs(error) - self.tube, 0)
        loss = float(self.shares @ beyond[:, 0] ** 2)
        return _penalised(loss, 2 * beyond * np.sign(error) * self.shares[:, None], self, weights)


def _penalised(
    loss: float, pull: Floats, of: _Hinge | _Tube, weights: Floats
) -> tuple[float, Floats]:
    """The loss with its penalty, and the slope, from the pull of each row on its scores."""
    slope = np.empty_like(weights)
    slope[:-1] = of.scaled.T @ pull + of.l2 * weights[:-1]
    slope[-1] = pull.sum(axis=0)
    return loss + of.l2 / 2 * float(np.vdot(weights[:-1], weights[:-1])), slope

"""Support vector machines with Gaussian kernels."""

from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Examples, FittedCore, Pause, Settings
from lichen.frameworks.estimators.kernel_core import KernelCore
from lichen.frameworks.estimators.linear_core import Floats, Scaling, scaling_of
from lichen.frameworks.estimators.rows import (
    ABSENT,
    Rows,
    check_settings,
    checked,
    number_in,
    standard_of,
)

LARGEST_KERNEL = 2_000_000_000
"""Rows x rows x features, since each row is compared with each: 10,000 rows of 20 take 10 s, twice
as many a minute or several."""
LOGIT_OF_MARGIN = 3.0
"""A margin of 1 is taken for a probability of 0.95: calibration says better."""


class Svm:
    """A classifier or a regression with Gaussian kernels (Cortes and Vapnik, 1995).

    Of several classes each pair is told apart, and a class's score is the sum of its margins.

    Settings: `penalty`, what an error costs beside the squared weights (3); `gamma`, the kernel's,
    times the number of features (0.5); `scale`, whether each feature is divided by its own
    deviation, or all by one (true); `tube` of a regression, in deviations of the target (0.1).
    """

    name = "svm"
    takes_missing = False

    def fit(self, examples: Examples, settings: Settings, seed: int, pause: Pause) -> FittedCore:  # noqa: ARG002 - nothing is drawn
        """Fit it.

        Raises:
            InvalidInput: these rows cannot be fitted on.
        """
        check_settings(settings, ("penalty", "gamma", "tube", "scale"))
        rows = checked(examples)
        count, width = rows.features.shape
        if count * count * width > LARGEST_KERNEL:
            raise InvalidInput(
                f"{self.name} on {count} rows of {width} features compares each row with each, "
                "which takes minutes: choose linear-svm or lightgbm, or give fewer rows"
            )
        scaling = scaling_of(rows)
        if not settings.get("scale", True):
            scaling = scaling.common()
        varied = max(1, int(np.count_nonzero(scaling.scale)))
        stretch = np.sqrt(number_in(settings, "gamma", 0.5, 1e-9) / varied)
        near = scaling.applied(rows.features) * stretch
        centre, size = standard_of(rows)
        pause()
        model = _kernel(rows, settings).fit(
            near, (rows.target - centre) / size, rows.shares * count
        )
        pause()
        weights, bias = _class_scores(rows, model) if rows.classes else _number(model)
        found = (model.support_vectors_, weights * size, bias * size + centre)
        return _core(rows, scaling, stretch, found)


def _kernel(rows: Rows, settings: Settings) -> Any:  # noqa: ANN401 - scikit-learn's own
    from sklearn.svm import SVC, SVR

    penalty = number_in(settings, "penalty", 3.0, 1e-9)
    if rows.classes:
        return SVC(C=penalty, gamma=1.0)
    return SVR(C=penalty, gamma=1.0, epsilon=number_in(settings, "tube", 0.1))


def _number(model: Any) -> tuple[Floats, Floats]:  # noqa: ANN401 - scikit-learn's own
    return np.asarray(model.dual_coef_).T, np.asarray(model.intercept_)


def _class_scores(rows: Rows, model: Any) -> tuple[Floats, Floats]:  # noqa: ANN401 - scikit-learn's own
    """The weights of all pairs of classes, summed for each class."""
    pairs, bias = np.asarray(model.dual_coef_), np.asarray(model.intercept_)
    classes = len(rows.present)
    if classes == 2:
        return LOGIT_OF_MARGIN * pairs.T, LOGIT_OF_MARGIN * bias
    ends = np.concatenate([[0], np.cumsum(model.n_support_)])
    weights, scores = np.zeros((pairs.shape[1], classes)), np.zeros(classes)
    pair = 0
    for one in range(classes):
        for other in range(one + 1, classes):
            # libsvm keeps a vector's weight against another class in a row of that class's place
            for mine, row in ((one, other - 1), (other, one)):
                place = slice(ends[mine], ends[mine + 1])
                weights[place, one] += pairs[row, place]
                weights[place, other] -= pairs[row, place]
            scores[one] += bias[pair]
            scores[other] -= bias[pair]
            pair += 1
    factor = LOGIT_OF_MARGIN * 2 / classes
    return factor * weights, factor * scores


def _core(
    rows: Rows, scaling: Scaling, stretch: float, found: tuple[Floats, Floats, Floats]
) -> KernelCore:
    """The core of vectors, weights and biases of the classes that are present."""
    vectors, weights, bias = found
    if len(rows.present) not in (0, rows.classes):
        first = len(rows.present) - weights.shape[1]
        places = list(rows.present[first:])
        some_weights, some_bias = weights, bias
        weights = np.zeros((len(vectors), rows.classes))
        bias = np.full(rows.classes, ABSENT)
        bias[list(rows.present[:first])] = 0
        weights[:, places], bias[places] = some_weights, some_bias
    return KernelCore(
        centre=scaling.centre.astype(np.float32),
        stretch=(scaling.inverse() * stretch).astype(np.float32),
        vectors=np.asarray(vectors, dtype=np.float64),
        weights=weights,
        bias=bias,
        link="logit" if rows.classes else "value",
    )

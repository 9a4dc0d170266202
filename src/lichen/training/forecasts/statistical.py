"""Statistical models as one matrix: fitted, they say a weighted sum of the window and a constant.

Exponential smoothing, complex smoothing, theta and seasonal decomposition by LOESS are linear in
the series once their few parameters are known. So a model is asked once for each row of its window
what a unit there changes; what is served is that matrix, at the cost of a ridge, and not the model.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.inputs import transform
from lichen.forecasting.specification import Specification
from lichen.frameworks.statsforecast import MODELS, Onward, fit_statistical
from lichen.training.forecasts.core import Fitted, LinearCore
from lichen.training.forecasts.study import WEEK_DAYS, Study

PREFIX = "statsforecast:"
NAMES = tuple(f"{PREFIX}{name}" for name in MODELS)

CONTEXT_DAYS = 14
"""Of history, where nothing is said: two of the longest season."""

MOST_DAYS = 56
"""The last days fitted on: the parameters are few, and the fits grow with the square."""

TRIES = 5
MOST_OFF = 1e-4
"""How far, in spreads of the series, the matrix may be off what the model says."""


def statistical_specification(study: Study) -> Specification:
    """The window alone, from any start.

    Raises:
        InvalidInput: there is more than one series, or too few rows.
    """
    if len(study.base.targets) != 1:
        raise InvalidInput(
            f"a statistical model forecasts one series, and there are {len(study.base.targets)}: "
            "train one for each, or take another algorithm"
        )
    context = study.spec.context or CONTEXT_DAYS * max(study.day, 1)
    study.check_context(context, study.spec.algorithm)
    return window_specification(study.base, context)


def window_specification(base: Specification, context: int) -> Specification:
    """The window as it is and nothing else, from any start."""
    return replace(
        base,
        context=context,
        normalisation=0,
        known=(),
        features=(),
        anytime=(),
        start_seconds=None,
    )


@dataclass(slots=True)
class LastFit:
    """The matrix that was found last: a run asks for the same one several times."""

    key: str = ""
    matrix: NDArray[np.float32] | None = None


def fit_as_matrix(
    study: Study,
    specification: Specification,
    until: int,
    pause: Callable[[], None],
    last: LastFit,
) -> Fitted:
    """The model fitted on the last rows before `until`, as a linear core.

    Raises:
        InvalidInput: it cannot be fitted, or what it says is no weighted sum of the window.
        Unavailable: StatsForecast is not installed.
    """
    rows = MOST_DAYS * max(study.day, 1)
    values = transform(specification, study.panel.values[:until])[-rows:, 0]
    name = study.spec.algorithm.removeprefix(PREFIX)
    shape = (specification.context, specification.horizon)
    key = sha256(repr((name, shape)).encode() + values.tobytes()).hexdigest()
    if last.matrix is None or last.key != key:
        pause()
        onward = fit_statistical(name, values, _seasons(study))
        last.matrix, last.key = matrix_of(onward, values, shape, pause), key
    return Fitted(specification, LinearCore(last.matrix))


def matrix_of(
    onward: Onward,
    values: NDArray[np.float64],
    shape: tuple[int, int],
    pause: Callable[[], None],
) -> NDArray[np.float32]:
    """`(context + 1, horizon)`: what each row of a window adds to what follows, then the constant.

    Raises:
        InvalidInput: what follows is no such sum.
    """
    context, horizon = shape
    window = values[-context:].copy()
    plain = onward(window, horizon)
    matrix = np.empty((context + 1, horizon))
    for place in range(context):
        pause()
        changed = window.copy()
        changed[place] += 1.0
        matrix[place] = onward(changed, horizon) - plain
    matrix[context] = plain - window @ matrix[:context]
    _check(onward, values, matrix, context)
    return matrix.astype(np.float32)


def _check(
    onward: Onward, values: NDArray[np.float64], matrix: NDArray[np.float64], context: int
) -> None:
    """Compare on other windows of the series, from the first to the last that there is."""
    spread = float(values.std()) or 1.0
    for first in np.linspace(0, len(values) - context, TRIES).astype(int):
        window = values[first : first + context]
        said = onward(window, matrix.shape[1])
        off = np.abs(said - window @ matrix[:-1] - matrix[-1]).max()
        if not off <= MOST_OFF * spread:
            raise InvalidInput(
                "as fitted on this series the model is no weighted sum of its window, so it cannot "
                f"be served as one: take another of {', '.join(NAMES)}"
            )


def _seasons(study: Study) -> tuple[int, ...]:
    """Rows of a day and of a week; of data by the day, of a week."""
    return (study.day, study.week) if study.day > 1 else (WEEK_DAYS,)

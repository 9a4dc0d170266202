"""Seasonal naive forecasts in the same linear form: the guards and the fallback."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.specification import Specification


def seasonal(
    specification: Specification, period: int
) -> tuple[Specification, NDArray[np.float32]]:
    """What was `period` steps ago, again: a model that needs one period of history and no fit.

    The weights `(period + 1, horizon)` are 0 and 1, so the same writer serves it.

    Args:
        specification: names, units, step, horizon and quantile levels are taken from it.
        period: steps of one season: a day or a week.

    Raises:
        InvalidInput: the period holds no step.
    """
    if period < 1:
        raise InvalidInput(f"a season of {period} steps holds nothing to repeat: take at least 1")
    plain = replace(
        specification,
        context=period,
        known=(),
        normalisation=0,
        logarithm=False,
        start_seconds=None,
        centres=(),
        scales=(),
        features=(),
        anytime=(),
    )
    steps = np.arange(specification.horizon)
    weights = np.zeros((period + 1, specification.horizon), dtype=np.float32)
    weights[steps % period, steps] = 1.0
    return plain, weights

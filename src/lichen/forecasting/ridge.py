"""Ridge regression in closed form, from moments."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.moments import Moments

Weights = NDArray[np.floating[Any]]


def solve(moments: Moments, penalty: float, *, intercept: bool = True) -> NDArray[np.float64]:
    """The weights `(features, horizon)` that minimise squared error + `penalty` x squared weights.

    The last feature is the constant 1: unpenalised with an `intercept`, its weight 0 without.

    Raises:
        InvalidInput: no rows, no penalty, or values so wild that no answer is unique.
    """
    if moments.rows == 0:
        raise InvalidInput(
            "no window is complete: give more rows than one context and one horizon, without gaps"
        )
    if penalty <= 0:
        raise InvalidInput(f"the penalty is {penalty}: it must be above 0")
    features = len(moments.xx) if intercept else len(moments.xx) - 1
    gram = moments.xx[:features, :features].copy()
    np.einsum("ii->i", gram)[: len(moments.xx) - 1] += penalty
    weights = np.zeros(moments.xy.shape)
    try:
        weights[:features] = np.linalg.solve(gram, moments.xy[:features])
    except np.linalg.LinAlgError as error:
        raise InvalidInput(
            "the fit has no unique answer at this penalty: look for columns of wild values, or "
            "take a larger penalty"
        ) from error
    return weights


def squared_error(moments: Moments, weights: Weights) -> float:
    """The mean squared error of some weights on the rows behind some moments, over all steps."""
    exact = weights.astype(np.float64)
    explained = float(np.vdot(exact, moments.xx @ exact - 2 * moments.xy))
    return (float(moments.yy.sum()) + explained) / float(moments.rows * moments.xy.shape[1])

"""From (history, start, known) to the linear core's inputs and back: one path for training
and serving."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.specification import Specification

Floats = NDArray[np.floating[Any]]
Moments = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Assembled:
    """What goes into the linear core, and what `restore` needs to undo the normalisation.

    Attributes:
        features: float32 `(batch * series, features)`, rows ordered batch first, C-contiguous:
            row `i * series + j` is series `j` of batch entry `i`. The last feature is the
            constant 1, so the core is one MatMul with no bias.
        level: float64 `(batch * series,)`, each window's trailing mean.
        batch: how many forecasts.
    """

    features: NDArray[np.float32]
    level: NDArray[np.float64]
    batch: int


def assemble(
    specification: Specification,
    history: Floats,
    start: Moments,
    known: Floats | None = None,
    past: Floats | None = None,
) -> Assembled:
    """The linear core's inputs.

    Args:
        specification: what the model declares.
        history: `(batch, context, series)`, oldest row first, the last row one step before
            `start`.
        start: `(batch,)` datetime64[s], UTC: the first step predicted.
        known: `(batch, horizon, covariates)` in the order of `specification.known`; required
            if and only if the specification names known columns.
        past: `(batch, context, covariates)`, the same covariates over the rows of `history`.
            Where it is absent the covariates are taken to have been, day by day, as they are
            over the horizon: an answer, but a less accurate one.

    Raises:
        InvalidInput: a shape does not fit, a value is not finite, a target is not positive
            under a logarithm, or a start is at a time of day the model does not start at.
    """
    raise NotImplementedError


def restore(
    specification: Specification, assembled: Assembled, raw: Floats
) -> NDArray[np.float64]:
    """The forecast `(batch, horizon, series)` in the targets' units.

    `raw` is the core's output `(batch * series, horizon)`.
    """
    raise NotImplementedError

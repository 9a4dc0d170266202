"""Residuals on rows that were left out of the fit, block by block, from one set of moments."""

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.fitting import (
    Examples,
    Rows,
    examples,
    fit_moments,
    fitted_origins,
    is_window_only,
    moments_between,
    part_alone,
    window_moments_of,
)
from lichen.forecasting.moments import Moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification

BLOCKS = 8


def cross_residuals(
    specification: Specification, panel: Panel, part: int, penalty: float, blocks: int = BLOCKS
) -> tuple[Rows, NDArray[np.float64]]:
    """Origins, and what each forecast missed by when its block of time was left out of the fit.

    Origins whose horizon overlaps a block are left out with it. Residuals
    `(origins, horizon, series)` are on the core's own scale; NaN where a window was not complete.
    """
    rows = fitted_origins(specification, panel, part, 0, panel.rows)
    laid = examples(part_alone(specification, part), panel, rows)
    total = moments_between(specification, panel, part, 0, panel.rows)
    left = np.full((len(rows), specification.horizon, len(specification.targets)), np.nan)
    for block in np.array_split(rows, min(blocks, len(rows))):
        first, last = int(block[0]), int(block[-1])
        held = _overlapping(specification, panel, part, laid, (first, last))
        weights = fit_moments(specification, part, total - held, penalty)
        mine = (laid.origins >= first) & (laid.origins <= last)
        missed = laid.targets[mine] - laid.features[mine] @ weights
        places = np.searchsorted(rows, laid.origins[mine])
        left[places, :, laid.series[mine]] = missed
    return rows, left


def _overlapping(
    specification: Specification,
    panel: Panel,
    part: int,
    laid: Examples,
    block: tuple[int, int],
) -> Moments:
    """Moments of the windows whose horizon overlaps that of an origin in the block."""
    low, high = block[0] - specification.horizon, block[1] + specification.horizon
    if is_window_only(specification, part):
        return window_moments_of(specification, panel, low + 1, high - 1)
    mask = (laid.origins > low) & (laid.origins < high)
    return Moments.of(laid.features[mask], laid.targets[mask])

"""Quantiles from residuals per hour and horizon, and a width that adapts as truth arrives."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.calendar import local_seconds, second_of_day
from lichen.forecasting.inputs import part_of, transform, untransform
from lichen.forecasting.specification import DAY_SECONDS, Specification

Floats = NDArray[np.floating[Any]]
Moments = NDArray[np.datetime64]

LEAST_RESIDUALS = 60
"""Residuals a group of start hours needs of its own; with fewer, all starts share one table."""
LARGEST_TABLE = 50_000
"""Numbers a table may hold before start hours share one."""
PACE = 0.5
"""How fast the width follows: a step of `PACE x (share outside - share expected)` in log width."""
WIDEST, NARROWEST = 4.0, 0.25


@dataclass(frozen=True, slots=True)
class Width:
    """How much wider than the table the quantiles are to be, by what came true so far.

    A small record to keep between forecasts (plain numbers: it travels as JSON).

    Attributes:
        factors: per series; 1 is the table's own width.
        seen: forecasts whose truth was taken in.
    """

    factors: tuple[float, ...]
    seen: int = 0

    @classmethod
    def neutral(cls, specification: Specification) -> "Width":
        """The table's own width."""
        return cls((1.0,) * len(specification.targets))

    def update(self, levels: tuple[float, ...], truth: Floats, quantiles: Floats) -> "Width":
        """The width after one forecast came true: wider if too much fell outside, else narrower.

        Adaptive conformal inference (Gibbs and Candes, 2021) on the logarithm of the width, for
        the outermost interval.

        Args:
            levels: the quantile levels.
            truth: `(horizon, series)`; NaN where nothing was recorded.
            quantiles: `(horizon, series, levels)`, as they were given.
        """
        outside = (truth < quantiles[..., 0]) | (truth > quantiles[..., -1])
        recorded = np.isfinite(truth)
        expected = 1.0 - (levels[-1] - levels[0])
        counts = np.maximum(recorded.sum(axis=0), 1)
        excess = (outside & recorded).sum(axis=0) / counts - expected
        excess[~recorded.any(axis=0)] = 0.0
        moved = np.asarray(self.factors) * np.exp(PACE * excess)
        return Width(tuple(np.clip(moved, NARROWEST, WIDEST).tolist()), self.seen + 1)


def residuals(specification: Specification, mean: Floats, truth: Floats) -> NDArray[np.float64]:
    """Truth less forecast on the core's own scale, so that they add up whatever the level."""
    return transform(specification, truth) - transform(specification, mean)


def table(specification: Specification, start: Moments, left: Floats) -> NDArray[np.float32]:
    """Residual quantiles `(groups, horizon, series, levels)`; `quantiles.npy` of a version.

    Groups are the parts of a model with a usual start, else the hours of the day forecasts start
    at where there is enough to tell them apart.

    Args:
        specification: the model's.
        start: `(forecasts,)` UTC.
        left: `(forecasts, horizon, series)` residuals; NaN are skipped.

    Raises:
        InvalidInput: nothing came true yet.
    """
    whole = np.isfinite(left).any(axis=(1, 2))
    if not whole.any():
        raise InvalidInput("no forecast has come true: there is nothing to take quantiles from")
    start, left = start[whole], left[whole]
    groups = _group_count(specification, len(left))
    number = group_of(specification, groups, start)
    shared = _levels_of(specification, left)
    made = [
        _levels_of(specification, left[number == group])
        if np.count_nonzero(number == group) >= min(LEAST_RESIDUALS, len(left))
        else shared
        for group in range(groups)
    ]
    return np.stack(made).astype(np.float32)


def group_of(specification: Specification, groups: int, start: Moments) -> NDArray[np.int64]:
    """Which group of a table of so many each start belongs to."""
    if groups == 1:
        return np.zeros(len(start), dtype=np.int64)
    if specification.start_seconds is not None:
        return part_of(specification, start)
    local = local_seconds(specification.timezone, start)
    return second_of_day(local) * groups // DAY_SECONDS


def apply(
    specification: Specification,
    residual_table: Floats,
    mean: Floats,
    start: Moments,
    width: Width | None = None,
) -> NDArray[np.float64]:
    """Quantiles `(batch, horizon, series, levels)`, never crossing, around `mean`.

    Args:
        specification: the model's.
        residual_table: what `table` made.
        mean: `(batch, horizon, series)` from `inputs.restore`.
        start: `(batch,)` UTC.
        width: how much wider than the table; None: as it is.
    """
    offsets = residual_table[group_of(specification, len(residual_table), start)]
    if width is not None:
        offsets = offsets * np.asarray(width.factors)[:, None]
    levels = len(specification.levels)
    shown = transform(specification, mean)[..., None] + offsets
    batch, horizon, series, _ = shown.shape
    per_level = shown.transpose(0, 3, 1, 2).reshape(batch * levels, horizon, series)
    restored = untransform(specification, per_level)
    return restored.reshape(batch, levels, horizon, series).transpose(0, 2, 3, 1)


def widened(residual_table: Floats, width: Width) -> NDArray[np.float32]:
    """A table with a width worked in, to be shipped."""
    return np.asarray(residual_table * np.asarray(width.factors)[:, None], dtype=np.float32)


def _levels_of(specification: Specification, left: Floats) -> NDArray[np.float64]:
    quantile = np.nanquantile if np.isnan(left).any() else np.quantile
    made: NDArray[np.float64] = quantile(left, specification.levels, axis=0)
    return np.moveaxis(made, 0, -1)


def _group_count(specification: Specification, forecasts: int) -> int:
    if specification.start_seconds is not None:
        return 2
    hours = min(24, specification.steps_per_day)
    size = hours * specification.horizon * len(specification.targets) * len(specification.levels)
    return hours if size <= LARGEST_TABLE and forecasts >= hours * LEAST_RESIDUALS else 1

"""Scores of forecasts, each with its unit and direction; skill against a baseline.

Arrays are `(forecasts, horizon, series)`; where the truth is NaN nothing is scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Floats = NDArray[np.floating[Any]]


class Direction(StrEnum):
    """Which way is better."""

    LOWER = "lower"
    HIGHER = "higher"
    NOMINAL = "nominal"
    """Neither: near a stated value, as coverage is."""


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of merit; `unit` is None where it has none."""

    name: str
    value: float
    unit: str | None
    direction: Direction


def mae(truth: Floats, forecast: Floats) -> float:
    """Mean absolute error, in the unit of the truth."""
    return _mean(np.abs(forecast - truth), truth)


def rmse(truth: Floats, forecast: Floats) -> float:
    """Root mean squared error, in the unit of the truth."""
    return float(np.sqrt(_mean(np.square(forecast - truth), truth)))


def mape(truth: Floats, forecast: Floats) -> float:
    """Mean absolute percentage error; infinite where a truth is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.abs((forecast - truth) / truth)
    return 100.0 * _mean(np.where(truth == 0, np.inf, share), truth)


def mase(truth: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean absolute scaled error (Hyndman and Koehler, 2006): 1 is as good as a season ago.

    `scale` `(series,)` is each series' `seasonal_scale` on the rows that were fitted on.
    """
    return _mean(np.abs(forecast - truth) / scale, truth)


def seasonal_scale(values: Floats, period: int, names: Sequence[str] = ()) -> NDArray[np.float64]:
    """Mean absolute change over one season of `values` `(rows, series)`, per series.

    `names` are those of the series, for the error.

    Raises:
        InvalidInput: no two recorded rows are a season apart, or a series never changes.
    """
    changes = np.abs(values[period:] - values[:-period]) if len(values) > period else values[:0]
    recorded = np.isfinite(changes)
    counts = recorded.sum(axis=0)
    sums = np.where(recorded, changes, 0.0).sum(axis=0)
    still = np.flatnonzero((counts == 0) | (sums == 0))
    if still.size:
        which = repr(names[still[0]]) if names else str(still[0])
        raise InvalidInput(
            f"series {which} has no change over {period} steps to scale its error with: give more "
            "rows, or leave out a column that is constant or always repeats itself"
        )
    return np.asarray(sums / counts, dtype=np.float64)


def pinball(truth: Floats, quantiles: Floats, levels: Sequence[float]) -> float:
    """Mean pinball loss over `levels`, in the unit of the truth.

    With evenly spaced levels twice this figure approximates the CRPS.
    `quantiles` has one more axis than `truth`, the levels.
    """
    error = truth[..., None] - quantiles
    wanted = np.asarray(levels)
    return _mean(np.maximum(wanted * error, (wanted - 1) * error).mean(axis=-1), truth)


def coverage(truth: Floats, quantiles: Floats) -> float:
    """Percentage of truths between the outermost quantiles."""
    inside = (truth >= quantiles[..., 0]) & (truth <= quantiles[..., -1])
    return 100.0 * _mean(inside.astype(np.float64), truth)


def skill(score: float, baseline: float) -> float:
    """Share of the baseline's error that is avoided: 1 is perfect, 0 no better, below 0 worse.

    Raises:
        InvalidInput: the baseline makes no error to avoid.
    """
    if baseline <= 0:
        raise InvalidInput("the baseline makes no error, so there is no skill against it")
    return 1.0 - score / baseline


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts beside what came true.

    Attributes:
        truth: `(forecasts, horizon, series)`.
        mean: the same shape.
        quantiles: the same with one more axis, the levels; None where none were given.
        levels: quantile levels.
        unit: of the truth.
    """

    truth: Floats
    mean: Floats
    quantiles: Floats | None = None
    levels: tuple[float, ...] = ()
    unit: str | None = None


def all_scores(forecasts: Forecasts, scale: Floats) -> tuple[Score, ...]:
    """MASE, MAPE, RMSE and MAE, and with quantiles pinball and coverage.

    MAPE is left out where a truth is 0.
    """
    truth, mean, unit = forecasts.truth, forecasts.mean, forecasts.unit
    low = Direction.LOWER
    made = [
        Score("MASE", mase(truth, mean, scale), None, low),
        Score("MAPE", mape(truth, mean), "%", low),
        Score("RMSE", rmse(truth, mean), unit, low),
        Score("MAE", mae(truth, mean), unit, low),
    ]
    if forecasts.quantiles is not None:
        loss = pinball(truth, forecasts.quantiles, forecasts.levels)
        made.append(Score("pinball", loss, unit, low))
        covered = coverage(truth, forecasts.quantiles)
        made.append(Score("coverage", covered, "%", Direction.NOMINAL))
    return tuple(score for score in made if np.isfinite(score.value))


def _mean(errors: Floats, truth: Floats) -> float:
    recorded = np.isfinite(truth)
    if not recorded.any():
        raise InvalidInput("nothing came true that could be scored: every truth is missing")
    return float(errors[recorded].mean())

"""Declared features: calendar, holidays, degree hours, what the covariates were and will be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.calendar import second_of_day, weekday, year_angle
from lichen.forecasting.specification import DAY_SECONDS, Feature, Kind, Specification

Block = NDArray[np.floating[Any]]
_WEEK = np.eye(7)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What features are computed from, for a batch of forecasts.

    Attributes:
        local: `(batch,)` local seconds since 1970 of each first step.
        ahead: `(batch, horizon, covariates)`.
        past: `(batch, past, covariates)`.
        columns: the covariates' names.
    """

    local: NDArray[np.int64]
    ahead: Block
    past: Block
    columns: tuple[str, ...]


def compute(features: Sequence[Feature], around: Surroundings) -> list[Block]:
    """One `(batch, width)` block a feature, weighted, in the order declared."""
    return [feature.weight * _BLOCKS[feature.kind](feature, around) for feature in features]


def width(specification: Specification, features: Sequence[Feature]) -> int:
    """How many numbers some declared features make."""
    return sum(_width(feature, specification.horizon) for feature in features)


def _width(feature: Feature, horizon: int) -> int:
    match feature.kind:
        case Kind.WEEKDAY:
            return 7 if feature.column is None else 8
        case Kind.TIME_OF_DAY | Kind.ANNUAL:
            return 2 * len(feature.lengths)
        case Kind.AHEAD:
            return (1 + len(feature.knots)) * -(-horizon // _block_length(feature))
        case Kind.PAST:
            reach, block = feature.lengths
            return (1 + len(feature.knots)) * -(-reach // block)


def _weekday(feature: Feature, around: Surroundings) -> Block:
    days = _WEEK[weekday(around.local)]
    if feature.column is None:
        return days
    flag = around.ahead[:, :1, around.columns.index(feature.column)]
    return np.concatenate([days * (1 - flag), flag], axis=1)


def _time_of_day(feature: Feature, around: Surroundings) -> Block:
    angle = (2 * np.pi / DAY_SECONDS) * second_of_day(around.local)
    return _harmonics(angle, feature.lengths)


def _annual(feature: Feature, around: Surroundings) -> Block:
    return _harmonics(year_angle(around.local), feature.lengths)


def _ahead(feature: Feature, around: Surroundings) -> Block:
    return _hinges(feature, around.ahead[:, :, _column(feature, around)], _block_length(feature))


def _past(feature: Feature, around: Surroundings) -> Block:
    reach, block = feature.lengths
    column = around.past[:, around.past.shape[1] - reach :, _column(feature, around)]
    return _hinges(feature, column, block)


_BLOCKS: dict[Kind, Callable[[Feature, Surroundings], Block]] = {
    Kind.WEEKDAY: _weekday,
    Kind.TIME_OF_DAY: _time_of_day,
    Kind.ANNUAL: _annual,
    Kind.AHEAD: _ahead,
    Kind.PAST: _past,
}


def _column(feature: Feature, around: Surroundings) -> int:
    if feature.column is None:
        return 0
    return around.columns.index(feature.column)


def _block_length(feature: Feature) -> int:
    return feature.lengths[0] if feature.lengths else 1


def _harmonics(angle: Block, orders: Sequence[int]) -> Block:
    turns = angle[:, None] * np.asarray(orders)
    return np.concatenate([np.sin(turns), np.cos(turns)], axis=1)


def _hinges(feature: Feature, steps: Block, block: int) -> Block:
    """Means over blocks of steps (the last may be shorter), and their excess over each knot."""
    means = steps
    if block > 1:
        borders = np.arange(0, steps.shape[1], block)
        counts = np.diff(np.append(borders, steps.shape[1]))
        means = np.add.reduceat(steps, borders, axis=1) / counts
    excess = [np.maximum(means - knot, 0.0) for knot in feature.knots]
    return np.concatenate([means - feature.centre, *excess], axis=1)

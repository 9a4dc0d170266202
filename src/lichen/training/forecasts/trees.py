"""LightGBM, direct: one row for each step ahead, one set of trees for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.features import width
from lichen.forecasting.fitting import Rows, examples, part_alone
from lichen.forecasting.inputs import feature_count, part_of, parts
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Feature, Kind, Specification
from lichen.frameworks.boosting import NO_NURSERY, BoostingSettings, Nursery, fit_trees
from lichen.frameworks.onnx_writer import StepRows
from lichen.training.forecasts.core import Fitted, GatedTrees, TreeCore
from lichen.training.forecasts.study import coprime_stride

DAYS_BACK = 7
"""How many days' values at the step's own time of day a row holds."""

LATEST = 3
"""How many of the last values before the forecast a row holds."""

MOST_ROWS = 60_000
"""Rows fitted on; where there are more, forecasts are left out evenly."""

TURN = 256
"""Scale of the sine and cosine of a step's time of day, kept as whole numbers."""

WEEKDAY = Feature(Kind.WEEKDAY)
CLOCK = Feature(Kind.TIME_OF_DAY, lengths=(1,))
YEAR = Feature(Kind.ANNUAL, lengths=(1,))


@dataclass(frozen=True, slots=True)
class Growing:
    """How trees are grown, who is told of each, and who keeps them meanwhile."""

    settings: BoostingSettings
    on_round: Callable[[int], None]
    nursery: Nursery = NO_NURSERY


def boosted_specification(plain: Specification, context: int | None) -> Specification:
    """What the trees look at: a week of history, the covariates, and the calendar."""
    day = plain.steps_per_day
    known = tuple(feature for column in plain.known for feature in _covariate(column, day))
    features = (*known, WEEKDAY, CLOCK, YEAR)
    return replace(
        plain,
        context=context or DAYS_BACK * day,
        normalisation=context or DAYS_BACK * day,
        features=features,
        anytime=() if plain.start_seconds is None else features,
    )


def _covariate(column: str, day: int) -> tuple[Feature, ...]:
    """A column at each step, over each day ahead, at each step of the day before, and over it."""
    return (
        Feature(Kind.AHEAD, column),
        Feature(Kind.AHEAD, column, lengths=(day,)),
        Feature(Kind.PAST, column, lengths=(day, 1)),
        Feature(Kind.PAST, column, lengths=(day, day)),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in the assembled features of a model of one part each declared block begins."""

    specification: Specification

    def of(self, wanted: Feature) -> int:
        first = self.specification.context
        for feature in self.specification.features:
            if feature == wanted:
                return first
            first += width(self.specification, (feature,))
        raise KeyError(wanted)


def step_rows(specification: Specification) -> StepRows:
    """How the features of one forecast become a row for each step, in a model of one part."""
    places = _Places(specification)
    steps = np.arange(specification.horizon)
    annual = places.of(YEAR)
    columns = [
        *_window_columns(specification, steps),
        *_known_columns(specification, places, steps),
        np.full(len(steps), annual),
        np.full(len(steps), annual + 1),
    ]
    return StepRows(np.stack(columns, axis=1), _mixture(specification, places, steps))


def _window_columns(specification: Specification, steps: Rows) -> list[Rows]:
    """The last values, and those of the step's own time of day on the days before."""
    context, day = specification.context, specification.steps_per_day
    latest = [np.full(len(steps), context - 1 - lag) for lag in range(LATEST)]
    nearest = _nearest(specification, steps)
    before = [nearest - day * back for back in range(DAYS_BACK)]
    return [np.clip(column, 0, context - 1) for column in latest + before]


def _nearest(specification: Specification, steps: Rows) -> Rows:
    """Where in the window the step's own time of day stands on the last day that had it."""
    context, day = specification.context, specification.steps_per_day
    nearest: Rows = np.clip(context + steps - day * (steps // day + 1), 0, context - 1)
    return nearest


def _known_columns(specification: Specification, places: _Places, steps: Rows) -> list[Rows]:
    """Each covariate at the step, and at the same time on the last day before the forecast."""
    day = specification.steps_per_day
    columns: list[Rows] = []
    for name in specification.known:
        ahead, days, before, day_before = (places.of(feature) for feature in _covariate(name, day))
        columns += [ahead + np.maximum(steps - back, 0) for back in _lags(day)]
        columns += [days + steps // day, before + steps % day]
        columns.append(np.full(len(steps), day_before))
    return columns


def _lags(day: int) -> list[int]:
    """How many steps before its own a row holds a covariate: none, an hour, three, eight."""
    return sorted({0, day // 24, day // 8, day // 3})


def _mixture(specification: Specification, places: _Places, steps: Rows) -> NDArray[np.float32]:
    """The step, its local time of day as sine and cosine, and the weekday it all starts on."""
    mixed = np.zeros((feature_count(specification), len(steps), 4), dtype=np.float32)
    one, clock = feature_count(specification) - 1, places.of(CLOCK)
    turn = 2 * np.pi * steps / specification.steps_per_day
    mixed[one, :, 0] = steps
    mixed[clock, :, 1], mixed[clock + 1, :, 1] = TURN * np.cos(turn), TURN * np.sin(turn)
    mixed[clock, :, 2], mixed[clock + 1, :, 2] = -TURN * np.sin(turn), TURN * np.cos(turn)
    weekday = places.of(WEEKDAY)
    mixed[weekday : weekday + 7, :, 3] = np.arange(7)[:, None]
    return mixed


def base_weights(specification: Specification) -> NDArray[np.float32]:
    """The day before again, in a model of one part: the trees learn what differs from it."""
    steps = np.arange(specification.horizon)
    weights = np.zeros((feature_count(specification), len(steps)), dtype=np.float32)
    weights[_nearest(specification, steps), steps] = 1.0
    return weights


def fit_boosted(
    specification: Specification,
    panel: Panel,
    origins: Rows,
    growing: Growing,
) -> Fitted:
    """Trees fitted on the forecasts that start at `origins`, whose truth must be in `panel`.

    One set for the usual starts and one for any other, as the specification has parts.
    """
    fitted = []
    bases = []
    usual = part_of(specification, panel.time_of(origins)) == 0
    for number, part in enumerate(parts(specification)):
        alone = part_alone(specification, number)
        mine = origins[usual] if number == 0 else origins
        laid = examples(alone, panel, _thinned(mine, specification))
        steps, base = step_rows(alone), base_weights(alone)
        left = laid.targets - laid.features @ base
        boosted = fit_trees(
            steps.expand(laid.features),
            left.ravel(),
            growing.settings,
            growing.on_round,
            growing.nursery,
        )
        placed = _placed(steps, part.columns, feature_count(specification))
        fitted.append(GatedTrees(boosted, placed, part.columns.stop - 1))
        bases.append(base)
    return Fitted(specification, TreeCore(np.concatenate(bases), tuple(fitted)))


def _placed(steps: StepRows, columns: slice, features: int) -> StepRows:
    """The same rows from one part of a larger model's features."""
    mixed = np.zeros((features, *steps.mixed.shape[1:]), dtype=np.float32)
    mixed[columns] = steps.mixed
    return StepRows(steps.columns + columns.start, mixed)


def _thinned(origins: Rows, specification: Specification) -> Rows:
    """At most about `MOST_ROWS` of step rows, met at every time of day."""
    rows = len(origins) * specification.horizon * len(specification.targets)
    stride = coprime_stride(specification.steps_per_day, -(-rows // MOST_ROWS))
    return origins[::stride] if rows > MOST_ROWS else origins

"""LightGBM, direct: one row for each step ahead, one set of trees for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.features import width
from lichen.forecasting.fitting import Rows, examples
from lichen.forecasting.inputs import feature_count
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Feature, Kind, Specification
from lichen.frameworks.boosting import BoostingSettings, fit_trees
from lichen.frameworks.onnx_writer import StepRows
from lichen.training.core import Fitted, TreeCore
from lichen.training.study import coprime_stride

DAYS_BACK = 7
"""How many days' values at the step's own time of day a row holds."""

LATEST = 3
"""How many of the last values before the forecast a row holds."""

MOST_ROWS = 60_000
"""Rows fitted on; where there are more, forecasts are left out evenly."""

TURN = 256
"""Scale of the sine and cosine of a step's time of day, kept as whole numbers."""


def boosted_specification(plain: Specification, context: int | None) -> Specification:
    """What the trees look at: a week of history, the covariates, and the calendar."""
    day = plain.steps_per_day
    known = tuple(
        feature
        for column in plain.known
        for feature in (
            Feature(Kind.AHEAD, column),
            Feature(Kind.PAST, column, lengths=(day, 1)),
        )
    )
    calendar = (
        Feature(Kind.WEEKDAY),
        Feature(Kind.TIME_OF_DAY, lengths=(1,)),
        Feature(Kind.ANNUAL, lengths=(1,)),
    )
    return replace(
        plain,
        context=context or DAYS_BACK * day,
        normalisation=context or DAYS_BACK * day,
        start_seconds=None,
        features=known + calendar,
        anytime=(),
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where in the assembled features each declared block begins."""

    specification: Specification

    def of(self, kind: Kind, column: str | None = None) -> int:
        first = self.specification.context
        for feature in self.specification.features:
            if feature.kind is kind and feature.column == column:
                return first
            first += width(self.specification, (feature,))
        raise KeyError(kind)


def step_rows(specification: Specification) -> StepRows:
    """How the assembled features of one forecast become a row for each of its steps."""
    places = _Places(specification)
    steps = np.arange(specification.horizon)
    annual = places.of(Kind.ANNUAL)
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
    nearest = context + steps - day * (steps // day + 1)
    before = [nearest - day * back for back in range(DAYS_BACK)]
    return [np.clip(column, 0, context - 1) for column in latest + before]


def _known_columns(specification: Specification, places: _Places, steps: Rows) -> list[Rows]:
    """Each covariate at the step, and at the same time on the last day before the forecast."""
    day = specification.steps_per_day
    columns: list[Rows] = []
    for name in specification.known:
        columns.append(places.of(Kind.AHEAD, name) + steps)
        columns.append(places.of(Kind.PAST, name) + steps % day)
    return columns


def _mixture(specification: Specification, places: _Places, steps: Rows) -> NDArray[np.float32]:
    """The step, its local time of day as sine and cosine, and the weekday it all starts on."""
    mixed = np.zeros((feature_count(specification), len(steps), 4), dtype=np.float32)
    one, clock = feature_count(specification) - 1, places.of(Kind.TIME_OF_DAY)
    turn = 2 * np.pi * steps / specification.steps_per_day
    mixed[one, :, 0] = steps
    mixed[clock, :, 1], mixed[clock + 1, :, 1] = TURN * np.cos(turn), TURN * np.sin(turn)
    mixed[clock, :, 2], mixed[clock + 1, :, 2] = -TURN * np.sin(turn), TURN * np.cos(turn)
    weekday = places.of(Kind.WEEKDAY)
    mixed[weekday : weekday + 7, :, 3] = np.arange(7)[:, None]
    return mixed


def fit_boosted(
    specification: Specification,
    panel: Panel,
    origins: Rows,
    settings: BoostingSettings,
    on_round: Callable[[int], None],
) -> Fitted:
    """Trees fitted on the forecasts that start at `origins`, whose truth must be in `panel`."""
    laid = examples(specification, panel, _thinned(origins, specification))
    steps = step_rows(specification)
    boosted = fit_trees(steps.expand(laid.features), laid.targets.ravel(), settings, on_round)
    return Fitted(specification, TreeCore(boosted, steps))


def _thinned(origins: Rows, specification: Specification) -> Rows:
    """At most about `MOST_ROWS` of step rows, met at every time of day."""
    rows = len(origins) * specification.horizon * len(specification.targets)
    stride = coprime_stride(specification.steps_per_day, -(-rows // MOST_ROWS))
    return origins[::stride] if rows > MOST_ROWS else origins

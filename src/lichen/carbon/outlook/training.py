"""Train a zone's model on its history, and measure it by what it would have said.

Each Monday (UTC) a model is fitted on what was known by then and asked every six hours of the week
that follows: from what it missed come the quantiles. What is shipped is fitted on all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.calibration import Calibration
from lichen.carbon.outlook.model import (
    CONTEXT,
    Declared,
    declared,
    learnt_between,
    panel_of,
    weights_of,
)
from lichen.carbon.outlook.place import Place
from lichen.carbon.outlook.scoring import Judged
from lichen.carbon.outlook.series import DAY, Series
from lichen.core.errors import InvalidInput
from lichen.forecasting.fitting import assembled_at
from lichen.forecasting.inputs import restore
from lichen.forecasting.moments import Moments
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification

LEAST_DAYS = 28
"""Of history before there is a model: two weeks of context, four days ahead, ten days to learn."""
LEARNT_AFTER_DAYS = 21
"""Of history before the first Monday's model; until then the base alone is asked."""
ASKED_EVERY_HOURS = 6
WEEK = 7 * DAY
_MONDAY = 4 * DAY
"""Hours from 1970-01-01 (a Thursday) to the first Monday."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model as it is shipped.

    Attributes:
        specification: of its inputs.
        weights: `(features, horizon)`.
        quantiles: residual quantiles `(1, horizon, 1, levels)`, their width worked in.
        rows: hours of history that it saw.
        judged: forecasts whose truth its quantiles stand on.
    """

    specification: Specification
    weights: NDArray[np.float32]
    quantiles: NDArray[np.float32]
    rows: int
    judged: int


class Trainer:
    """Trains on ever more of one history; what was done for less of it is not done again.

    A fresh trainer that is given all at once comes to the same model.
    """

    def __init__(self, zone: str, place: Place, series: Series) -> None:
        """Begin with a history that may be longer than what is first trained on.

        Args:
            zone: names the model's target.
            place: of the sun and the clocks.
            series: the hours; row n of it must be the same hour for ever.

        Raises:
            InvalidInput: it is shorter than four weeks.
        """
        if series.rows < LEAST_DAYS * DAY:
            raise InvalidInput(
                f"{zone} has {series.rows / DAY:.1f} days of history, and a model needs "
                f"{LEAST_DAYS}: wait, or seed it with a file of intensities"
            )
        self.declared: Declared = declared(zone, place, series)
        self.panel: Panel = panel_of(self.declared.specification, place, series)
        self._series = series
        self._calibration = Calibration(series, self.declared.specification)
        self._learnt: Moments | None = None
        self._learnt_by = 0
        self._asked_by = CONTEXT
        self._weights = self.declared.base.astype(np.float32)
        least = series.first_hour + LEARNT_AFTER_DAYS * DAY
        self._monday = least + (_MONDAY - least) % WEEK - series.first_hour

    def train(self, until: int) -> Trained:
        """The model at row `until`, by the rows before it alone; never less than the last time."""
        while self._monday <= until:
            self._follow(self._monday)
            self._learn(self._monday)
            self._monday += WEEK
        self._follow(until)
        quantiles, judged = self._calibration.quantiles(until)
        return Trained(
            self.declared.specification,
            weights_of(self.declared, self._known_by(until)),
            quantiles[None, :, None, :].astype(np.float32),
            until,
            judged,
        )

    def judged(self, until: int) -> Judged | None:
        """What was said in the last 90 days before a row and came true; None when nothing did."""
        return self._calibration.judged(until)

    def _learn(self, row: int) -> None:
        """Fit on what is complete by a Monday, for the week that begins."""
        self._learnt = self._known_by(row)
        self._learnt_by = row
        self._weights = weights_of(self.declared, self._learnt)
        self._calibration.begin_week(row)

    def _known_by(self, row: int) -> Moments:
        fresh = learnt_between(self.declared, self.panel, self._series, self._learnt_by, row)
        return fresh if self._learnt is None else self._learnt + fresh

    def _follow(self, until: int) -> None:
        """Ask the week's model every six hours up to a row, and see what came true by then."""
        hours = self._series.first_hour + np.arange(self._asked_by, until)
        rows = (self._asked_by + np.flatnonzero(hours % ASKED_EVERY_HOURS == 0)).tolist()
        if rows:
            made = forecast(self.declared.specification, self.panel, self._weights, rows)
            self._calibration.note(rows, made)
        self._asked_by = max(self._asked_by, until)
        self._calibration.settle(until)


def forecast(
    specification: Specification, panel: Panel, weights: NDArray[np.float32], rows: list[int]
) -> Floats:
    """What a matrix says of the hours from some rows of a panel on, `(rows, horizon)`."""
    assembled = assembled_at(specification, panel, np.asarray(rows, dtype=np.int64))
    made = restore(specification, assembled, assembled.features @ weights)
    return np.maximum(made[:, :, 0], 0.0)

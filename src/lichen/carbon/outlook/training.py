"""Train a zone's model on its history, and measure it by what it would have said.

Each Monday (UTC) a model is fitted on what was known by then and asked every six hours of the week
that follows: the residuals of the last 90 days make the quantiles, and their width follows how
often the truth fell outside (adaptive conformal inference). What is shipped is fitted on all.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.model import (
    BANDS,
    CONTEXT,
    Declared,
    declared,
    learnt_between,
    panel_of,
    weights_of,
)
from lichen.carbon.outlook.place import Place
from lichen.carbon.outlook.record import HORIZON_HOURS
from lichen.carbon.outlook.scoring import Judged, profiles
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
ASKED_EVERY_HOURS = 6
RESIDUAL_DAYS = 90
PACE = 0.03
"""A step of the log width for a forecast that lies outside altogether, less what is expected."""
WIDEST, NARROWEST = 4.0, 0.25
LEAST_RESIDUALS = 8
_FIRST_GUESS = 0.25
"""Relative half-width of 80 % before a single forecast came true."""
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


@dataclass(slots=True)
class _Made:
    """Forecasts that were made on the way: origins, means, and the intervals they were given."""

    origins: list[int] = field(default_factory=list)
    means: list[Floats] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)


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
        self._place = place
        self._declared = declared(zone, place, series)
        self._series = series
        self._panel = panel_of(self._declared.specification, place, series)
        self._learnt: Moments | None = None
        self._learnt_by = 0
        self._made = _Made()
        self._settled = 0
        self._width = np.ones(len(BANDS))
        self._weeks_width = self._width.copy()
        self._next = self._first_monday()
        self._weights = self._declared.base.astype(np.float32)
        self._offsets = self._first_offsets()
        self._asked_by = 0

    @property
    def declared(self) -> Declared:
        """What is fitted."""
        return self._declared

    @property
    def panel(self) -> Panel:
        """The hours and the sun."""
        return self._panel

    def train(self, until: int) -> Trained:
        """The model at row `until`, by the rows before it alone; never less than the last time."""
        while self._next <= until:
            self._ask(self._next)
            self._settle(self._next)
            self._learn(self._next)
            self._next += WEEK
        self._ask(until)
        self._settle(until)
        fresh = learnt_between(self._declared, self._panel, self._series, self._learnt_by, until)
        learnt = fresh if self._learnt is None else self._learnt + fresh
        offsets, judged = self._residual_quantiles(until)
        quantiles = offsets * self._by_hour(self._width)[:, None]
        return Trained(
            self._declared.specification,
            weights_of(self._declared, learnt),
            quantiles[None, :, None, :].astype(np.float32),
            until,
            judged,
        )

    def judged(self, until: int) -> Judged | None:
        """What was said in the last 90 days before a row and came true; None when nothing did."""
        recent = self._recent(until)
        if len(recent) == 0:
            return None
        made, rows = self._made, np.asarray(self._made.origins, dtype=np.int64)[recent]
        said = [
            np.stack([one[place] for place in recent.tolist()])
            for one in (made.means, made.low, made.high)
        ]
        truth = self._series.recorded[rows[:, None] + np.arange(HORIZON_HOURS)]
        return Judged(truth, said[0], said[1], said[2], profiles(self._series, rows))

    def forecast(self, weights: NDArray[np.float32], rows: list[int]) -> Floats:
        """What a matrix says at some rows, `(rows, horizon)` in gCO2e/kWh."""
        return forecast(self._declared.specification, self._panel, weights, rows)

    def _first_monday(self) -> int:
        """The first that leaves enough to learn from; until then the base alone is asked."""
        least = self._series.first_hour + LEARNT_AFTER_DAYS * DAY
        return least + (_MONDAY - least) % WEEK - self._series.first_hour

    def _learn(self, row: int) -> None:
        """Fit on what is complete by a Monday, for the week that begins."""
        fresh = learnt_between(self._declared, self._panel, self._series, self._learnt_by, row)
        self._learnt = fresh if self._learnt is None else self._learnt + fresh
        self._learnt_by = row
        self._weights = weights_of(self._declared, self._learnt)
        self._offsets, _ = self._residual_quantiles(row)
        self._weeks_width = self._width.copy()

    def _ask(self, until: int) -> None:
        """What the week's model would have said every six hours up to a row."""
        first = max(self._asked_by, CONTEXT)
        self._asked_by = max(self._asked_by, until)
        hours = self._series.first_hour + np.arange(first, until)
        rows = (first + np.flatnonzero(hours % ASKED_EVERY_HOURS == 0)).tolist()
        if not rows:
            return
        width = self._by_hour(self._weeks_width)
        scale = self._declared.specification.scales[0]
        low, high = self._offsets[:, 0] * width * scale, self._offsets[:, -1] * width * scale
        for row, mean in zip(rows, self.forecast(self._weights, rows), strict=True):
            self._made.origins.append(row)
            self._made.means.append(mean)
            self._made.low.append(mean + low)
            self._made.high.append(mean + high)

    def _settle(self, until: int) -> None:
        """Move the width by the forecasts that have come true by a row."""
        made = self._made
        while (
            self._settled < len(made.origins)
            and made.origins[self._settled] + HORIZON_HOURS <= until
        ):
            place, row = self._settled, made.origins[self._settled]
            truth = self._series.recorded[row : row + HORIZON_HOURS]
            outside = (truth < made.low[place]) | (truth > made.high[place])
            self._move_width(outside, np.isfinite(truth))
            self._settled += 1

    def _move_width(self, outside: NDArray[np.bool_], recorded: NDArray[np.bool_]) -> None:
        levels = self._declared.specification.levels
        expected = 1.0 - (levels[-1] - levels[0])
        first = 0
        for number, (last, _) in enumerate(BANDS):
            known = recorded[first:last]
            if known.any():
                excess = float(outside[first:last][known].mean()) - expected
                moved = self._width[number] * np.exp(PACE * excess)
                self._width[number] = np.clip(moved, NARROWEST, WIDEST)
            first = last

    def _residual_quantiles(self, until: int) -> tuple[Floats, int]:
        """Of what came true in the last 90 days before a row, `(horizon, levels)`, scaled."""
        origins = np.asarray(self._made.origins, dtype=np.int64)
        recent = self._recent(until)
        if len(recent) < LEAST_RESIDUALS:
            return self._first_offsets(), 0
        truth = self._series.recorded[origins[recent, None] + np.arange(HORIZON_HOURS)]
        missed = truth - np.stack([self._made.means[place] for place in recent.tolist()])
        if np.isnan(missed).all(axis=0).any():
            return self._first_offsets(), 0
        specification = self._declared.specification
        quantiles = np.nanquantile(missed, specification.levels, axis=0).T
        return quantiles / specification.scales[0], len(recent)

    def _recent(self, until: int) -> NDArray[np.int64]:
        """Which of the forecasts that came true did so in the last 90 days before a row."""
        settled = np.asarray(self._made.origins[: self._settled], dtype=np.int64)
        return np.flatnonzero(settled + HORIZON_HOURS > until - RESIDUAL_DAYS * DAY)

    def _first_offsets(self) -> Floats:
        levels = np.asarray(self._declared.specification.levels)
        guess = _FIRST_GUESS * (levels - 0.5) / (levels[-1] - 0.5)
        return np.tile(guess, (HORIZON_HOURS, 1))

    @staticmethod
    def _by_hour(width: Floats) -> Floats:
        lengths = np.diff([0, *(last for last, _ in BANDS)])
        return np.repeat(width, lengths)


def forecast(
    specification: Specification, panel: Panel, weights: NDArray[np.float32], rows: list[int]
) -> Floats:
    """What a matrix says of the hours from some rows of a panel on, `(rows, horizon)`."""
    assembled = assembled_at(specification, panel, np.asarray(rows, dtype=np.int64))
    made = restore(specification, assembled, assembled.features @ weights)
    return np.maximum(made[:, :, 0], 0.0)

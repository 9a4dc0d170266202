"""How sure an outlook is: what earlier forecasts missed by, and how often the truth fell outside.

The deciles of the residuals of the last 90 days, hour by hour ahead, times a width for each band of
lead times that follows what came true (adaptive conformal inference, Gibbs and Candes, 2021).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.model import BANDS
from lichen.carbon.outlook.record import HORIZON_HOURS
from lichen.carbon.outlook.scoring import Judged, profiles
from lichen.carbon.outlook.series import DAY, Series
from lichen.forecasting.specification import Specification

RESIDUAL_DAYS = 90
PACE = 0.03
"""A step of the log width for a forecast that lies outside altogether, less what is expected."""
WIDEST, NARROWEST = 4.0, 0.25
LEAST_RESIDUALS = 8
_FIRST_GUESS = 0.25
"""Relative half-width of 80 % before enough forecasts came true."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Noted:
    """One forecast that was made: the row it starts at, its mean and its 80 % interval."""

    row: int
    mean: Floats
    low: Floats
    high: Floats


class Calibration:
    """Takes down forecasts as they are made, and their truth once it is complete."""

    def __init__(self, series: Series, specification: Specification) -> None:
        self._series = series
        self._levels = np.asarray(specification.levels)
        self._scale = specification.scales[0]
        self._noted: list[Noted] = []
        self._settled = 0
        self._width = np.ones(len(BANDS))
        self._weeks = self._first_guess()

    def note(self, rows: list[int], means: Floats) -> None:
        """Forecasts of one week, each with the interval that the week began with."""
        low, high = self._weeks[:, 0] * self._scale, self._weeks[:, -1] * self._scale
        for row, mean in zip(rows, means, strict=True):
            self._noted.append(Noted(row, mean, mean + low, mean + high))

    def begin_week(self, row: int) -> None:
        """From a row on, intervals are as is known by then."""
        self._weeks, _ = self.quantiles(row)

    def settle(self, until: int) -> None:
        """Move the width by the forecasts that have come true by a row."""
        while self._settled < len(self._noted):
            one = self._noted[self._settled]
            if one.row + HORIZON_HOURS > until:
                return
            truth = self._series.recorded[one.row : one.row + HORIZON_HOURS]
            self._move((truth < one.low) | (truth > one.high), np.isfinite(truth))
            self._settled += 1

    def quantiles(self, until: int) -> tuple[Floats, int]:
        """Of the residuals known by a row, as wide as it takes now, and of how many forecasts.

        They are `(horizon, levels)`, on the core's own scale.
        """
        recent = self._recent(until)
        lengths = np.diff([0, *(last for last, _ in BANDS)])
        width = np.repeat(self._width, lengths)[:, None]
        if len(recent) < LEAST_RESIDUALS:
            return self._first_guess() * width, 0
        missed = self._truth(recent) - np.stack([one.mean for one in recent])
        if np.isnan(missed).all(axis=0).any():
            return self._first_guess() * width, 0
        found = np.nanquantile(missed, self._levels, axis=0).T
        return found / self._scale * width, len(recent)

    def judged(self, until: int) -> Judged | None:
        """What came true in the last 90 days before a row; None when nothing did."""
        recent = self._recent(until)
        if not recent:
            return None
        mean, low, high = (
            np.stack(part)
            for part in zip(*((one.mean, one.low, one.high) for one in recent), strict=True)
        )
        rows = np.array([one.row for one in recent], dtype=np.int64)
        return Judged(self._truth(recent), mean, low, high, profiles(self._series, rows))

    def _recent(self, until: int) -> list[Noted]:
        oldest = until - RESIDUAL_DAYS * DAY
        return [one for one in self._noted[: self._settled] if one.row + HORIZON_HOURS > oldest]

    def _truth(self, noted: list[Noted]) -> Floats:
        rows = np.array([one.row for one in noted], dtype=np.int64)
        found: Floats = self._series.recorded[rows[:, None] + np.arange(HORIZON_HOURS)]
        return found

    def _move(self, outside: NDArray[np.bool_], recorded: NDArray[np.bool_]) -> None:
        expected = 1.0 - (self._levels[-1] - self._levels[0])
        first = 0
        for number, (last, _) in enumerate(BANDS):
            known = recorded[first:last]
            if known.any():
                excess = float(outside[first:last][known].mean() - expected)
                moved = self._width[number] * np.exp(PACE * excess)
                self._width[number] = np.clip(moved, NARROWEST, WIDEST)
            first = last

    def _first_guess(self) -> Floats:
        guess = _FIRST_GUESS * (self._levels - 0.5) / (self._levels[-1] - 0.5)
        return np.tile(guess, (HORIZON_HOURS, 1))

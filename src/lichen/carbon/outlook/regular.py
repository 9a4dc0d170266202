"""Values of one zone at a regular step, whatever it is, and their means over other steps."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.grids.fixed import SeriesIntensity
from lichen.core.errors import InvalidInput, NotFound, Unavailable

LEAST_KNOWN = 0.5
"""A step is missing when less than this share of it was spoken of."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RegularSeries:
    """One zone's intensity, step by step.

    Attributes:
        zone: the zone.
        start: when row 0 begins, UTC.
        step: how long each row is.
        values: gCO2e/kWh `(rows,)`, NaN where nothing is known.
        name: of where it comes from, for people.
    """

    zone: str
    start: datetime
    step: timedelta
    values: Floats
    name: str = "series"

    def __post_init__(self) -> None:
        if self.step <= timedelta(0) or not len(self.values):
            raise InvalidInput(f"{self.name}: a series needs a step above 0 and a value at least")

    @classmethod
    def of(cls, series: SeriesIntensity) -> "RegularSeries":
        """A file's values; steps that it does not hold are NaN.

        Raises:
            InvalidInput: a time lies between two steps.
        """
        first = series.times[0]
        rows = np.asarray(series.times, dtype=np.int64) - first
        if (rows % series.step_s).any():
            raise InvalidInput(
                f"{series.name} has times that are no multiple of its step of {series.step_s} s "
                "apart: give one value a step"
            )
        rows //= series.step_s
        values = np.full(int(rows[-1]) + 1, np.nan)
        values[rows] = series.values
        start = datetime.fromtimestamp(first, UTC)
        return cls(series.zone, start, timedelta(seconds=series.step_s), values, series.name)

    @property
    def rows(self) -> int:
        """How many steps."""
        return len(self.values)

    @property
    def end(self) -> datetime:
        """The first moment after the last row."""
        return self.start + self.rows * self.step

    def row_of(self, moment: datetime) -> int:
        """The row that holds a moment, or would: rows before it were over by then."""
        return (moment - self.start) // self.step

    def rows_over(self, now: datetime, horizon: timedelta) -> tuple[int, int]:
        """The row that holds `now`, and the first that begins after the horizon."""
        if horizon <= timedelta(0):
            raise InvalidInput(f"courses over {horizon} cannot be: ask for a time above 0")
        return self.row_of(now), -((self.start - now - horizon) // self.step)

    def check_zone(self, zone: str) -> None:
        """Raise NotFound for another zone than this."""
        if zone != self.zone:
            raise NotFound(f"this series is of {self.zone}, not of {zone}")

    def check_begun(self, now: datetime) -> int:
        """How many rows were over at a moment.

        Raises:
            Unavailable: none was.
        """
        over = min(self.row_of(now), self.rows)
        if over < 1:
            raise Unavailable(f"nothing of {self.zone} is known before {now:%Y-%m-%d %H:%M}Z")
        return over


def means_over(values: Floats, borders: Floats) -> Floats:
    """Means of steps of length 1 over other spans; NaN where less than half of one is known.

    Args:
        values: `(..., rows)`, row n from n to n + 1.
        borders: ascending `(spans + 1,)`, in rows; what lies outside the rows is not known.
    """
    known = np.isfinite(values)
    amount = _integral(np.where(known, values, 0.0), borders)
    length = _integral(known.astype(np.float64), borders)
    enough = length >= LEAST_KNOWN * np.diff(borders) - 1e-9
    means: Floats = np.full(amount.shape, np.nan)
    np.divide(amount, length, out=means, where=enough & (length > 0))
    return means


def _integral(values: Floats, borders: Floats) -> Floats:
    """Over each span between two borders."""
    rows = values.shape[-1]
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    inside = np.clip(borders, 0.0, rows)
    whole = np.minimum(inside.astype(np.int64), rows - 1)
    at = total[..., whole] + (inside - whole) * values[..., whole]
    return np.asarray(np.diff(at, axis=-1), dtype=np.float64)

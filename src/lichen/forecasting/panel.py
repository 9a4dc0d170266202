"""Several series on one regular time grid, with NaN where nothing was recorded."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Panel:
    """Targets and known covariates, one row a step.

    Attributes:
        start: UTC time of row 0, datetime64[s].
        step_seconds: seconds from one row to the next.
        values: float64 `(rows, series)`, the targets.
        known: float64 `(rows, covariates)`; it may have more rows than `values`, the rows ahead.
    """

    start: np.datetime64
    step_seconds: int
    values: NDArray[np.float64]
    known: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """Rows of targets."""
        return len(self.values)

    def time_of(self, rows: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """The UTC times of some rows."""
        return self.start + (rows * self.step_seconds).astype("timedelta64[s]")

    def row_at(self, moment: np.datetime64) -> int:
        """The first row at or after a UTC moment; may lie outside the panel."""
        seconds = int((moment.astype("datetime64[s]") - self.start).astype(np.int64))
        return -(-seconds // self.step_seconds)

    def until(self, row: int) -> "Panel":
        """Rows before `row` alone, of targets and covariates."""
        return replace(self, values=self.values[:row], known=self.known[:row])


def on_grid(
    times: NDArray[np.datetime64], values: Floats, known: Floats | None, step_seconds: int
) -> Panel:
    """A panel from rows in any order: gaps become NaN.

    Args:
        times: `(rows,)` UTC.
        values: `(rows, series)`.
        known: `(rows, covariates)` or None.
        step_seconds: the grid's step.

    Raises:
        InvalidInput: no rows, times off the grid, or two rows of one time.
    """
    seconds = np.asarray(times).astype("datetime64[s]").astype(np.int64)
    if seconds.size == 0:
        raise InvalidInput("there are no rows: give at least one context and one horizon")
    first = int(seconds.min())
    places, off = np.divmod(seconds - first, step_seconds)
    if off.any():
        late = np.datetime64(int(seconds[np.argmax(off != 0)]), "s")
        raise InvalidInput(f"the time {late}Z is off the grid of {step_seconds} s: resample first")
    rows = int(places.max()) + 1
    if len(np.unique(places)) != len(places):
        raise InvalidInput("two rows have one time: keep one of them, or name a series column")
    covariates = np.empty((len(values), 0)) if known is None else np.asarray(known)
    return Panel(
        np.datetime64(first, "s"),
        step_seconds,
        _spread(places, np.asarray(values), rows),
        _spread(places, covariates, rows),
    )


def _spread(places: NDArray[np.int64], columns: Floats, rows: int) -> NDArray[np.float64]:
    spread = np.full((rows, columns.shape[1]), np.nan)
    spread[places] = columns
    return spread

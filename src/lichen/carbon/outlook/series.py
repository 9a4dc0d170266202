"""A zone's history as an array of hours, its gaps filled from what came before them alone."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.hours import HOUR_S, Hours
from lichen.core.errors import InvalidInput
from lichen.forecasting.panel import Panel

DAY = 24
ANOMALY_DECAY = 0.9
"""What is left after an hour of how far the last value was from that of the day before."""
LONGEST_YEARS = 3


@dataclass(frozen=True, slots=True)
class Series:
    """Hours one after the other.

    Attributes:
        first_hour: of row 0, since 1970 in UTC.
        recorded: gCO2e/kWh `(rows,)`, NaN where nothing is known.
        filled: the same without NaN; a row depends on no later one.
    """

    first_hour: int
    recorded: NDArray[np.float64]
    filled: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """How many hours."""
        return len(self.recorded)

    def until(self, row: int) -> "Series":
        """What was known when row `row` began."""
        return replace(self, recorded=self.recorded[:row], filled=self.filled[:row])

    def start(self) -> np.datetime64:
        """When row 0 begins, UTC."""
        return np.datetime64(self.first_hour * HOUR_S, "s")

    def panel(self, known: NDArray[np.float64]) -> Panel:
        """The filled hours beside covariates `(rows or more, columns)`."""
        return Panel(self.start(), HOUR_S, self.filled[:, None], known)


def series_of(hours: Hours, until_hour: int | None = None) -> Series:
    """The history from its first hour to its last, or up to `until_hour` (not included).

    Raises:
        InvalidInput: there is none.
    """
    known = {
        hour: value for hour, value in hours.items() if until_hour is None or hour < until_hour
    }
    if not known:
        raise InvalidInput("there is no hour of history to look at")
    first = min(known)
    last = max(known) + 1 if until_hour is None else until_hour
    first = max(first, last - LONGEST_YEARS * 366 * DAY)
    recorded = np.full(last - first, np.nan)
    for hour, value in known.items():
        if hour >= first:
            recorded[hour - first] = value
    return Series(first, recorded, filled(recorded))


def filled(recorded: NDArray[np.float64]) -> NDArray[np.float64]:
    """A missing hour is that of the day before, plus what is left of the last difference to it.

    So each depends on earlier hours alone, and nothing that came true later is looked at.
    """
    whole = recorded.copy()
    for row in np.flatnonzero(np.isnan(recorded)).tolist():
        if row == 0:
            whole[row] = 0.0
        elif row < DAY + 1:
            whole[row] = whole[row - 1]
        else:
            anomaly = whole[row - 1] - whole[row - 1 - DAY]
            whole[row] = max(0.0, whole[row - DAY] + ANOMALY_DECAY * anomaly)
    return whole

"""Courses of a zone's intensity from its past values alone: the platform's own foresight.

The mean is the season of the last weeks (`seasons.py`) and what is left of the present anomaly;
the courses lie about it as the truth lay about what would have been said at this time of the last
days, whole trajectories at a time, so that what hours have in common is kept. Only rows that were
over when the question is asked are looked at, from the first day of a series on.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.carbon.outlook.place import place_of
from lichen.carbon.outlook.regular import Floats, RegularSeries, means_over
from lichen.carbon.outlook.seasons import Fading, Seasons
from lichen.core.errors import InvalidInput, Unavailable
from lichen.forecasting.calendar import local_seconds, weekday

Rows = NDArray[np.int64]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONGEST = timedelta(days=32)
MEMBERS = 28
LEAST_MEMBERS = 3
RECENT = timedelta(hours=1)
ANOMALY_LIFE = timedelta(hours=40)
FILL_DECAY_AN_HOUR = 0.9
STALEST = timedelta(days=2)
"""How old the newest value may be."""


class PastCourses:
    """Courses of one series; the answer depends on nothing but the rows that were over."""

    def __init__(self, series: RegularSeries) -> None:
        """Begin with a whole series, of which each question sees its own past.

        Raises:
            InvalidInput: the step is longer than a day.
        """
        if series.step > DAY:
            raise InvalidInput(f"{series.name}: courses need a step of a day at most")
        self._series = series
        cell = HOUR / 2 if series.step <= HOUR / 2 else HOUR
        self._ratio = series.step / cell
        self._day = DAY // cell
        self._fading = Fading(RECENT // cell, ANOMALY_LIFE / cell)
        cells = _in_cells(series.values, self._ratio)
        self._filled = filled(cells, self._day, FILL_DECAY_AN_HOUR ** (cell / HOUR))
        self._last_known = _last_known(series.values)
        weekdays = _weekdays(series, cell, len(cells) + (LONGEST + STALEST + 2 * DAY) // cell)
        self._seasons = Seasons(self._filled, self._day, weekdays) if len(cells) else None

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """See EnsembleSource.

        Raises:
            NotFound: the series is of another zone.
            Unavailable: nothing was known by then, or nothing of the last two days.
            InvalidInput: the horizon is not above 0, or over 32 days.
        """
        series = self._series
        series.check_zone(zone)
        first, last = series.rows_over(now, horizon)
        if horizon > LONGEST:
            raise InvalidInput(f"courses over {horizon / DAY:g} days cannot be: ask for 32 at most")
        over = series.check_begun(now)
        newest = int(self._last_known[over - 1])
        if (first - 1 - newest) * series.step > STALEST:
            raise Unavailable(f"nothing of {zone} is known of the two days before {now:%Y-%m-%d}")
        known = _cells_in(over, self._ratio)
        count = int(np.ceil(last * self._ratio)) - known
        if self._seasons is None or known < self._day:
            courses = np.full((1, count), series.values[newest])
        else:
            courses = self._courses(self._seasons, known, count)
        members = _in_steps(courses, known, self._ratio, (first, last))
        start = series.start + first * series.step
        return Ensemble(zone, now, start, series.step, members, f"past of {series.name}", "courses")

    def _courses(self, seasons: Seasons, known: int, count: int) -> Floats:
        """The courses `(members, count)` from a cell on, by those before it."""
        day = self._day
        backs = np.arange(min(MEMBERS, known // day - 1) + 1) * day
        means = seasons.means(known - backs, count, self._fading)
        if len(backs) <= LEAST_MEMBERS:
            return np.asarray(np.maximum(means[:1], 0.0))
        missed = _missed(self._filled[:known], means[1:], day)
        return np.asarray(np.maximum(means[0] + missed - missed.mean(axis=0), 0.0))


def filled(cells: Floats, day: int, decay: float) -> Floats:
    """A missing cell is that of the day before, plus what is left of the last difference to it.

    So each depends on earlier ones alone, and nothing that came true later is looked at.
    """
    whole = cells.copy()
    for row in np.flatnonzero(np.isnan(cells)).tolist():
        if row <= day:
            whole[row] = whole[row - 1] if row else 0.0
        else:
            anomaly = whole[row - 1] - whole[row - 1 - day]
            whole[row] = max(0.0, whole[row - day] + decay * anomaly)
    return whole


def _missed(cells: Floats, means: Floats, day: int) -> Floats:
    """What earlier forecasts missed by; what has not come true of one is as its last known day."""
    count = means.shape[1]
    missed = np.empty(means.shape)
    for place, mean in enumerate(means):
        first = len(cells) - (place + 1) * day
        length = min((place + 1) * day, count)
        missed[place, :length] = cells[first : first + length] - mean[:length]
        if length < count:
            rest = np.arange(count - length)
            missed[place, length:] = missed[place, length - day + rest % day]
    return missed


def _in_cells(values: Floats, ratio: float) -> Floats:
    """Rows as means over whole cells, of which one row is `ratio`."""
    if ratio == 1.0:
        return values
    return means_over(values, np.arange(_cells_in(len(values), ratio) + 1) / ratio)


def _cells_in(rows: int, ratio: float) -> int:
    """How many cells are over when so many rows are."""
    return int(rows * ratio + 1e-9)


def _weekdays(series: RegularSeries, cell: timedelta, count: int) -> Rows:
    """The local day of the week of each cell, where it is known what clocks a zone lives by."""
    start = np.datetime64(series.start.astimezone(UTC).replace(tzinfo=None), "s")
    moments = start + np.arange(count) * np.timedelta64(cell // timedelta(seconds=1), "s")
    return weekday(local_seconds(place_of(series.zone).timezone, moments))


def _in_steps(courses: Floats, known: int, ratio: float, rows: tuple[int, int]) -> Floats:
    """Courses of cells from cell `known` on, as means over the rows asked for."""
    first, last = rows
    if ratio == 1.0 and first == known:
        return courses
    borders = np.arange(first, last + 1) * ratio - known
    return means_over(courses, np.clip(borders, 0.0, courses.shape[1]))


def _last_known(values: Floats) -> Rows:
    """The last row with a value up to each row; far before the first where there is none."""
    rows = np.where(np.isfinite(values), np.arange(len(values)), -(10**9))
    return np.asarray(np.maximum.accumulate(rows), dtype=np.int64)

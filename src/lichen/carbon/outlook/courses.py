"""Courses of a zone's intensity from its past values alone: the platform's own foresight.

The mean is the profile of the last days plus what is left of the present anomaly; the courses lie
about it as the truth lay about what would have been said at this time of the last days, whole
trajectories at a time, so that what hours have in common is kept. Only rows that were over when the
question is asked are looked at, from the first day of a series on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.carbon.outlook.regular import Floats, RegularSeries, means_over
from lichen.core.errors import InvalidInput, Unavailable

Rows = NDArray[np.int64]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONGEST = timedelta(days=32)
PROFILE_DAYS = 14
MEMBERS = 28
ANOMALY = timedelta(hours=3)
ANOMALY_LIFE = timedelta(hours=24)
FILL_DECAY_AN_HOUR = 0.9
STALEST = timedelta(days=2)
"""How old the newest value may be."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Lengths, counted in the cells that courses are made in."""

    day: int
    anomaly: int
    life: float


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
        self._cell = HOUR / 2 if series.step <= HOUR / 2 else HOUR
        ratio = series.step / self._cell
        cells = _in_cells(series.values, ratio)
        self._shape = Shape(DAY // self._cell, ANOMALY // self._cell, ANOMALY_LIFE / self._cell)
        decay = FILL_DECAY_AN_HOUR ** (self._cell / HOUR)
        self._filled = filled(cells, self._shape.day, decay)
        self._last_known = _last_known(series.values)

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
        if (first - 1 - self._last_known[over - 1]) * series.step > STALEST:
            raise Unavailable(f"nothing of {zone} is known of the two days before {now:%Y-%m-%d}")
        ratio = series.step / self._cell
        known = int(over * ratio)
        cells = self._filled[: max(known, 1)] if known else series.values[:1]
        count = int(np.ceil(last * ratio)) - known
        courses = courses_of(cells, count, self._shape)
        members = _in_steps(courses, known, ratio, (first, last))
        start = series.start + first * series.step
        return Ensemble(zone, now, start, series.step, members, f"past of {series.name}", "courses")


def courses_of(cells: Floats, count: int, shape: Shape) -> Floats:
    """The courses `(members, count)` that follow on some cells without NaN."""
    day = shape.day
    days = len(cells) // day
    if days < 1:
        return np.full((1, count), float(cells[-1]))
    backs = np.arange(0, min(MEMBERS, days - 1) + 1) * day
    means = _means(cells, backs, count, shape)
    if len(backs) < 3:
        return np.asarray(np.maximum(means[:1], 0.0))
    missed = _missed(cells, means[1:], day)
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


def _means(cells: Floats, backs: Rows, count: int, shape: Shape) -> Floats:
    """What is said now, and what would have been said so many cells ago, `(backs, count)`."""
    day = shape.day
    days = len(cells) // day
    table = cells[len(cells) - days * day :].reshape(days, day)
    total = np.concatenate([np.zeros((1, day)), np.cumsum(table, axis=0)])
    until = days - backs // day
    since = np.maximum(until - PROFILE_DAYS, 0)
    profiles = (total[until] - total[since]) / (until - since)[:, None]
    recent = np.stack([table[row - 1, day - shape.anomaly :] for row in until.tolist()])
    anomaly = (recent - profiles[:, day - shape.anomaly :]).mean(axis=1)
    ahead = np.arange(count)
    fading = np.exp(-(ahead + 1) / shape.life)
    return np.asarray(profiles[:, ahead % day] + anomaly[:, None] * fading)


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
    return means_over(values, np.arange(int(len(values) * ratio) + 1) / ratio)


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

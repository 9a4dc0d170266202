"""Days and weeks of an intensity as they were known at each of its cells: one pass, past only.

A level that follows the last weeks, the shape of a day that follows the last days, and Saturdays
and Sundays apart from both, shrunk as far as that does not stand out of its scatter. All are
smoothed exponentially (C. C. Holt 1957, P. R. Winters 1960), which follows a season more closely
than a window that ends at once. What is left is the anomaly, which fades.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

LEAST_WEEKS = 2
"""Of each day of the week, before the weekend is told apart."""
CAUTION = 3.0
"""How many times its squared error the square of a weekend's distance is held against."""
WEEKEND = (5, 6)
_WORKING = np.arange(5)


@dataclass(frozen=True, slots=True)
class Memories:
    """In how many days what was seen loses two thirds of its weight.

    Attributes:
        level: of the level.
        shapes: of the shape of the day, the mean of as many.
        weekend: of the distance of a Saturday or a Sunday.
    """

    level: float = 20.0
    shapes: tuple[float, ...] = (3.0, 10.0)
    weekend: float = 84.0


USUAL = Memories()


@dataclass(frozen=True, slots=True)
class Fading:
    """Over how many cells the present anomaly is taken, and how many it lives."""

    recent: int
    life: float


class Seasons:
    """What each cell's past says of the cells after it."""

    def __init__(self, cells: Floats, day: int, weekdays: Rows, memories: Memories = USUAL) -> None:
        """Go once through the cells, a round of a day at a time.

        Args:
            cells: without NaN `(cells,)`; nothing about a cell depends on a later one.
            day: cells of a day.
            weekdays: 0 for Monday to 6 for Sunday of each cell, and of those to be foreseen.
            memories: how long what was seen counts.
        """
        rounds = len(cells) // day
        self._cells, self._day, self._weekdays = cells, day, weekdays
        self._shapes = np.zeros((rounds + 1, day))
        self._apart = np.zeros((rounds + 1, 7))
        self._levels = np.full(len(cells) + 1, cells[0])
        self._level_gain = 1 / (memories.level * day)
        shapes, weekend = np.zeros((len(memories.shapes), day)), _Weekend(memories.weekend / 7)
        for number in range(rounds + 1):
            span = slice(number * day, min((number + 1) * day, len(cells)))
            level = float(self._levels[span.start])
            self._follow_level(span, number)
            if number == rounds:
                return
            kinds = weekdays[span]
            missed = cells[span] - self._shapes[number] - level
            even = cells[span] - self._apart[number][kinds]
            gains = np.maximum(1 / (number + 1), 1 / np.array(memories.shapes))
            shapes = shapes + gains[:, None] * (even - even.mean() - shapes)
            if number:
                weekend.learn(missed, kinds)
            self._shapes[number + 1] = shapes.mean(axis=0)
            self._apart[number + 1] = weekend.apart()

    def means(self, rows: Rows, count: int, fading: Fading) -> Floats:
        """What would be said at some cells of the `count` cells from there on `(rows, count)`.

        Args:
            rows: cells of one time of day, none in the first day of all.
            count: how many cells to foresee.
            fading: of the anomaly.
        """
        day = self._day
        shapes, apart = self._shapes[rows // day], self._apart[rows // day]
        back = rows[:, None] - 1 - np.arange(fading.recent)
        usual = _along(shapes, back % day) + _along(apart, self._weekdays[back])
        levels = self._levels[rows][:, None]
        anomalies = (self._cells[back] - usual).mean(axis=1, keepdims=True) - levels
        ahead = np.arange(count)
        fades = np.exp(-(ahead + 1) / fading.life)
        shaped = shapes[:, (int(rows[0]) + ahead) % day]
        weekends = _along(apart, self._weekdays[rows[:, None] + ahead])
        return np.asarray(levels + shaped + weekends + anomalies * fades, dtype=np.float64)

    def _follow_level(self, span: slice, number: int) -> None:
        """The level after each cell of a round."""
        usual = (
            self._shapes[number]
            + self._apart[number][self._weekdays[span.start : span.start + self._day]]
        )
        values = self._cells[span] - usual[: span.stop - span.start]
        level, slowest = float(self._levels[span.start]), self._level_gain
        for place, value in enumerate(values.tolist(), span.start + 1):
            level += max(1 / place, slowest) * (value - level)
            self._levels[place] = level


class _Weekend:
    """How far each day of the week lies from the level, and how far that scatters."""

    def __init__(self, memory_weeks: float) -> None:
        self._memory_weeks = memory_weeks
        self._distance = np.zeros(7)
        self._scatter = np.zeros(7)
        self._weeks = np.zeros(7)

    def learn(self, missed: Floats, kinds: Rows) -> None:
        """From what level and shape missed in one round, by its days of the week."""
        for weekday in np.unique(kinds).tolist():
            mine = kinds == weekday
            share = float(mine.mean())
            self._weeks[weekday] += share
            slowest = 1 / self._memory_weeks
            gain = min(1.0, share * max(1 / float(self._weeks[weekday]), slowest))
            surprise = float(missed[mine].mean()) - self._distance[weekday]
            self._distance[weekday] += gain * surprise
            self._scatter[weekday] += gain * (surprise**2 * (1 - gain) - self._scatter[weekday])

    def apart(self) -> Floats:
        """Saturday and Sunday beside the working days `(7,)`, as far as that is sure."""
        found = np.zeros(7)
        if self._weeks.min() < LEAST_WEEKS:
            return found
        usual = self._distance[_WORKING].mean()
        for weekday in WEEKEND:
            distance = float(self._distance[weekday] - usual)
            seen = min(float(self._weeks[weekday]), 2 * self._memory_weeks)
            spread = float(self._scatter[weekday] + self._scatter[_WORKING].mean() / 5) / seen
            square = distance**2
            found[weekday] = distance * square / (square + CAUTION * spread + 1e-9)
        return found


def _along(table: Floats, columns: Rows) -> Floats:
    return np.asarray(np.take_along_axis(table, columns, axis=1), dtype=np.float64)

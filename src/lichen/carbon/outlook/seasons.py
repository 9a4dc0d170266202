"""Days and weeks of an intensity as they were known at each of its cells: one pass, past only.

By cell of the day the newest values count most (exponential smoothing, averaged over three
memories), which follows a season more closely than a window that ends at once. Saturdays and
Sundays lie apart from the profile by what they did in the last weeks, shrunk as far as that does
not stand out of its scatter. What is left is the anomaly, which fades.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MEMORIES_DAYS = (7.0, 14.0, 28.0)
WEEKEND_MEMORY_DAYS = 84.0
LEAST_WEEKS = 2
"""Of each day of the week, before the weekend is told apart."""
CAUTION = 3.0
"""How many times its squared error the square of a weekend's distance is held against."""
WEEKEND = (5, 6)


@dataclass(frozen=True, slots=True)
class Fading:
    """How the present anomaly is taken and fades, in cells."""

    recent: int
    life: float


class Seasons:
    """What each cell's past says of the cells after it."""

    def __init__(self, cells: Floats, day: int, weekdays: NDArray[np.int64]) -> None:
        """Go once through the cells.

        Args:
            cells: without NaN `(cells,)`; nothing about a cell depends on a later one.
            day: cells of a day.
            weekdays: 0 for Monday to 6 for Sunday of each cell, and of those to be foreseen.
        """
        rounds = -(-len(cells) // day)
        whole = np.full(rounds * day, np.nan)
        whole[: len(cells)] = cells
        self._day = day
        self._weekdays = weekdays
        self._profiles = np.empty((rounds, day))
        self._apart = np.zeros((rounds + 1, 7))
        anomalies = np.empty((rounds, day))
        table = whole.reshape(rounds, day)
        kinds = weekdays[: rounds * day].reshape(rounds, day)
        weekend = _Weekend()
        profiles = np.repeat(table[:1], len(MEMORIES_DAYS), axis=0)
        profiles = np.where(np.isnan(profiles), cells[0], profiles)
        for number, (values, kind) in enumerate(zip(table, kinds, strict=True)):
            missed = values - self._apart[number][kind] - profiles
            if number and not np.isnan(values[-1]):
                weekend.learn(values - profiles[1], kind)
            gains = np.maximum(1 / (number + 1), 1 / np.array(MEMORIES_DAYS))
            profiles = profiles + np.where(np.isnan(missed), 0.0, gains[:, None] * missed)
            self._profiles[number] = profiles.mean(axis=0)
            anomalies[number] = values - self._apart[number][kind] - self._profiles[number]
            self._apart[number + 1] = weekend.apart()
        self._anomalies = anomalies.ravel()

    def means(self, rows: Rows, count: int, fading: Fading) -> Floats:
        """What would be said at some cells of the `count` cells from there on `(rows, count)`.

        Args:
            rows: cells of one time of day, none in the first day of all.
            count: how many cells to foresee.
            fading: of the anomaly.
        """
        day = self._day
        place, rounds = int(rows[0]) % day, rows // day
        ahead = np.arange(count)
        passed = np.arange(day) < place
        newest = self._profiles[np.minimum(rounds, len(self._profiles) - 1)]
        profiles = np.where(passed, newest, self._profiles[rounds - 1])
        recent = self._anomalies[rows[:, None] - 1 - np.arange(fading.recent)].mean(axis=1)
        apart = np.take_along_axis(
            self._apart[rounds], self._weekdays[rows[:, None] + ahead], axis=1
        )
        fades = np.exp(-(ahead + 1) / fading.life)
        means: Floats = profiles[:, (place + ahead) % day] + recent[:, None] * fades + apart
        return means


class _Weekend:
    """How far each day of the week lies from the profile, and how far that scatters."""

    def __init__(self) -> None:
        self._distance = np.zeros(7)
        self._scatter = np.zeros(7)
        self._weeks = np.zeros(7)

    def learn(self, missed: Floats, kind: NDArray[np.int64]) -> None:
        """From what a profile missed in one round of cells, by their day of the week."""
        for weekday in np.unique(kind).tolist():
            mine = kind == weekday
            share = float(mine.mean())
            self._weeks[weekday] += share
            slowest = 7 / WEEKEND_MEMORY_DAYS
            gain = min(1.0, share * max(1 / float(self._weeks[weekday]), slowest))
            surprise = float(missed[mine].mean()) - self._distance[weekday]
            self._distance[weekday] += gain * surprise
            self._scatter[weekday] += gain * (surprise**2 * (1 - gain) - self._scatter[weekday])

    def apart(self) -> Floats:
        """Saturday and Sunday beside the working days `(7,)`, as far as that is sure."""
        found = np.zeros(7)
        if self._weeks.min() < LEAST_WEEKS:
            return found
        working = np.arange(5)
        usual = self._distance[working].mean()
        for weekday in WEEKEND:
            distance = float(self._distance[weekday] - usual)
            seen = min(float(self._weeks[weekday]), 2 * WEEKEND_MEMORY_DAYS / 7)
            spread = float(self._scatter[weekday] + self._scatter[working].mean() / 5) / seen
            square = distance**2
            found[weekday] = distance * square / (square + CAUTION * spread + 1e-9)
        return found

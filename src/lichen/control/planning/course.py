"""The courses of one zone from now on, on steps whose first begins now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.outlook.ensemble import Ensemble
from lichen.control.planning.need import MICROSECOND, Spans

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
DAY = timedelta(days=1)
FAR = 10**16
"""Microseconds, 317 years: where the endless last step ends."""
LONGEST = timedelta(days=35)
"""Beyond it nothing is planned by the hour."""
J_PER_KWH = 3.6e6
NOTIONAL = 500.0
"""gCO2e/kWh of a zone of which nothing is known: enough to order the jobs, shown to nobody."""


@dataclass(frozen=True, slots=True)
class Course:
    """What each microsecond from now on costs, for a draw of 1 W.

    Attributes:
        zone: the zone.
        edges: borders of the steps, the first 0 `(steps + 1,)`; the last step is endless.
        prices: grams for a watt and a microsecond, by member `(members, steps)`.
        mean: the same, of the mean course `(steps,)`.
        grams: grams for a watt from now to each border but the last, by member `(members, steps)`.
        mean_grams: the same, of the mean course `(steps,)`.
        step: microseconds of a whole step.
        is_known: whether an outlook speaks of the zone.
        repeats_from: where the last known day begins to be repeated; None where it is not.
    """

    zone: str
    edges: Whole
    prices: Floats
    mean: Floats
    grams: Floats
    mean_grams: Floats
    step: int
    is_known: bool = True
    repeats_from: int | None = None

    def mean_grams_of(self, spans: Spans) -> float:
        """The mean of `grams_of`, without the members."""
        moments = np.asarray(spans, dtype=np.int64)
        step = np.searchsorted(self.edges, moments, side="right") - 1
        until = self.mean_grams[step] + self.mean[step] * (moments - self.edges[step])
        return float((until[:, 1] - until[:, 0]).sum())

    def prices_at(self, moments: Whole) -> Floats:
        """The price at each moment, by member `(members, moments)`."""
        return self.prices[:, np.searchsorted(self.edges, moments, side="right") - 1]

    @property
    def planned_until(self) -> int:
        """Where the endless last step begins."""
        return int(self.edges[-2])

    def grams_of(self, spans: Spans) -> Floats:
        """Grams of running in these spans with 1 W, by member `(members,)`."""
        borders = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
        starts, ends = self.grams_until(borders[:, 0]), self.grams_until(borders[:, 1])
        return np.asarray((ends - starts).sum(axis=1), dtype=np.float64)

    def grams_until(self, moments: Whole) -> Floats:
        """Grams from now to each moment with 1 W, by member `(members, moments)`."""
        step = np.searchsorted(self.edges, moments, side="right") - 1
        within = self.prices[:, step] * (moments - self.edges[step])
        return np.asarray(self.grams[:, step] + within, dtype=np.float64)


def merged(*borders: Whole) -> Whole:
    """All borders in order, each once; by sorting, where `np.unique` takes ten times as long."""
    every = np.concatenate(borders)
    every.sort()
    fresh = np.ones(len(every), dtype=np.bool_)
    np.not_equal(every[1:], every[:-1], out=fresh[1:])
    return every[fresh]


def course_of(ensemble: Ensemble, now: datetime, until: datetime) -> Course:
    """An ensemble seen from `now`; where it ends before `until` its last day is repeated.

    The repetition keeps the time of day, and ends 35 days from now; whatever lies beyond costs the
    mean of the repeated day.
    """
    step = ensemble.step // MICROSECOND
    begins = (ensemble.start - now) // MICROSECOND
    wanted = min(until - now, LONGEST) // MICROSECOND
    known = ensemble.members.shape[1]
    steps = max(known, -(-(wanted - begins) // step), 1 - begins // step)
    members = _repeated(ensemble.members, steps, max(1, round(DAY / ensemble.step)))
    first = max(0, -begins // step)
    edges = begins + step * np.arange(first, steps + 1, dtype=np.int64)
    edges[0] = 0
    repeats = steps > known
    return _course(
        ensemble.zone,
        edges,
        members[:, first:] / J_PER_KWH,
        step,
        repeats_from=max(0, begins + known * step) if repeats else None,
    )


def unknown_course(zone: str) -> Course:
    """Of a zone of which nothing is known: the sooner the better, over a week of quarter hours."""
    step = timedelta(minutes=15) // MICROSECOND
    edges = step * np.arange(7 * 24 * 4 + 1, dtype=np.int64)
    rising = NOTIONAL * (1 + np.arange(len(edges) - 1) / 100)
    return _course(zone, edges, rising[np.newaxis] / J_PER_KWH, step, is_known=False)


def _course(
    zone: str,
    edges: Whole,
    rates: Floats,
    step: int,
    *,
    is_known: bool = True,
    repeats_from: int | None = None,
) -> Course:
    """From grams a joule by step; an endless step at the mean of the last day is added."""
    day = max(1, round(DAY / (step * MICROSECOND)))
    endless = rates[:, -day:].mean(axis=1, keepdims=True)
    prices = np.concatenate([rates, endless], axis=1) / 1e6
    grams = np.zeros_like(prices)
    np.cumsum(prices[:, :-1] * np.diff(edges), axis=1, out=grams[:, 1:])
    whole = np.append(edges, np.int64(FAR))
    means = prices.mean(axis=0), grams, grams.mean(axis=0)
    return Course(zone, whole, prices, *means, step, is_known, repeats_from)


def _repeated(members: Floats, steps: int, day: int) -> Floats:
    """The members, lengthened to so many steps by repeating the last day of each."""
    known = members.shape[1]
    if steps <= known:
        return members
    period = min(day, known)
    later = known - period + np.arange(steps - known) % period
    return np.concatenate([members, members[:, later]], axis=1)

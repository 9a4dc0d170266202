"""Ensembles that are given: the truth, the truth with noise, the last day, a constant, none.

They are what published work assumes, and what the platform's own courses are measured against.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from lichen.carbon.intensity import checked_g_per_kwh
from lichen.carbon.outlook.ensemble import Ensemble
from lichen.carbon.outlook.regular import Floats, RegularSeries
from lichen.core.errors import InvalidInput, LichenError, Unavailable


@dataclass(frozen=True, slots=True)
class ReplayEnsemble:
    """The truth: what a clairvoyant would have been told."""

    series: RegularSeries

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """See EnsembleSource; it ends where the series ends or has a gap."""
        return _one_course(self.series, self.series.values, zone, now, horizon, "perfect")


class NoisyEnsemble:
    """The truth and an error that is drawn once a step: the same however often one asks.

    P. Wiesner et al., "Let's Wait Awhile" (Middleware 2021): independent, normal, its standard
    deviation a share of the series' mean.
    """

    def __init__(self, series: RegularSeries, share: float, seed: int = 0) -> None:
        """Draw the errors.

        Raises:
            InvalidInput: the share is negative.
        """
        if not 0.0 <= share < float("inf"):
            raise InvalidInput(f"noise of {share} of the mean cannot be: give 0 or more")
        deviation = share * float(np.nanmean(series.values))
        drawn = np.random.default_rng(seed).normal(0.0, deviation, series.rows)
        self._series = series
        self._values = np.maximum(series.values + drawn, 0.0)
        self._share = share

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """See EnsembleSource; it ends where the series ends or has a gap."""
        method = f"noise:{self._share:g}"
        return _one_course(self._series, self._values, zone, now, horizon, method)


@dataclass(frozen=True, slots=True)
class PersistentEnsemble:
    """The day that was known last comes again and again; in the first day, the last value stays.

    Persistence by the day, as schedulers are compared with it: of a value that stays for ever no
    time is cleaner than another.
    """

    series: RegularSeries

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """See EnsembleSource."""
        series = self.series
        series.check_zone(zone)
        over = series.check_begun(now)
        known = series.values[:over][np.isfinite(series.values[:over])]
        if not len(known):
            raise Unavailable(f"nothing of {zone} is known before {now:%Y-%m-%d %H:%M}Z")
        first, last = series.rows_over(now, horizon)
        day = max(1, round(timedelta(days=1) / series.step))
        again = series.values[over - day : over] if over >= day else known[-1:]
        again = np.where(np.isfinite(again), again, known[-1])
        members = again[(np.arange(first, last) - over) % len(again)][None, :]
        start = series.start + first * series.step
        return Ensemble(
            zone, now, start, series.step, members, f"last day of {series.name}", "persistence"
        )


@dataclass(frozen=True, slots=True)
class FixedEnsemble:
    """The same figure for every zone and step."""

    g_per_kwh: float
    step: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        checked_g_per_kwh(self.g_per_kwh, "fixed courses")

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """See EnsembleSource; its first step begins now."""
        if horizon <= timedelta(0):
            raise InvalidInput(f"courses over {horizon} cannot be: ask for a time above 0")
        members = np.full((1, -(-horizon // self.step)), self.g_per_kwh)
        return Ensemble(zone, now, now, self.step, members, "fixed courses", "fixed")


@dataclass(frozen=True, slots=True)
class NoEnsemble:
    """Nobody foresees anything: what a platform without history has."""

    reason: LichenError

    def ensemble(self, zone: str, now: datetime, horizon: timedelta) -> Ensemble:
        """See EnsembleSource: it has nothing to say."""
        del now, horizon
        raise Unavailable(f"nothing is foreseen of {zone}: {self.reason}")


def _one_course(
    series: RegularSeries,
    values: Floats,
    zone: str,
    now: datetime,
    horizon: timedelta,
    method: str,
) -> Ensemble:
    """The part of a whole course that is asked for, as far as it goes."""
    series.check_zone(zone)
    first, last = series.rows_over(now, horizon)
    course = values[max(first, 0) : last] if first >= 0 else values[:0]
    gaps = np.flatnonzero(np.isnan(course))
    course = course[: gaps[0]] if len(gaps) else course
    if not len(course):
        raise Unavailable(f"{series.name} holds nothing at {now:%Y-%m-%d %H:%M}Z")
    start = series.start + first * series.step
    return Ensemble(zone, now, start, series.step, course[None, :].copy(), series.name, method)

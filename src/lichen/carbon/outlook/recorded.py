"""Outlooks that are given, for tests, simulation and operators who have a forecast of their own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.carbon.grids.fixed import SeriesIntensity
from lichen.carbon.intensity import Kind, Scope, Signal, checked_g_per_kwh
from lichen.carbon.outlook.record import DECILES, HOUR, Outlook, Step, hour_of, hours_in
from lichen.core.clock import Clock
from lichen.core.errors import LichenError, Unavailable


@dataclass(frozen=True, slots=True)
class FixedOutlook:
    """The same figure for every zone and hour; `spread` is the relative half-width of 80 %."""

    g_per_kwh: float
    clock: Clock
    spread: float = 0.0

    def __post_init__(self) -> None:
        checked_g_per_kwh(self.g_per_kwh, "fixed outlook")

    def outlook(self, zone: str, start: datetime, horizon: timedelta) -> Outlook:
        """See OutlookSource."""
        step = _step(self.g_per_kwh, self.spread)
        return Outlook(
            zone,
            self.clock.now(),
            hour_of(start),
            HOUR,
            (step,) * hours_in(start, horizon),
            DECILES,
            "fixed outlook",
            Signal.AVERAGE,
            Scope.LIFECYCLE,
            Kind.FORECAST,
            "fixed",
        )


@dataclass(frozen=True, slots=True)
class ReplayOutlook:
    """A recorded series as if it had been foreseen: what a clairvoyant would have been told."""

    series: SeriesIntensity
    clock: Clock

    def outlook(self, zone: str, start: datetime, horizon: timedelta) -> Outlook:
        """See OutlookSource; it ends where the series ends or has a gap."""
        first, steps = hour_of(start), []
        for number in range(hours_in(start, horizon)):
            try:
                value = self.series.at(zone, first + number * HOUR).g_per_kwh
            except Unavailable:
                break
            steps.append(_step(value, 0.0))
        if not steps:
            raise Unavailable(f"{self.series.name} holds nothing at {first:%Y-%m-%d %H:%M}Z")
        return Outlook(
            zone,
            self.clock.now(),
            first,
            HOUR,
            tuple(steps),
            DECILES,
            f"replay of {self.series.name}",
            Signal.AVERAGE,
            self.series.scope,
            Kind.FORECAST,
            "replay",
        )


@dataclass(frozen=True, slots=True)
class NoOutlook:
    """Nobody expects anything: what a platform without history has."""

    reason: LichenError

    def outlook(self, zone: str, start: datetime, horizon: timedelta) -> Outlook:
        """See OutlookSource: it has nothing to say."""
        hours_in(start, horizon)
        raise Unavailable(f"nothing is expected of {zone}: {self.reason}")


def _step(g_per_kwh: float, spread: float) -> Step:
    """Quantiles that lie evenly, the outermost `spread` from the figure."""
    width = DECILES[-1] - 0.5
    return Step(
        g_per_kwh,
        tuple(max(0.0, g_per_kwh * (1 + spread * (level - 0.5) / width)) for level in DECILES),
    )

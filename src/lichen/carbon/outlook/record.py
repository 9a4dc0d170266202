"""What is expected of a zone's intensity, hour by hour: the record, and who answers with one.

Scheduling stands on this alone: free services carry no forecast.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from lichen.carbon.intensity import MOST_G_PER_KWH, Kind, Scope, Signal, checked_g_per_kwh
from lichen.core.errors import InvalidInput

HOUR = timedelta(hours=1)
HORIZON_HOURS = 96
"""No outlook reaches further."""
DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the mean and the quantiles of its intensity in gCO2e/kWh."""

    mean: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of a zone, with where it comes from (C2).

    Attributes:
        zone: the zone.
        issued_at: what was known by then was used, and nothing later.
        start: when the first step begins; a step is an average over `step`.
        step: how long each is.
        steps: in order of time.
        levels: of the quantiles, ascending.
        source: who says so, with version.
        signal: average or marginal.
        scope: life-cycle or direct.
        kind: a forecast; `estimated` where nothing better than a yearly average is known.
        method: in one word: `model`, `profile`, `day-ago`, `yearly-average`, or an adapter's own.
        remarks: sentences on what was missing; empty when nothing was.
    """

    zone: str
    issued_at: datetime
    start: datetime
    step: timedelta
    steps: tuple[Step, ...]
    levels: tuple[float, ...]
    source: str
    signal: Signal
    scope: Scope
    kind: Kind = Kind.FORECAST
    method: str = "model"
    remarks: tuple[str, ...] = ()

    @property
    def end(self) -> datetime:
        """The first moment after the last step."""
        return self.start + len(self.steps) * self.step

    def at(self, moment: datetime) -> Step | None:
        """The step that holds the moment; None where it reaches not so far."""
        place = (moment - self.start) // self.step
        return self.steps[place] if 0 <= place < len(self.steps) else None


class OutlookSource(Protocol):
    """Who expects something."""

    def outlook(self, zone: str, start: datetime, horizon: timedelta) -> Outlook:
        """The steps that cover [start, start + horizon), as far as the source reaches.

        Raises:
            NotFound: it does not know the zone.
            Unavailable: it knows the zone, and has nothing to say of that time.
            InvalidInput: the horizon is not above 0, or over 96 hours.
        """
        ...


def hour_of(moment: datetime) -> datetime:
    """The full hour that holds the moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def hours_in(start: datetime, horizon: timedelta) -> int:
    """How many whole hours, from that of `start` on, cover the horizon.

    Raises:
        InvalidInput: the horizon is not above 0, or over 96 hours.
    """
    if not timedelta(0) < horizon <= HORIZON_HOURS * HOUR:
        raise InvalidInput(
            f"an outlook over {horizon / HOUR:g} h cannot be: ask for 1 to {HORIZON_HOURS} hours"
        )
    return -((hour_of(start) - start - horizon) // HOUR)


def checked_outlook(outlook: Outlook) -> Outlook:
    """The outlook itself, if a grid can be expected to be so.

    Raises:
        InvalidInput: it is empty, absurd, or its quantiles cross.
    """
    if not outlook.steps:
        raise InvalidInput(f"{outlook.source}: an outlook without a step says nothing")
    for step in outlook.steps:
        for figure in (step.mean, *step.quantiles):
            checked_g_per_kwh(figure, outlook.source)
        if len(step.quantiles) != len(outlook.levels):
            raise InvalidInput(f"{outlook.source}: quantiles and levels are not equally many")
        if any(later < earlier for earlier, later in pairwise(step.quantiles)):
            raise InvalidInput(f"{outlook.source}: quantiles cross")
    return outlook


def possible(g_per_kwh: float) -> float:
    """The nearest intensity that a grid can have: a forecast's tail may reach beyond."""
    return min(max(g_per_kwh, 0.0), MOST_G_PER_KWH)

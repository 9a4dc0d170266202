"""The best that can be expected of a zone, from the model down to the yearly average, and why.

Each step down says so in the outlook: a wide interval that is honest is of more use than a narrow
one that is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lichen.carbon.grids.observations import moment_of
from lichen.carbon.intensity import IntensitySource, Kind, Scope, Signal
from lichen.carbon.outlook.archive import ZoneHistory, before
from lichen.carbon.outlook.hours import HOUR_S
from lichen.carbon.outlook.place import Place
from lichen.carbon.outlook.record import (
    DECILES,
    HORIZON_HOURS,
    HOUR,
    Outlook,
    Step,
    checked_outlook,
    hour_of,
    hours_in,
)
from lichen.carbon.outlook.simple import average, day_ago, hour_number, profile
from lichen.core.errors import InvalidInput, LichenError, Unavailable


@dataclass(frozen=True, slots=True)
class Modelled:
    """What the newest model says of the hours from the present one on."""

    steps: tuple[Step, ...]
    source: str


Ask = Callable[[ZoneHistory, int], Modelled]
"""Asks the model of a history's zone for all it can say from an hour on.

Raises a LichenError that says why when it cannot."""


@dataclass(frozen=True, slots=True)
class Known:
    """What an outlook stands on.

    Attributes:
        history: of the zone; None where nothing is kept.
        place: where the zone lies.
        averages: the source that answers when all else fails.
        ask: the model; None where outlooks are switched off.
    """

    history: ZoneHistory | None
    place: Place
    averages: IntensitySource
    ask: Ask | None


def expected(
    zone: str, start: datetime, horizon: timedelta, now: datetime, known: Known
) -> Outlook:
    """The outlook of a zone over [start, start + horizon), issued now.

    Raises:
        InvalidInput: the horizon cannot be, or it begins before the present hour.
        Unavailable: it begins further away than any outlook reaches.
    """
    first, count = hour_of(start), hours_in(start, horizon)
    present = hour_of(now)
    skipped = (first - present) // HOUR
    if skipped < 0:
        raise InvalidInput(
            f"an outlook from {first:%Y-%m-%d %H:%M}Z begins in the past: ask from now on"
        )
    if skipped >= HORIZON_HOURS:
        raise Unavailable(
            f"no outlook reaches {skipped} h ahead: ask within the next {HORIZON_HOURS} hours"
        )
    found = checked_outlook(_best(zone, now, known))
    steps = found.steps[skipped : skipped + count]
    if not steps:
        raise Unavailable(f"the outlook of {zone} ends at {found.end:%Y-%m-%d %H:%M}Z")
    short = count - len(steps)
    remarks = found.remarks
    if short:
        remarks = (*remarks, f"it reaches {len(steps)} h and not {count}")
    return _with(found, steps, first, remarks)


def _with(
    found: Outlook, steps: tuple[Step, ...], first: datetime, remarks: tuple[str, ...]
) -> Outlook:
    return Outlook(
        found.zone,
        found.issued_at,
        first,
        HOUR,
        steps,
        found.levels,
        found.source,
        found.signal,
        found.scope,
        found.kind,
        found.method,
        remarks,
    )


def _best(zone: str, now: datetime, known: Known) -> Outlook:
    history = known.history
    if history is None:
        return _by_average(zone, now, known, (f"no hourly intensity of {zone} was ever recorded",))
    said = (f"{history.damaged} damaged lines passed over",) if history.damaged else ()
    try:
        modelled = _modelled(history, now, known)
    except LichenError as why:
        return _without_model(history, now, known, (*said, f"no model: {why}"))
    return _outlook(history, now, modelled.steps, (modelled.source, "model", said))


def _modelled(history: ZoneHistory, now: datetime, known: Known) -> Modelled:
    if known.ask is None:
        raise Unavailable("the setting `outlook` is off")
    return known.ask(history, hour_number(now))


def _without_model(
    history: ZoneHistory, now: datetime, known: Known, said: tuple[str, ...]
) -> Outlook:
    """The profile, else the day before, else the yearly average."""
    present, hours = hour_number(now), before(history.hours, now)
    steps = profile(hours, present, HORIZON_HOURS, known.place.clocks)
    if steps is not None:
        source = f"profile of the last 14 days of {', '.join(history.sources)}"
        return _outlook(history, now, tuple(steps), (source, "profile", said))
    said = (*said, "no profile: fewer than 3 whole days in the last 14 are known")
    steps = day_ago(hours, present, HORIZON_HOURS)
    if steps is not None:
        source = f"the day before, of {', '.join(history.sources)}"
        return _outlook(history, now, tuple(steps), (source, "day-ago", said))
    last = max(hours, default=None)
    ends = (
        "" if last is None else f", which ends at {moment_of((last + 1) * HOUR_S):%Y-%m-%d %H:%M}Z"
    )
    said = (*said, f"the last two days are not in the history{ends}")
    return _by_average(history.zone, now, known, said)


def _by_average(zone: str, now: datetime, known: Known, said: tuple[str, ...]) -> Outlook:
    value = known.averages.at(zone, now)
    steps = tuple(average(value, HORIZON_HOURS))
    return Outlook(
        zone, now, hour_of(now), HOUR, steps, DECILES, value.source, value.signal, value.scope,
        Kind.ESTIMATED, "yearly-average", said,
    )  # fmt: skip


def _outlook(
    history: ZoneHistory,
    now: datetime,
    steps: tuple[Step, ...],
    said: tuple[str, str, tuple[str, ...]],
) -> Outlook:
    source, method, remarks = said
    signal: Signal = history.signal
    scope: Scope = history.scope
    return Outlook(
        history.zone, now, hour_of(now), HOUR, steps, DECILES, source, signal, scope,
        Kind.FORECAST, method, remarks,
    )  # fmt: skip

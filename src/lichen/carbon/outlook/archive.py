"""The histories of this platform: taken in from services and files, and asked for by zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from lichen.carbon.grids.fixed import SeriesIntensity
from lichen.carbon.grids.observations import Answer, Point, moment_of
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.outlook.history import SEED, History, Origin, Recorded, histories
from lichen.carbon.outlook.hours import HOUR_S, Hours, hourly, joined, shift_of
from lichen.core.errors import InvalidInput

LONG_ENOUGH_HOURS = 28 * 24
"""A history of so many hours is preferred to a shorter one of a better source."""


@dataclass(frozen=True, slots=True)
class ZoneHistory:
    """What one zone's intensity was: hours of one signal and one scope, whoever said them.

    `sources` are those that it was joined from, the first believed first; `damaged` counts lines
    that could not be read and were passed over.
    """

    zone: str
    hours: Hours
    signal: Signal
    scope: Scope
    sources: tuple[str, ...]
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Seeded:
    """What became of a file: points kept, points of times that no history holds, missing hours."""

    kept: int
    left_out: int
    first: datetime
    last: datetime
    missing_hours: int


class Archive:
    """The folder of histories; each file of it has one archive that writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Path, History] = {}
        self._lock = Lock()

    def take_in(self, source: str, answer: Answer, now: datetime) -> int:
        """Keep what a service said; how many points were new or revised.

        Raises:
            InvalidInput: its hours are those of what is known, an hour earlier or later.
            StorageFailed: the disk is full or read-only.
        """
        origin = Origin.of(answer.zone, source, answer.method)
        with self._lock:
            self._check_clock(origin, answer.points)
            return self._history(origin).keep(answer.points, now)

    def seed(self, zone: str, series: SeriesIntensity, now: datetime) -> Seeded:
        """Keep a file's values as history.

        Raises:
            InvalidInput: nothing of it is of the last 400 days, or its clock is an hour off.
            StorageFailed: the disk is full or read-only.
        """
        origin = Origin(zone, SEED, Signal.AVERAGE, series.scope, series.name)
        points = points_of(series)
        with self._lock:
            self._check_clock(origin, points)
            history = self._history(origin)
            usable = history.usable(points, now)
            if not usable:
                raise InvalidInput(
                    f"{series.name} holds no value of the last 400 days before "
                    f"{now:%Y-%m-%d}: older ones say little of the days to come"
                )
            kept = history.keep(usable, now)
        hours = hourly(usable)
        ordered = sorted(hours)
        return Seeded(
            kept,
            len(points) - len(usable),
            moment_of(usable[0].start_s),
            moment_of(usable[-1].start_s),
            ordered[-1] - ordered[0] + 1 - len(hours) if ordered else 0,
        )

    def _history(self, origin: Origin) -> History:
        history = History(self._folder, origin)
        return self._open.setdefault(history.path, history)  # one that knows what it holds

    def _check_clock(self, origin: Origin, points: Sequence[Point]) -> None:
        """An hour's shift would be learnt as truth: what is known already shows it."""
        if not points:
            return
        fresh = hourly(points)
        first, last = points[0].start_s - HOUR_S, points[-1].start_s + HOUR_S
        own = self._history(origin).between(first, last)
        if own:
            _check_shift(origin, fresh, origin.source, own)
            return
        for known in histories(self._folder, origin.zone):
            if (known.origin.signal, known.origin.scope) == (origin.signal, origin.scope):
                _check_shift(origin, fresh, known.origin.source, known.points)


def _check_shift(origin: Origin, fresh: Hours, source: str, known: Sequence[Point]) -> None:
    shift = shift_of(hourly(known), fresh)
    if shift:
        off = "later" if shift > 0 else "earlier"
        raise InvalidInput(
            f"the hours of {origin.says} fit those known from {source} when taken as one hour "
            f"{off}: its clock is off, or its times are local ones; give them in UTC or with "
            "their offset"
        )


def points_of(series: SeriesIntensity) -> list[Point]:
    """The values of a file as points, each for one step or until the next."""
    return [
        Point(start, series.step_s, value, Kind.OBSERVED)
        for start, value in zip(series.times, series.values, strict=True)
    ]


def recorded_of(series: SeriesIntensity) -> Recorded:
    """A file that a setting names, as a history: nothing of it is copied."""
    origin = Origin(series.zone, "file", Signal.AVERAGE, series.scope, series.name)
    return Recorded(origin, tuple(points_of(series)))


def chosen(found: Sequence[Recorded], order: Sequence[str]) -> ZoneHistory | None:
    """The history to stand on; None where nothing is known.

    Average and marginal, life-cycle and direct are never joined. Of the histories that are long
    enough, or else of all, the one counts whose source is asked first.

    Args:
        found: what is kept of one zone.
        order: names of sources, first asked first; what is not among them comes after.
    """
    groups: dict[tuple[Signal, Scope], list[Recorded]] = {}
    for one in sorted(found, key=lambda one: _rank(one, order)):
        groups.setdefault((one.origin.signal, one.origin.scope), []).append(one)
    made = [_joined(group) for group in groups.values()]
    if not made:
        return None
    return next((one for one in made if len(one.hours) >= LONG_ENOUGH_HOURS), made[0])


def _rank(one: Recorded, order: Sequence[str]) -> tuple[int, str]:
    name = one.origin.source
    return (order.index(name) if name in order else len(order), name)


def _joined(group: Sequence[Recorded]) -> ZoneHistory:
    first = group[0].origin
    return ZoneHistory(
        first.zone,
        joined([hourly(one.points) for one in group]),
        first.signal,
        first.scope,
        tuple(one.origin.source for one in group),
        sum(one.damaged for one in group),
    )


def before(hours: Hours, moment: datetime) -> Hours:
    """The hours that were over at a moment."""
    over = int(moment.timestamp()) // HOUR_S
    return {hour: value for hour, value in hours.items() if hour < over}

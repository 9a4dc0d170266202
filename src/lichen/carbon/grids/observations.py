"""What a service said of a zone's intensity: points in time, checked one by one, never averaged in.

A point that cannot be is dropped with a sentence of its own; later answers win over earlier ones.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lichen.carbon.intensity import MOST_G_PER_KWH, Kind, Scope, Signal
from lichen.core.clock import parse_rfc3339
from lichen.core.errors import InvalidInput

KEPT_SECONDS = 49 * 3600
"""How long points are kept: two days and the hour that a change of the clocks may add."""

EARLIEST_LEAD_SECONDS = 300
"""A value said to be observed may begin this much after now: clocks are never quite the same."""

_MOST_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """The mean intensity of [start_s, start_s + step_s), seconds since 1970 in UTC."""

    start_s: int
    step_s: int
    g_per_kwh: float
    kind: Kind

    @property
    def end_s(self) -> int:
        """The first second after it."""
        return self.start_s + self.step_s


@dataclass(frozen=True, slots=True)
class Method:
    """How a service makes its figures; it travels with every value (C2).

    `spread` is the relative half-width of the 90 % interval. `carry_s` is how long the last value
    may stand for the time after it, as an estimate whose interval grows.
    """

    says: str
    signal: Signal
    scope: Scope
    spread: float
    carry_s: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said: sound points in order, and a sentence for each that was refused."""

    zone: str
    method: Method
    points: tuple[Point, ...]
    faults: tuple[str, ...] = ()


def sound_answer(zone: str, method: Method, points: Iterable[Point], now: datetime) -> Answer:
    """The answer without the points that cannot be.

    Raises:
        InvalidInput: none of them can be; the message says what is wrong with the first.
    """
    sound: list[Point] = []
    faults: list[str] = []
    for point in points:
        fault = _fault(point, sound[-1] if sound else None, now)
        if fault is None:
            sound.append(point)
        else:
            faults.append(fault)
    if not sound:
        reason = f": {faults[0]}" if faults else ""
        raise InvalidInput(f"the answer holds no usable value of {zone}{reason}")
    return Answer(zone, method, tuple(sound), _shortened(faults))


def _fault(point: Point, last: Point | None, now: datetime) -> str | None:
    moment = moment_of(point.start_s)
    shown = f"{moment:%Y-%m-%d %H:%M}Z"
    if not 0 <= point.g_per_kwh <= MOST_G_PER_KWH:
        return f"{point.g_per_kwh:g} g/kWh at {shown} cannot be"
    if last is not None and point.start_s <= last.start_s:
        return f"{shown} does not come after {moment_of(last.start_s):%Y-%m-%d %H:%M}Z"
    in_future = point.start_s > now.timestamp() + EARLIEST_LEAD_SECONDS
    if in_future and point.kind is not Kind.FORECAST:
        return f"{shown} is in the future and not called a forecast"
    return None


def _shortened(faults: Sequence[str]) -> tuple[str, ...]:
    more = len(faults) - _MOST_FAULTS
    kept = tuple(faults[:_MOST_FAULTS])
    return (*kept, f"and {more} more") if more > 0 else kept


def merged(known: Answer | None, fresh: Answer, now: datetime) -> Answer:
    """The fresh answer with what was known before of times that it does not speak of."""
    if known is None or known.zone != fresh.zone or known.method != fresh.method:
        return fresh
    by_start = {point.start_s: point for point in (*known.points, *fresh.points)}
    oldest = now.timestamp() - KEPT_SECONDS
    points = (by_start[start] for start in sorted(by_start) if start >= oldest)
    return replace(fresh, points=_without_overlaps(tuple(points), fresh.points))


def _without_overlaps(points: Sequence[Point], fresh: Sequence[Point]) -> tuple[Point, ...]:
    """Where a service changed its resolution, the newer answer holds."""
    said = {point.start_s for point in fresh}
    first, end = fresh[0].start_s, fresh[-1].end_s
    return tuple(
        point
        for point in points
        if point.start_s in said
        or point.end_s <= first
        or point.start_s >= end
        or _fits(point, fresh)
    )


def _fits(point: Point, fresh: Sequence[Point]) -> bool:
    return all(point.end_s <= one.start_s or one.end_s <= point.start_s for one in fresh)


def moment_of(second: int) -> datetime:
    """The UTC moment of a second since 1970."""
    return datetime.fromtimestamp(second, UTC)


def start_of(text: object, where: str) -> int:
    """The second that an RFC 3339 time names, whatever its offset.

    Raises:
        InvalidInput: it is no time, or carries no offset: local times repeat an hour each autumn.
    """
    try:
        return int(parse_rfc3339(str(text)).timestamp())
    except ValueError as failure:
        raise InvalidInput(f"{where}: {failure}") from None


def number_of(value: object, where: str) -> float:
    """A JSON number.

    Raises:
        InvalidInput: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{where} is {value!r:.80}, which is no number")
    try:
        return float(value)
    except OverflowError:
        return math.inf

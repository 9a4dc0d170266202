"""Points of any step as hours: one rule for all, and no value that was not said.

An hour's value is the mean of what was said of it, weighted by time, where at least half of the
hour was spoken of; otherwise it is missing. Forecasts are left out: a history is of what was.
"""

from collections.abc import Iterable, Mapping, Sequence

from lichen.carbon.grids.observations import Point
from lichen.carbon.intensity import MOST_G_PER_KWH, Kind

HOUR_S = 3600
LEAST_COVERED_S = HOUR_S // 2

LEAST_OVERLAP_HOURS = 20
"""Hours that two series must share before their clocks can be compared."""
_MUCH_BETTER = 0.5
_LEAST_MISFIT = 0.01
"""Share of the level below which two series are as good as equal, whatever a shift would do."""

Hours = Mapping[int, float]
"""Hour since 1970 in UTC -> gCO2e/kWh."""


def hourly(points: Iterable[Point]) -> dict[int, float]:
    """The hours that some points of one source speak of, in order of time.

    Points that cannot be, or are forecasts, are passed over; where two overlap, the later counts.
    """
    sound = [point for point in points if _is_usable(point)]
    sound.sort(key=lambda point: point.start_s)
    seconds: dict[int, int] = {}
    sums: dict[int, float] = {}
    for place, point in enumerate(sound):
        end = point.end_s
        if place + 1 < len(sound):
            end = min(end, sound[place + 1].start_s)
        _spread(point, end, seconds, sums)
    return {
        hour: sums[hour] / covered
        for hour, covered in sorted(seconds.items())
        if covered >= LEAST_COVERED_S
    }


def _is_usable(point: Point) -> bool:
    return 0 <= point.g_per_kwh <= MOST_G_PER_KWH and point.kind is not Kind.FORECAST


def _spread(point: Point, end_s: int, seconds: dict[int, int], sums: dict[int, float]) -> None:
    start = point.start_s
    while start < end_s:
        hour = start // HOUR_S
        until = min(end_s, (hour + 1) * HOUR_S)
        seconds[hour] = seconds.get(hour, 0) + until - start
        sums[hour] = sums.get(hour, 0.0) + (until - start) * point.g_per_kwh
        start = until


def joined(histories: Sequence[Hours]) -> dict[int, float]:
    """Several histories as one: of each hour, what the first says that knows it."""
    together: dict[int, float] = {}
    for hours in reversed(histories):
        together.update(hours)
    return dict(sorted(together.items()))


def shift_of(known: Hours, fresh: Hours) -> int:
    """By how many hours the clock of `fresh` seems to be off: -1, 0 or 1.

    0 also where the two share too few hours to tell.
    """
    misfits = {shift: _misfit(known, fresh, shift) for shift in (0, -1, 1)}
    straight = misfits[0]
    level = sum(fresh.values()) / max(1, len(fresh))
    if straight is None or straight <= _LEAST_MISFIT * level:
        return 0
    off = [
        (misfit, shift)
        for shift, misfit in misfits.items()
        if shift and misfit is not None and misfit < _MUCH_BETTER * straight
    ]
    return min(off)[1] if off else 0


def _misfit(known: Hours, fresh: Hours, shift: int) -> float | None:
    """The mean difference once `fresh` is put right by `shift` hours."""
    apart = [
        abs(value - known[hour - shift]) for hour, value in fresh.items() if hour - shift in known
    ]
    return sum(apart) / len(apart) if len(apart) >= LEAST_OVERLAP_HOURS else None

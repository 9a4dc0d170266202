"""The local calendar of UTC moments, for whole arrays at once."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.forecasting.specification import DAY_SECONDS

YEAR_DAYS = 365.2425
FIRST_YEAR, LAST_YEAR = 1800, 2200
"""A zone's clocks are followed from the first to the last of these; nobody set them before."""
_WEEK_SECONDS = 7 * DAY_SECONDS
_FIRST_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""

Integers = NDArray[np.int64]
Moments = NDArray[np.datetime64]


def local_seconds(timezone: str, moments: Moments) -> Integers:
    """Seconds since 1970-01-01 00:00 on the zone's own clocks, for UTC `moments`.

    Raises:
        InvalidInput: no such time zone, or a moment outside `FIRST_YEAR` to `LAST_YEAR`.
    """
    utc = moments.astype("datetime64[s]").astype(np.int64)
    if timezone == "UTC" or utc.size == 0:
        return utc
    first, last = _year(moments.min()), _year(moments.max())
    if first < FIRST_YEAR or last > LAST_YEAR:
        wrong = moments.min() if first < FIRST_YEAR else moments.max()
        raise InvalidInput(
            f"the time {wrong.astype('datetime64[s]')}Z is outside the years {FIRST_YEAR} to "
            f"{LAST_YEAR}, for which the clocks of {timezone} are known: correct it"
        )
    borders, offsets = _offsets(timezone, first, last)
    return utc + offsets[np.searchsorted(borders, utc, side="right")]


def second_of_day(local: Integers) -> Integers:
    """Seconds since local midnight."""
    return local % DAY_SECONDS


def weekday(local: Integers) -> Integers:
    """0 for Monday to 6 for Sunday."""
    return (local // DAY_SECONDS + _FIRST_WEEKDAY) % 7


def year_angle(local: Integers) -> NDArray[np.float64]:
    """Where in the (mean Gregorian) year, in radians."""
    return (2 * np.pi / YEAR_DAYS) * ((local / DAY_SECONDS) % YEAR_DAYS)


def starts_on(
    timezone: str, start_seconds: int | None, step_seconds: int, moments: Moments
) -> NDArray[np.bool_]:
    """Which moments are the day's start: the first step at or after `start_seconds`."""
    if start_seconds is None:
        return np.ones(moments.shape, dtype=np.bool_)
    after = (local_seconds(timezone, moments) - start_seconds) % DAY_SECONDS
    return np.asarray(after < step_seconds)


def _year(moment: np.datetime64) -> int:
    return 1970 + int(moment.astype("datetime64[Y]").astype(np.int64))


@lru_cache(maxsize=64)
def _offsets(timezone: str, first_year: int, last_year: int) -> tuple[Integers, Integers]:
    """UTC seconds at which the zone's offset changes, and the offset before, between, after."""
    zone = _zone(timezone)
    first = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp())
    offset = _offset_at(zone, first)
    borders: list[int] = []
    offsets = [offset]
    for after in range(first, last + _WEEK_SECONDS, _WEEK_SECONDS):
        if _offset_at(zone, after) != offset:
            border = _change(zone, after - _WEEK_SECONDS, after)
            offset = _offset_at(zone, after)
            borders.append(border)
            offsets.append(offset)
    return np.array(borders, dtype=np.int64), np.array(offsets, dtype=np.int64)


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The second at which the offset changes between `before` and `after`."""
    old = _offset_at(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset_at(zone, middle) == old else (before, middle)
    return after


def _offset_at(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"{timezone!r} is no time zone known here: take an IANA name, as Australia/Melbourne"
        ) from error

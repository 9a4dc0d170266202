"""Local time to UTC: the stretches of constant offset of a zone. Pure functions."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lichen.core.errors import InvalidInput

_FIXED = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")
_DAY_S = 86_400
_FOREVER_S = 1 << 40


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of constant offset from UTC, in seconds of local time since 1970.

    Local times in [`begins`, `repeats_until`) came twice: first with `previous_offset_s`, then
    with `offset_s`. Local times from `ends` to the next stretch's `begins` never came.
    """

    begins: int
    ends: int
    offset_s: int
    previous_offset_s: int
    repeats_until: int


def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name, `UTC`, or a fixed offset such as `+10:00` or `UTC+8`.

    Raises:
        InvalidInput: there is no such zone.
    """
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    fixed = _FIXED.fullmatch(name.upper())
    if fixed is not None and int(fixed[2]) <= 14:
        sign = -1 if fixed[1] == "-" else 1
        return timezone(sign * timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0)))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise InvalidInput(
            f"time zone {name!r} is not known: take an IANA name such as Australia/Melbourne, "
            "or an offset such as +10:00"
        ) from unknown


def stretches(zone: tzinfo, first_s: int, last_s: int) -> tuple[Stretch, ...]:
    """The zone's stretches from a day before the first local second to a day after the last."""
    begin, end = first_s - 2 * _DAY_S, last_s + 2 * _DAY_S
    changes = _changes(zone, begin, end)
    offsets = [offset_s(zone, begin), *(offset_s(zone, at) for at in changes)]
    found: list[Stretch] = []
    for index, offset in enumerate(offsets):
        previous = offsets[index - 1] if index else offset
        begins = changes[index - 1] + offset if index else -_FOREVER_S
        ends = changes[index] + offset if index < len(changes) else _FOREVER_S
        repeats = changes[index - 1] + previous if index and previous > offset else begins
        found.append(Stretch(begins, ends, offset, previous, repeats))
    return tuple(found)


def utc_of(local_s: int, found: tuple[Stretch, ...], occurrence: int = 1) -> int | None:
    """One local second as UTC; None when the clocks skipped it.

    Where local time came twice, the first `occurrence` is the earlier one.
    """
    stretch = found[max(bisect_right([s.begins for s in found], local_s) - 1, 0)]
    if local_s >= stretch.ends:
        return None
    if local_s < stretch.repeats_until and occurrence == 1:
        return local_s - stretch.previous_offset_s
    return local_s - stretch.offset_s


def offset_s(zone: tzinfo, utc_s: int) -> int:
    """What the zone's clocks are ahead of UTC at that second, in seconds."""
    moment = datetime.fromtimestamp(utc_s, UTC).astimezone(zone)
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _changes(zone: tzinfo, begin: int, end: int) -> list[int]:
    """The UTC seconds at which the offset changes: a daily grid, then halving."""
    if isinstance(zone, timezone):
        return []
    found: list[int] = []
    for day in range(begin, end, _DAY_S):
        low, high = day, day + _DAY_S
        before = offset_s(zone, low)
        if offset_s(zone, high) == before:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset_s(zone, middle) == before else (low, middle)
        found.append(high)
    return found

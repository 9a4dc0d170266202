"""The ways people write times, and which column of a file holds them. Pure functions."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

DATE_FORMS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y-%m",
    "%Y/%m",
    "%Y年%m月",
)
CLOCK_FORMS = (
    " %H:%M:%S",
    " %H:%M",
    " %H:%M:%S.%f",
    "",
    " %H.%M.%S",
    " %H.%M",
    " %I:%M:%S %p",
    " %I:%M %p",
    " %H时%M分%S秒",
    " %H时%M分",
    " %H时",
)
OFFSET = r"^(.*\d:\d{2}(?::\d{2}(?:[.,]\d+)?)?) ?(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"
"""A clock time followed by its offset, with spaces tidied: body and offset."""

_DATE = (
    r"(?:\d{4}[-/]\d{1,2}(?:[-/]\d{1,2})?|\d{4}\.\d{1,2}\.\d{1,2}|\d{1,2}([-/.])\d{1,2}\1\d{4}"
    r"|\d{4}年\d{1,2}月(?:\d{1,2}日)?)"
)
_CLOCK = (
    r"\d{1,2}(?:[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?"
    r"|时(?:\d{1,2}分(?:\d{1,2}秒)?)?)"
)
_ZONE = r"(?: ?(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_STAMP_CELL = re.compile(rf"{_DATE}(?:[Tt]|\s+){_CLOCK}{_ZONE}")
_DATE_CELL = re.compile(_DATE)
_COMPACT_CELL = re.compile(r"(?:19|20)\d{6}(?:[Tt ]\d{2}:?\d{2}(?::?\d{2})?Z?)?")
_CLOCK_CELL = re.compile(_CLOCK)

_NAMES = (
    "time timestamp datetime date ds utc period moment dt 时间 日期 时刻 日期时间 时间戳 "
    "采集时间 数据时间 记录时间 监测时间"
)
_NAME_SET = frozenset(_NAMES.split())
_PARTS = re.compile(r"[\s_\-()\uff08\uff09\[\]]+")


class Look(StrEnum):
    """What a column's cells look like."""

    STAMP = "stamp"
    DATE = "date"
    CLOCK = "clock"
    OTHER = "other"


def names_time(header: str) -> bool:
    """Whether a header says plainly that its column is the time."""
    words = _PARTS.split(header.strip().casefold())
    return header.strip().casefold() in _NAME_SET or any(word in _NAME_SET for word in words)


def look_of(cells: Sequence[str], *, named: bool) -> Look:
    """What most of the cells look like; eight digits are a date only under a name of time."""
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    half = max(len(filled) / 2, 1)
    for look, pattern in (
        (Look.STAMP, _STAMP_CELL),
        (Look.DATE, _DATE_CELL),
        (Look.CLOCK, _CLOCK_CELL),
    ):
        if sum(1 for cell in filled if pattern.fullmatch(cell)) >= half:
            return look
    if named and sum(1 for cell in filled if _COMPACT_CELL.fullmatch(cell)) >= half:
        return Look.DATE
    return Look.OTHER


def choose_columns(looks: Mapping[str, Look]) -> tuple[str, ...]:
    """The time columns among the looks by header: one, a date and its time of day, or none.

    Headers that say time go before others; full stamps go before dates.
    """
    order = sorted(looks, key=lambda name: not names_time(name))
    stamps = [name for name in order if looks[name] is Look.STAMP]
    if stamps:
        return (stamps[0],)
    dates = [name for name in order if looks[name] is Look.DATE]
    clocks = [n for n in order if looks[n] is Look.CLOCK and (names_time(n) or _is_hour(n))]
    if dates and clocks:
        return (dates[0], clocks[0])
    return tuple(dates[:1])


def _is_hour(header: str) -> bool:
    return header.strip().casefold() in {"hour", "clock", "hr", "小时", "时"}

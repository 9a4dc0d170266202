"""What a wall meter wrote: a CSV of watts, or of an energy counter, as spans of mean power."""

import csv
import io
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput

TIMES = ("time", "timestamp", "datetime", "date_time", "utc", "time_utc", "date")
WATTS = {"watts": 1.0, "watt": 1.0, "w": 1.0, "power": 1.0, "power_w": 1.0, "apower": 1.0}
WATTS |= {"active_power_w": 1.0, "kw": 1e3, "power_kw": 1e3}
JOULES = {"joules": 1.0, "j": 1.0, "energy_j": 1.0, "wh": 3.6e3, "energy_wh": 3.6e3}
JOULES |= {"kwh": 3.6e6, "energy_kwh": 3.6e6, "total_kwh": 3.6e6}
MOST_WATTS = 1e6
GAP = 3.0
"""A step of more than so many usual ones is a gap: nobody knows what was drawn in it."""
_MILLISECONDS_FROM = 1e11
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class PowerSpan:
    """Mean watts between two moments, in seconds since 1970, UTC."""

    start_s: float
    end_s: float
    watts: float


@dataclass(frozen=True, slots=True)
class WallRecord:
    """What a meter read: spans in their order, and how many gaps were left out between them."""

    spans: tuple[PowerSpan, ...]
    gaps: int


@dataclass(frozen=True, slots=True)
class _Point:
    line: int
    at_s: float
    value: float


def read_wall_meter(path: Path, timezone: str | None = None) -> WallRecord:
    """The power that a meter wrote down, one span by row.

    A column of time (RFC 3339, `2026-01-31 08:00:00` with `timezone`, or seconds since 1970) and
    one of watts, or of joules, Wh or kWh that count up. A row of watts speaks for the time since
    the row before it.

    Raises:
        InvalidInput: the file says something that no meter can have seen; it names the line.
    """
    table = _Table(path, _zone(timezone))
    points = list(table.points())
    if len(points) < 2:
        raise InvalidInput(f"{path} holds {len(points)} readings: two or more are needed")
    steps = [after.at_s - before.at_s for before, after in pairwise(points)]
    usual_s = statistics.median(steps)
    whole = [
        (before, after)
        for before, after in pairwise(points)
        if after.at_s - before.at_s <= GAP * usual_s
    ]
    spans = tuple(table.span(before, after) for before, after in whole)
    return WallRecord(spans, len(steps) - len(whole))


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(f"{name!r} is no time zone: write it as Europe/Berlin") from error


class _Table:
    """The CSV's columns of time and of power or energy."""

    def __init__(self, path: Path, zone: ZoneInfo | None) -> None:
        self._path, self._zone = path, zone
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise InvalidInput(f"there is no file {path}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read {path}: {error}") from error
        first = text.partition("\n")[0]
        self._delimiter = max((",", ";", "\t"), key=first.count)
        self._rows = self._read(text)
        names = [_name(cell) for cell in next(self._rows, [])]
        self._time_at = self._column(names, TIMES, "time")
        power = next((name for name in names if name in WATTS), None)
        energy = next((name for name in names if name in JOULES), None)
        self.counts = power is None
        chosen = power or energy
        if chosen is None:
            raise InvalidInput(
                f"{path} has no column of power or energy: name one watts, joules, Wh or kWh"
            )
        self._value_at = names.index(chosen)
        self._unit = JOULES[chosen] if self.counts else WATTS[chosen]

    def _read(self, text: str) -> Iterator[list[str]]:
        try:
            yield from csv.reader(io.StringIO(text), delimiter=self._delimiter)
        except csv.Error as error:
            raise InvalidInput(f"{self._path} is no CSV of a meter: {error}") from None

    def _column(self, names: Sequence[str], known: Sequence[str], what: str) -> int:
        for name in known:
            if name in names:
                return names.index(name)
        raise InvalidInput(f"{self._path} has no column of {what}: name one {known[0]!r}")

    def points(self) -> Iterator[_Point]:
        """The readings; of a counter those at which it moved on, since its steps may be coarse."""
        last: _Point | None = None
        for line, row in enumerate(self._rows, start=2):
            if not any(cell.strip() for cell in row):
                continue
            now = self._point(line, row)
            if last is not None and not self._follows(last, now):
                continue
            last = now
            yield now

    def _point(self, line: int, row: Sequence[str]) -> _Point:
        if len(row) <= max(self._time_at, self._value_at):
            raise InvalidInput(f"{self._path}, line {line}: cells are missing")
        cell = row[self._value_at].strip()
        try:
            value = float(cell.replace(",", ".") if self._delimiter != "," else cell)
        except ValueError:
            raise InvalidInput(f"{self._path}, line {line}: {cell!r} is no number") from None
        value *= self._unit
        self._check(line, value)
        return _Point(line, self._seconds(line, row[self._time_at].strip()), value)

    def _check(self, line: int, value: float) -> None:
        what = "J" if self.counts else "W"
        if not isfinite(value) or value < 0 or (not self.counts and value > MOST_WATTS):
            raise InvalidInput(
                f"{self._path}, line {line}: no machine draws {value:g} {what}: remove the line, "
                "or turn the meter round if it counts backwards"
            )

    def _follows(self, before: _Point, now: _Point) -> bool:
        """Whether it is a reading after the last one; one that repeats it is passed over."""
        if now.at_s < before.at_s:
            raise InvalidInput(
                f"{self._path}, line {now.line}: time goes back from {_shown(before.at_s)} to "
                f"{_shown(now.at_s)}: export in UTC, where no clock is set back, or cut the file"
            )
        if self.counts and now.value < before.value:
            raise InvalidInput(
                f"{self._path}, line {now.line}: the counter went back from {before.value:g} to "
                f"{now.value:g} J: cut the file where it was reset"
            )
        moved = now.value > before.value if self.counts else True
        return moved and now.at_s > before.at_s

    def _seconds(self, line: int, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            return self._moment(line, text).timestamp()
        if not isfinite(number) or number < 0:
            raise InvalidInput(f"{self._path}, line {line}: {text!r} is no time")
        return number / 1000 if number >= _MILLISECONDS_FROM else number

    def _moment(self, line: int, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text) if _DATE.match(text) else None
        except ValueError:
            moment = None
        if moment is None:
            raise InvalidInput(
                f"{self._path}, line {line}: {text!r} is no time: write it as 2026-01-31T08:00:00Z"
            )
        if moment.tzinfo is None and self._zone is None:
            raise InvalidInput(
                f"{self._path}, line {line}: {text!r} says no time zone: say which clock the meter "
                "keeps, with --timezone Europe/Berlin or --timezone UTC"
            )
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)

    def span(self, before: _Point, after: _Point) -> PowerSpan:
        """What was drawn from one reading to the next."""
        seconds = after.at_s - before.at_s
        watts = (after.value - before.value) / seconds if self.counts else after.value
        return PowerSpan(before.at_s, after.at_s, watts)


def _name(cell: str) -> str:
    return re.sub(r"[^a-z]+", "_", cell.strip().lower()).strip("_")


def _shown(seconds: float) -> str:
    return rfc3339(datetime.fromtimestamp(seconds, UTC))

"""Intensity from what the operator gives: one constant, or a recorded series in a file."""

import csv
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

from lichen.carbon.grids.series_text import text_of
from lichen.carbon.intensity import (
    IntensityValue,
    Kind,
    Scope,
    Signal,
    checked_g_per_kwh,
    checked_value,
)
from lichen.core.errors import InvalidInput, NotFound, Unavailable

YEAR_S = 31_557_600
SERIES_SPREAD = 0.10
"""Half-width of a recorded value's 90 % interval, relative: a judgement, since providers publish
none; it covers the emission factors, not the choice of method."""


@dataclass(frozen=True, slots=True)
class ConstantIntensity:
    """One declared figure for every zone and moment; its interval is what was declared."""

    g_per_kwh: float
    low: float | None = None
    high: float | None = None
    scope: Scope = Scope.LIFECYCLE
    name: str = "constant"

    def __post_init__(self) -> None:
        checked_g_per_kwh(self.g_per_kwh, self.name)
        checked_value(self.at("WORLD", datetime(2026, 1, 1, tzinfo=UTC)))

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The declared figure, whatever the zone and the moment."""
        del moment
        return IntensityValue(
            self.g_per_kwh,
            self.g_per_kwh if self.low is None else self.low,
            self.g_per_kwh if self.high is None else self.high,
            zone,
            f"{self.name}: declared by the operator",
            Signal.AVERAGE,
            self.scope,
            Kind.ESTIMATED,
            YEAR_S,
        )


@dataclass(frozen=True, slots=True)
class SeriesIntensity:
    """A recorded series: each value holds from its time for one step, never beyond."""

    zone: str
    times: tuple[int, ...]
    values: tuple[float, ...]
    step_s: int
    scope: Scope = Scope.LIFECYCLE
    spread: float = SERIES_SPREAD
    name: str = "series"

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The value whose step holds the moment.

        Raises:
            NotFound: the series is of another zone.
            Unavailable: the moment lies in a gap, or before or after the series.
        """
        if zone != self.zone:
            raise NotFound(f"this series is of {self.zone}, not of {zone}")
        second = int(moment.timestamp())
        place = bisect_right(self.times, second) - 1
        if place < 0 or second >= self.times[place] + self.step_s:
            raise Unavailable(f"{self.name} has no value for the time of the work")
        value = self.values[place]
        return IntensityValue(
            value,
            value * (1 - self.spread),
            value * (1 + self.spread),
            zone,
            self.name,
            Signal.AVERAGE,
            self.scope,
            Kind.OBSERVED,
            self.step_s,
        )


class _Point(NamedTuple):
    """One row: seconds since 1970, gCO2e/kWh, where it stands, and its time as written."""

    second: int
    value: float
    where: str
    time: str


def read_series(
    path: Path, zone: str, column: str | None = None, *, sort: bool = False
) -> SeriesIntensity:
    """A series from CSV or Parquet: time in the first column, gCO2e/kWh in `column` or the second.

    A first row that is a time and a number itself is no header: it counts as the others do.
    Times without an offset are UTC. The step is the commonest distance between two times; rows
    with an empty value are gaps. A column whose name says `direct` counts direct emissions. With
    `sort` rows may stand in any order, and of one time the last counts.

    Raises:
        NotFound: there is no such file.
        InvalidInput: too large a file, no such column, an unreadable or absurd row, time going
            backwards, or fewer than two values; the message names the row.
    """
    rows = _rows(path)
    first = next(rows, [])
    place, heading = _column(path, first, column)
    numbered = enumerate(rows, start=2)
    if column is None and _is_reading(first):
        heading, numbered = "2", enumerate(chain([first], rows), start=1)
    points = _ordered(_points(path, numbered, place), sort=sort)
    if len(points) < 2:
        raise InvalidInput(f"{path} holds {len(points)} values; a series needs at least two")
    times = tuple(point.second for point in points)
    distances = Counter(later - earlier for earlier, later in pairwise(times))
    step = min(distances, key=lambda distance: (-distances[distance], distance))
    scope = Scope.DIRECT if "direct" in heading.lower() else Scope.LIFECYCLE
    name = f"file {path.name}, column {heading}"
    values = tuple(point.value for point in points)
    return SeriesIntensity(zone, times, values, step, scope, name=name)


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text_of(path).splitlines())
    except csv.Error as failure:
        raise InvalidInput(f"{path} cannot be read as CSV: {failure}") from None


def _column(path: Path, header: list[str], wanted: str | None) -> tuple[int, str]:
    if len(header) < 2:
        raise InvalidInput(f"{path} needs a header with a time column and a column of gCO2e/kWh")
    if wanted is None:
        return 1, header[1]
    if wanted not in header:
        raise InvalidInput(f"{path} has no column {wanted!r}; it has {', '.join(header)}")
    return header.index(wanted), wanted


def _is_reading(row: list[str]) -> bool:
    try:
        datetime.fromisoformat(row[0].strip())
        float(row[1])
    except ValueError:
        return False
    return True


def _ordered(points: Iterator[_Point], *, sort: bool) -> list[_Point]:
    if sort:
        by_time = {point.second: point for point in points}
        return [by_time[second] for second in sorted(by_time)]
    given = list(points)
    for before, after in pairwise(given):
        if after.second <= before.second:
            raise InvalidInput(
                f"{after.where}: {after.time} does not come after the row before it; sort the file "
                "by time and keep one row for each"
            )
    return given


def _points(path: Path, numbered: Iterable[tuple[int, list[str]]], place: int) -> Iterator[_Point]:
    for number, row in numbered:
        if len(row) <= place or not row[place].strip():
            continue
        where = f"{path}, row {number}"
        moment, value = _moment(where, row[0]), _value(where, row[place], place)
        second = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        yield _Point(second, checked_g_per_kwh(value, where), where, row[0])


def _moment(where: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"{where}: {text!r} in the first column is no time: write it as 2026-01-31T00:00:00Z"
        ) from None


def _value(where: str, text: str, place: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(
            f"{where}: {text!r} in column {place + 1} is no number: give gCO2e per kWh, or name "
            "the column that holds them"
        ) from None

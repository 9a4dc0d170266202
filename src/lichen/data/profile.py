"""Summary statistics of every column: what people look at first, and what drift compares."""
# ruff: noqa: S608 - the SQL names our own tables; numbers are written with repr

from dataclasses import dataclass
from datetime import UTC, datetime

from lichen.data.dataset import ColumnProfile
from lichen.data.engine import Engine
from lichen.data.frequency import Frequency, frequency_of
from lichen.data.layout import ROWS, Layout

_DECILES = "[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]"
_DISTANCES = 1_000
_MAX_LISTED_SERIES = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """The time index of a dataset in short."""

    frequency: Frequency | None
    start: datetime | None
    end: datetime | None
    series: tuple[str, ...]


def profile_columns(engine: Engine, layout: Layout) -> tuple[ColumnProfile, ...]:
    """The profile of every column but the time."""
    numeric = dict(layout.numeric())
    time = layout.schema.time
    return tuple(
        _profile(engine, column.name, numeric.get(column.name), layout.key(column.name))
        for column in layout.schema
        if column is not time
    )


def _profile(engine: Engine, name: str, number: str | None, key: str) -> ColumnProfile:
    count, rows, distinct = engine.row(
        f"SELECT count({key}), count(*), approx_count_distinct({key}) FROM {ROWS}"
    )
    if number is None or count == 0:
        return ColumnProfile(name, count, rows - count, distinct)
    quantiles = tuple(
        map(float, engine.row(f"SELECT quantile_cont({number}, {_DECILES}) FROM {ROWS}")[0])
    )
    # Sums of squares of very large numbers overflow: the largest value is the unit.
    scale = max(abs(quantiles[0]), abs(quantiles[-1])) or 1.0
    mean, deviation = engine.row(
        f"SELECT avg({number} / {scale!r}), stddev_samp({number} / {scale!r}) FROM {ROWS}"
    )
    return ColumnProfile(
        name,
        count,
        rows - count,
        distinct,
        mean * scale,
        None if deviation is None else deviation * scale,
        quantiles,
    )


def span_of(engine: Engine, layout: Layout) -> Span:
    """First and last time, step and series of the rows."""
    series: tuple[str, ...] = ()
    if layout.schema.series is not None:
        labels = engine.rows(
            f"SELECT DISTINCT label FROM {ROWS} ORDER BY label LIMIT {_MAX_LISTED_SERIES}"
        )
        series = tuple(str(label) for (label,) in labels)
    if layout.schema.time is None:
        return Span(None, None, None, series)
    first, last = engine.row(f"SELECT min(utc), max(utc) FROM {ROWS}")
    distances = engine.rows(
        "SELECT utc - before AS apart, count(*) AS times FROM (SELECT utc, lag(utc) OVER "
        f"(PARTITION BY label ORDER BY utc) AS before FROM {ROWS}) WHERE before IS NOT NULL "
        f"GROUP BY apart ORDER BY times DESC, apart LIMIT {_DISTANCES}"
    )
    return Span(
        frequency_of([(int(apart), int(times)) for apart, times in distances]),
        datetime.fromtimestamp(first, UTC),
        datetime.fromtimestamp(last, UTC),
        series,
    )

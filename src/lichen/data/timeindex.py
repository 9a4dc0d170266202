"""The time index: which column it is, its moments in UTC, and the series it repeats over.

Leaves the table `clock` (rid, utc, label) in the engine: one row for each row of the file.
"""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.data.engine import Engine
from lichen.data.findings import counted
from lichen.data.options import IngestOptions
from lichen.data.raw import RAW, Kind, RawColumn, RawFile
from lichen.data.schema import missing_column
from lichen.data.stamps import STAMPS, parse_stamps, refuse_unparsed
from lichen.data.timeforms import Look, choose_columns, look_of, names_time
from lichen.data.zones import Stretch, stretches, zone_of

CLOCK = "clock"
NO_TIME = "none"
"""Said in place of a time column: rows have no time, and dates are read as texts."""
_SAMPLE_ROWS = 200
_MAX_SERIES = 100_000
_SWITCH_APART_S = 20 * 86_400
_SHIFT_S = 3_600
_DAY_S = 86_400
_REPEATED_SHARE = 0.5
"""Of the times in a column that nobody named: more that come again, and it is no time index."""
_ASTRAY_SHARE = 0.25
"""Of the steps from row to row that go back in time: more, and the file follows no clock."""
_FEWEST_STEPS = 10
_PANEL_ROWS = 1.5
"""In a panel, a time has at least this many rows on average."""


@dataclass(frozen=True, slots=True)
class TimeIndex:
    """How the times of a file were read; `repeated` counts rows of hours that came twice."""

    columns: tuple[RawColumn, ...]
    series: RawColumn | None
    timezone: str
    naive: bool
    repeated: int = 0

    @property
    def name(self) -> str:
        """The name of the time column in the schema."""
        return " ".join(column.name for column in self.columns)


def index_times(engine: Engine, file: RawFile, options: IngestOptions) -> TimeIndex | None:
    """Find and read the times of the raw table; None when the file has none.

    Raises:
        InvalidInput: a time is unreadable, zones are mixed, or times repeat and no column tells
            the rows apart.
    """
    columns = _time_columns(engine, file, options)
    if not columns:
        _label_only(engine, file, options)
        return None
    parse_stamps(engine, file, columns, options.time_format)
    if options.time is None and _has_holes(engine) and _goes_astray(engine):
        _forget_times(engine, file, options)
        return None
    refuse_unparsed(engine, file, columns)
    naive = _check_offsets(engine, file)
    zone_name = options.timezone or "UTC"
    zone = zone_of(zone_name)
    _place(engine, zone if naive else UTC)
    series = _series_column(engine, file, columns, options)
    if series is None and options.time is None and _is_no_index(engine):
        _forget_times(engine, file, options)
        return None
    _to_utc(engine, file, series, zone_name)
    _refuse_duplicates(engine, file, hint=naive and options.timezone is None)
    repeated = engine.row(f"SELECT count(*) FROM {STAMPS} WHERE repeats")[0]
    engine.run(f"DROP TABLE {STAMPS}")
    return TimeIndex(columns, series, zone_name, naive, repeated)


def _forget_times(engine: Engine, file: RawFile, options: IngestOptions) -> None:
    """What was read are dates of things: the rows have no time."""
    engine.run(f"DROP TABLE {STAMPS}")
    _label_only(engine, file, options)


def _has_holes(engine: Engine) -> bool:
    """Whether rows are without a time, as those of things may be and a record's are not."""
    return bool(engine.row(f"SELECT count(*) FROM {STAMPS} WHERE local_s IS NULL")[0])


def _is_no_index(engine: Engine) -> bool:
    """A date of things, such as of birth, and no time index.

    Most times stand in several rows, or some do and the rows do not follow the clock.
    """
    times, often = engine.row(
        "SELECT count(*), count(*) FILTER (n > 1) FROM "
        f"(SELECT count(*) AS n FROM {STAMPS} GROUP BY local_s, offset_s)"
    )
    if not often or times < 2:
        return False
    return bool(often > _REPEATED_SHARE * times) or _goes_astray(engine)


def _goes_astray(engine: Engine) -> bool:
    """Whether the rows go back and forth in time, neither up nor down the file."""
    steps, back, forth = engine.row(
        "SELECT count(step), count(*) FILTER (step < 0), count(*) FILTER (step > 0) FROM "
        f"(SELECT local_s - lag(local_s) OVER (ORDER BY rid) AS step FROM {STAMPS})"
    )
    return bool(steps >= _FEWEST_STEPS and min(back, forth) > _ASTRAY_SHARE * steps)


def find_column(file: RawFile, name: str) -> RawColumn:
    """The file's column of that name.

    Raises:
        InvalidInput: it has none.
    """
    for column in file.columns:
        if column.name == name:
            return column
    names = tuple(column.name for column in file.columns)
    raise InvalidInput(missing_column(name, names, file.name))


def _time_columns(engine: Engine, file: RawFile, options: IngestOptions) -> tuple[RawColumn, ...]:
    if options.time == NO_TIME:
        return ()
    if options.time is not None:
        if any(column.name == options.time for column in file.columns):
            return (find_column(file, options.time),)
        return tuple(find_column(file, part.strip()) for part in options.time.split(","))
    stamped = [c for c in file.columns if c.kind in (Kind.MOMENT, Kind.NAIVE)]
    if stamped:
        return (min(stamped, key=lambda column: not names_time(column.name)),)
    return _written_times(engine, file)


def _written_times(engine: Engine, file: RawFile) -> tuple[RawColumn, ...]:
    texts = [column for column in file.columns if column.kind is Kind.TEXT]
    if not texts:
        return ()
    keys = ", ".join(column.key for column in texts)
    # Sorting rows of thousands of columns takes gigabytes: only their numbers are sorted there.
    first = f"SELECT rid FROM {RAW} ORDER BY rid LIMIT {_SAMPLE_ROWS}"
    found = engine.rows(f"SELECT rid, {keys} FROM {RAW} WHERE rid IN ({first})")
    sample = [cells for _, *cells in sorted(found, key=lambda row: row[0])]
    looks = {
        column.name: look_of([row[i] or "" for row in sample], named=names_time(column.name))
        for i, column in enumerate(texts)
    }
    chosen = choose_columns(looks)
    if chosen:
        return tuple(find_column(file, name) for name in chosen)
    return _unreadable(file, texts, looks, [row[0] for row in sample])


def _unreadable(
    file: RawFile, texts: list[RawColumn], looks: dict[str, Look], first: list[str | None]
) -> tuple[RawColumn, ...]:
    """A first column that is called time and holds words is read, so that its row is refused."""
    leading = texts[0]
    words = any(cell and not cell.strip()[:1].isdigit() for cell in first)
    called = names_time(leading.name) and leading is file.columns[0]
    return (leading,) if called and words and looks[leading.name] is Look.OTHER else ()


def _check_offsets(engine: Engine, file: RawFile) -> bool:
    """Whether the times are naive; refuses zones that no one place has."""
    rows = engine.rows(
        f"SELECT offset_s, count(*), min(rid), any_value(said ORDER BY rid) FROM {STAMPS} "
        "GROUP BY offset_s ORDER BY count(*) DESC"
    )
    if len(rows) == 1:
        return rows[0][0] is None
    rare = rows[-1]
    offsets = [offset for offset, *_ in rows]
    if None in offsets or max(offsets) - min(offsets) > _SHIFT_S or not _seasonal(engine):
        raise InvalidInput(
            f"{file.name} mixes time zones: row {file.row(rare[2])} says {rare[3]!r}, other rows "
            "have another offset or none: write all times in one zone, best in UTC with a Z"
        )
    return False


def _seasonal(engine: Engine) -> bool:
    """Whether offsets change as daylight saving does: weeks apart, not from row to row."""
    nearest = engine.row(
        "SELECT min(utc - before) FROM (SELECT utc, lag(utc) OVER (ORDER BY utc) AS before FROM "
        "(SELECT local_s - offset_s AS utc, offset_s, lag(offset_s) OVER "
        f"(ORDER BY local_s - offset_s) AS earlier FROM {STAMPS}) WHERE offset_s <> earlier)"
    )[0]
    return nearest is None or nearest >= _SWITCH_APART_S


def _place(engine: Engine, zone: tzinfo) -> None:
    """Add to `stamps` the offset of the zone where the cell carries none, and what is special."""
    first, last = engine.row(f"SELECT min(local_s), max(local_s) FROM {STAMPS}")
    engine.run(
        "CREATE TABLE stretches (begins BIGINT, ends BIGINT, zone_s BIGINT, earlier_s BIGINT, "
        "repeats_until BIGINT)"
    )
    for stretch in stretches(zone, first, last):
        engine.run("INSERT INTO stretches VALUES (?, ?, ?, ?, ?)", _values(stretch))
    engine.run(
        f"CREATE OR REPLACE TABLE {STAMPS} AS SELECT rid, said, local_s, "
        "coalesce(offset_s, zone_s) AS offset_s, earlier_s, "
        "offset_s IS NULL AND local_s < repeats_until AS repeats, "
        "offset_s IS NULL AND local_s >= ends AS skipped "
        f"FROM {STAMPS} ASOF JOIN stretches ON local_s >= begins"
    )
    engine.run("DROP TABLE stretches")


def _values(stretch: Stretch) -> list[int]:
    return [
        stretch.begins,
        stretch.ends,
        stretch.offset_s,
        stretch.previous_offset_s,
        stretch.repeats_until,
    ]


def _series_column(
    engine: Engine, file: RawFile, time: tuple[RawColumn, ...], options: IngestOptions
) -> RawColumn | None:
    """The column that tells rows of one time apart: the named one, or the plainest that does."""
    if options.series is not None:
        return find_column(file, options.series)
    once = f"FROM {STAMPS} WHERE NOT repeats"
    if not engine.rows(f"SELECT 1 {once} GROUP BY local_s, offset_s HAVING count(*) > 1 LIMIT 1"):
        return None
    spoken_for = {column.key for column in time}
    wanted = set(options.targets) | set(options.known)
    candidates = [
        column
        for column in file.columns
        if column.kind in (Kind.TEXT, Kind.INTEGER)
        and column.key not in spoken_for
        and column.name not in wanted
    ]
    fitting = {
        column: spread
        for column in candidates
        if (spread := _spread(engine, column)) is not None and _tells_apart(engine, column)
    }
    # A label of the panel comes about as often as every other, a weather or a remark does not.
    return min(fitting, key=lambda c: (c.kind is not Kind.TEXT, fitting[c]), default=None)


def _spread(engine: Engine, column: RawColumn) -> int | None:
    """How unevenly the labels of a column that could name series come; None when it could not.

    A panel has most of its times several times, or each series in one block of rows.
    """
    key = column.key
    labels, filled, rows = engine.row(
        f"SELECT count(DISTINCT {key}), count({key}), count(*) FROM {RAW}"
    )
    if filled < rows or not 1 < labels <= min(_MAX_SERIES, rows // 2):
        return None
    times = engine.row(f"SELECT count(DISTINCT local_s) FROM {STAMPS}")[0]
    changes = engine.row(
        f"SELECT count(*) FROM (SELECT {key} AS label, lag({key}) OVER (ORDER BY rid) AS before "
        f"FROM {RAW}) WHERE label <> before"
    )[0]
    if rows < _PANEL_ROWS * times and changes != labels - 1:
        return None
    most, least = engine.row(
        f"SELECT max(n), min(n) FROM (SELECT count(*) AS n FROM {RAW} GROUP BY {key})"
    )
    return int(most - least)


def _tells_apart(engine: Engine, column: RawColumn) -> bool:
    """No value comes twice at one time."""
    return not engine.rows(
        f"SELECT 1 FROM {STAMPS} JOIN {RAW} USING (rid) WHERE NOT repeats "
        f"GROUP BY local_s, offset_s, {column.key} HAVING count(*) > 1 LIMIT 1"
    )


def _label_only(engine: Engine, file: RawFile, options: IngestOptions) -> None:
    key = "''" if options.series is None else find_column(file, options.series).key
    engine.run(
        f"CREATE TABLE {CLOCK} AS SELECT rid, NULL::BIGINT AS utc, "
        f"{key}::VARCHAR AS label FROM {RAW}"
    )


def _to_utc(engine: Engine, file: RawFile, series: RawColumn | None, zone: str) -> None:
    """Within a series, the first of two equal local times in a repeated hour is the earlier."""
    _refuse_skipped(engine, file, zone)
    label = "''" if series is None else f"trim({RAW}.{series.key}::VARCHAR)"
    engine.run(
        f"CREATE TABLE {CLOCK} AS SELECT rid, label, CASE WHEN repeats AND row_number() OVER "
        "(PARTITION BY label, local_s ORDER BY rid) = 1 THEN local_s - earlier_s "
        f"ELSE local_s - offset_s END AS utc FROM (SELECT {STAMPS}.*, {label} AS label "
        f"FROM {STAMPS} JOIN {RAW} USING (rid))"
    )
    nameless = engine.rows(f"SELECT rid FROM {CLOCK} WHERE label IS NULL ORDER BY rid LIMIT 1")
    if nameless and series is not None:
        raise InvalidInput(
            f"row {file.row(nameless[0][0])} of {file.name} has no value in series column "
            f"{series.name!r}: fill it in, or remove the row"
        )


def _refuse_skipped(engine: Engine, file: RawFile, zone: str) -> None:
    """A skipped midnight stands for its day, which begins as the clocks change: it is kept."""
    skipped = engine.rows(
        f"SELECT rid, said, offset_s FROM {STAMPS} WHERE skipped "
        f"AND local_s % {_DAY_S} <> 0 ORDER BY rid LIMIT 1"
    )
    if skipped:
        rid, said, offset = skipped[0]
        sign = "-" if offset < 0 else "+"
        standard = f"{sign}{abs(offset) // 3600:02d}:{abs(offset) // 60 % 60:02d}"
        raise InvalidInput(
            f"row {file.row(rid)} of {file.name} says {said!r}, an hour that the clocks of "
            f"{zone} skipped: if the file keeps standard time all year, "
            f"give {standard} as the time zone"
        )


def _refuse_duplicates(engine: Engine, file: RawFile, *, hint: bool) -> None:
    found = engine.rows(
        "SELECT label, utc, list(rid ORDER BY rid)[1:2], count(*) OVER () "
        f"FROM {CLOCK} GROUP BY label, utc HAVING count(*) > 1 ORDER BY label, utc LIMIT 3"
    )
    if not found:
        return
    named = "; ".join(
        f"{stamp(utc)}{f' of {label}' if label else ''} "
        f"in rows {' and '.join(str(file.row(rid)) for rid in rids)}"
        for label, utc, rids, _ in found
    )
    zone = ", give the time zone if they are local times with daylight saving" if hint else ""
    raise InvalidInput(
        f"{file.name} has {counted(found[0][3], 'duplicate time')} ({named}): remove them{zone}, "
        "name the column that tells the series apart with the option series, or say "
        "time none where rows have no order"
    )


def stamp(utc_s: int) -> str:
    """Seconds since 1970 as RFC 3339."""
    return rfc3339(datetime.fromtimestamp(utc_s, UTC))

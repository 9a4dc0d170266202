"""One file into one set of typed, sorted, checked rows: the table `rows` and its Parquet file."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from dataclasses import dataclass, replace
from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.data.columns import Reading, convert, read_columns, reading_of
from lichen.data.engine import Engine
from lichen.data.findings import Finding
from lichen.data.layout import ROWS, Layout
from lichen.data.notes import file_notes, time_notes
from lichen.data.options import IngestOptions
from lichen.data.raw import RAW, RawFile
from lichen.data.readers import read_file
from lichen.data.schema import Column, Dtype, Role, Schema
from lichen.data.timeindex import CLOCK, TimeIndex, find_column, index_times
from lichen.data.units import unit_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was read: the schema of the table `rows`, where it came from, and what was odd."""

    layout: Layout
    file: RawFile
    rows: int
    options: IngestOptions
    notes: tuple[Finding, ...]


def prepare(engine: Engine, path: Path, options: IngestOptions) -> Prepared:
    """Read a file into `rows`.

    Raises:
        InvalidInput: the file or an option is wrong; nothing was stored.
    """
    file = read_file(engine, path, options)
    for name in (*options.targets, *options.known, *options.units):
        find_column(file, name)
    index = index_times(engine, file, options)
    timed = {column.key for column in index.columns} if index else set()
    rest = tuple(column for column in file.columns if column.key not in timed)
    readings, odd = read_columns(engine, file, rest, options)
    readings = _with_text_series(readings, file, index, options)
    schema = _schema(readings, index, options)
    fill_rows(engine, readings)
    keys = tuple(reading.key for reading in readings)
    prepared = Prepared(
        Layout(schema, ("utc", *keys) if index else keys, timezone_of(index, options)),
        file,
        file.rows,
        _resolved(options, index),
        (*file_notes(file), *time_notes(index, options), *odd),
    )
    _refuse_bad_targets(engine, prepared)
    return prepared


def timezone_of(index: TimeIndex | None, options: IngestOptions) -> str:
    """The zone of a dataset: what the caller said, else UTC."""
    return index.timezone if index else options.timezone or "UTC"


def _with_text_series(
    readings: tuple[Reading, ...], file: RawFile, index: TimeIndex | None, options: IngestOptions
) -> tuple[Reading, ...]:
    """The series column is a label, even where its labels are numbers."""
    name = index.series.name if index and index.series else options.series
    return tuple(
        reading_of(reading.column, Dtype.TEXT, file, options)
        if reading.column.name == name
        else reading
        for reading in readings
    )


def _schema(
    readings: tuple[Reading, ...], index: TimeIndex | None, options: IngestOptions
) -> Schema:
    series = index.series.name if index and index.series else options.series
    columns = [
        Column(
            reading.column.name,
            reading.dtype,
            options.units.get(reading.column.name, unit_of(reading.column.name)),
            _role(reading.column.name, series, options),
        )
        for reading in readings
    ]
    if index is not None:
        columns.insert(0, Column(index.name, Dtype.TIME, "UTC", Role.TIME))
    return Schema(tuple(columns))


def _role(name: str, series: str | None, options: IngestOptions) -> Role:
    if name == series:
        return Role.SERIES
    if name in options.targets:
        return Role.TARGET
    return Role.KNOWN if name in options.known else Role.FEATURE


def _resolved(options: IngestOptions, index: TimeIndex | None) -> IngestOptions:
    """The options with what was detected written down, so that an append reads the same way."""
    if index is None:
        return options
    time = ",".join(column.name for column in index.columns)
    return replace(options, time=time, series=index.series.name if index.series else None)


def fill_rows(engine: Engine, readings: tuple[Reading, ...]) -> None:
    """Make `rows` of the raw table and the clock, sorted by series and time; both then end."""
    convert(engine, readings)
    keys = "".join(f", {reading.key}" for reading in readings)
    # Numbered before the join: a window over thousands of columns takes gigabytes.
    places = (
        "SELECT row_number() OVER (ORDER BY label, utc, rid) AS n, rid, utc, label "
        f"FROM {RAW} JOIN {CLOCK} USING (rid)"
    )
    engine.run(
        f"CREATE TABLE {ROWS} AS SELECT n, utc, label{keys} FROM ({places}) "
        f"JOIN {RAW} USING (rid) ORDER BY n"
    )
    engine.run(f"DROP TABLE {RAW}")
    engine.run(f"DROP TABLE {CLOCK}")


def _refuse_bad_targets(engine: Engine, prepared: Prepared) -> None:
    for name in prepared.options.targets:
        column = prepared.layout.schema.column(name)
        if column.dtype not in (Dtype.NUMBER, Dtype.BOOLEAN):
            raise InvalidInput(
                f"target column {name!r} of {prepared.file.name} holds text, not numbers: "
                "name another column, or correct the file"
            )
        if not engine.row(f"SELECT count({prepared.layout.key(name)}) FROM {ROWS}")[0]:
            raise InvalidInput(
                f"target column {name!r} of {prepared.file.name} holds no value at all: "
                "name another column, or check the option missing"
            )

"""One file into one set of typed, sorted, checked rows: the table `rows` and its Parquet file."""
# ruff: noqa: S608 - the SQL names our own tables; what users wrote goes through literal()

from dataclasses import dataclass, replace
from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.data.columns import Reading, read_columns, reading_of, refuse_unfit
from lichen.data.engine import Engine, literal
from lichen.data.findings import Finding, Severity
from lichen.data.layout import ROWS, Layout
from lichen.data.options import IngestOptions
from lichen.data.readers import RAW, RawFile, quoted, read_file
from lichen.data.schema import Column, Dtype, Role, Schema, missing_column
from lichen.data.timeindex import CLOCK, TimeIndex, find_column, index_times, stamp
from lichen.data.units import unit_of

_APPENDED = "appended"


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
    _fill_rows(engine, readings)
    keys = tuple(reading.key for reading in readings)
    prepared = Prepared(
        Layout(schema, ("utc", *keys) if index else keys, _timezone(index, options)),
        file,
        file.rows,
        _resolved(options, index),
        (*_file_notes(file), *_time_notes(index, options), *odd),
    )
    _refuse_bad_targets(engine, prepared)
    return prepared


def prepare_append(
    engine: Engine, path: Path, options: IngestOptions, schema: Schema, parquet: Path
) -> Prepared:
    """Read a file into `rows` together with the rows of an existing version.

    Raises:
        InvalidInput: the file's columns are not those of the schema, or a time is there already.
    """
    file = read_file(engine, path, options)
    _refuse_other_columns(file, schema, options)
    index = index_times(engine, file, options)
    stored = [column for column in schema if column.dtype is not Dtype.TIME]
    readings = tuple(
        reading_of(find_column(file, column.name), column.dtype, file, options) for column in stored
    )
    for reading in readings:
        refuse_unfit(engine, file, reading, options)
    _fill_rows(engine, readings)
    rows = _join_stored(engine, readings, schema, parquet, file)
    keys = tuple(reading.key for reading in readings)
    return Prepared(
        Layout(schema, ("utc", *keys) if schema.time else keys, _timezone(index, options)),
        file,
        rows,
        options,
        (*_file_notes(file), *_time_notes(index, options)),
    )


def _timezone(index: TimeIndex | None, options: IngestOptions) -> str:
    return index.timezone if index else options.timezone or "UTC"


def write_rows(engine: Engine, layout: Layout, path: Path) -> None:
    """Write `rows` as Parquet, columns under their names; equal rows give equal bytes."""
    engine.write_parquet(
        "SELECT "
        + ", ".join(
            f"{_STORED.get(column.dtype, '{0}').format(key)} AS {quoted(column.name)}"
            for column, key in zip(layout.schema, layout.keys, strict=True)
        )
        + f" FROM {ROWS} ORDER BY n",
        path,
    )


def stored_rows(engine: Engine, schema: Schema, timezone: str, parquet: Path) -> Layout:
    """Fill `rows` from the Parquet file of a stored version."""
    keyed = [(f"c{i}", c.name) for i, c in enumerate(schema) if c.dtype is not Dtype.TIME]
    engine.run(
        f"CREATE TABLE {ROWS} AS SELECT row_number() OVER () AS n, "
        f"{_stored_columns(schema, keyed)} FROM read_parquet('{literal(str(parquet))}')"
    )
    keys = tuple(key for key, _ in keyed)
    return Layout(schema, ("utc", *keys) if schema.time else keys, timezone)


def _stored_columns(schema: Schema, keyed: list[tuple[str, str]]) -> str:
    typed = "".join(f", {quoted(name)} AS {key}" for key, name in keyed)
    utc = f"epoch({quoted(schema.time.name)})::BIGINT" if schema.time else "NULL::BIGINT"
    label = f"{quoted(schema.series.name)}" if schema.series else "''"
    return f"{utc} AS utc, {label} AS label{typed}"


_STORED = {Dtype.TIME: "to_timestamp({0})"}


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


def _fill_rows(engine: Engine, readings: tuple[Reading, ...]) -> None:
    typed = "".join(f", {reading.expression} AS {reading.key}" for reading in readings)
    engine.run(
        f"CREATE TABLE {ROWS} AS SELECT row_number() OVER (ORDER BY label, utc, rid) AS n, * "
        f"EXCLUDE (rid) FROM (SELECT rid, utc, label{typed} FROM {RAW} "
        f"JOIN {CLOCK} ON {RAW}.rowid = rid) ORDER BY n"
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


def _refuse_other_columns(file: RawFile, schema: Schema, options: IngestOptions) -> None:
    names = tuple(column.name for column in file.columns)
    timed = _time_parts(options, names)
    for column in schema:
        if column.dtype is not Dtype.TIME and column.name not in names:
            raise InvalidInput(missing_column(column.name, names, file.name))
    for part in timed:
        if part not in names:
            raise InvalidInput(missing_column(part, names, file.name))
    known = {*schema.names, *timed}
    extra = next((name for name in names if name not in known), None)
    if extra is not None:
        raise InvalidInput(
            f"{file.name} has a column {extra!r} that the dataset has not: "
            "leave it out, or add the file as a new dataset"
        )


def _time_parts(options: IngestOptions, names: tuple[str, ...]) -> tuple[str, ...]:
    if options.time is None:
        return ()
    if options.time in names:
        return (options.time,)
    return tuple(part.strip() for part in options.time.split(","))


def _join_stored(
    engine: Engine, readings: tuple[Reading, ...], schema: Schema, parquet: Path, file: RawFile
) -> int:
    """Put the stored rows before the new ones in `rows`, in order; how many there are then."""
    stored = _stored_columns(schema, [(r.key, r.column.name) for r in readings])
    source = f"read_parquet('{literal(str(parquet))}')"
    engine.run(f"ALTER TABLE {ROWS} RENAME TO {_APPENDED}")
    engine.run(
        f"CREATE TABLE {ROWS} AS SELECT row_number() OVER (ORDER BY label, utc, part, n) AS n, "
        "* EXCLUDE (n, part) FROM (SELECT 0 AS part, row_number() OVER () AS n, "
        f"{stored} FROM {source} UNION ALL BY NAME "
        f"SELECT 1 AS part, * FROM {_APPENDED}) ORDER BY n"
    )
    engine.run(f"DROP TABLE {_APPENDED}")
    if schema.time is not None:
        _refuse_overlap(engine, file)
    return int(engine.row(f"SELECT count(*) FROM {ROWS}")[0])


def _refuse_overlap(engine: Engine, file: RawFile) -> None:
    found = engine.rows(
        f"SELECT utc, label, count(*) OVER () FROM {ROWS} GROUP BY utc, label "
        "HAVING count(*) > 1 ORDER BY utc, label LIMIT 3"
    )
    if found:
        named = ", ".join(
            f"{stamp(utc)}{f' of {label}' if label else ''}" for utc, label, _ in found
        )
        raise InvalidInput(
            f"{file.name} has {found[0][2]:,} duplicate times that the dataset has already "
            f"({named}): leave those rows out"
        )


def _file_notes(file: RawFile) -> tuple[Finding, ...]:
    notes: list[Finding] = []
    if file.blank_rows:
        notes.append(
            Finding(
                "blank-rows",
                Severity.INFO,
                f"{file.name} had {file.blank_rows:,} rows without any value; they were left out",
                "nothing to do, unless rows were lost on the way here",
                count=file.blank_rows,
            )
        )
    if file.guessed_encoding:
        notes.append(
            Finding(
                "guessed-encoding",
                Severity.INFO,
                f"{file.name} does not say its encoding and was read as {file.guessed_encoding}",
                "if names or texts look wrong, give the option encoding",
            )
        )
    return tuple(notes)


def _time_notes(index: TimeIndex | None, options: IngestOptions) -> tuple[Finding, ...]:
    if index is None:
        return (
            Finding(
                "no-time-column",
                Severity.INFO,
                "no column holds times: the rows can be learned from, not forecast",
                "name the time column with the option time, if there is one",
            ),
        )
    notes: list[Finding] = []
    if index.naive and options.timezone is None and not _is_utc_name(index.name):
        notes.append(
            Finding(
                "naive-times",
                Severity.INFO,
                f"the times in {index.name!r} carry no zone and were read as UTC",
                "if they are local times, add the file again with the option timezone",
                index.name,
            )
        )
    if index.repeated:
        notes.append(
            Finding(
                "dst-repeated-hour",
                Severity.INFO,
                f"{index.repeated:,} rows stand in an hour that the clocks of {index.timezone} "
                "repeated; within a series the first was read as the earlier",
                "export in UTC to be certain of the order",
                index.name,
                count=index.repeated,
            )
        )
    return tuple(notes)


def _is_utc_name(name: str) -> bool:
    return "utc" in name.casefold()

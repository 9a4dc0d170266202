"""Rows of a further file joined to those of a stored version, in the table `rows`."""
# ruff: noqa: S608 - the SQL names our own columns, by their keys

from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.data.columns import Reading, reading_of, refuse_unfit
from lichen.data.engine import Engine
from lichen.data.findings import counted
from lichen.data.ingest import Prepared, fill_rows, timezone_of
from lichen.data.layout import ROWS, Layout
from lichen.data.notes import file_notes, time_notes
from lichen.data.options import IngestOptions
from lichen.data.raw import RawFile
from lichen.data.readers import read_file
from lichen.data.schema import Dtype, Schema, missing_column
from lichen.data.stored import stored_columns, stored_source
from lichen.data.timeindex import find_column, index_times, stamp

_APPENDED = "appended"


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
    fill_rows(engine, readings)
    rows = _join_stored(engine, readings, schema, parquet, file)
    keys = tuple(reading.key for reading in readings)
    return Prepared(
        Layout(schema, ("utc", *keys) if schema.time else keys, timezone_of(index, options)),
        file,
        rows,
        options,
        (*file_notes(file), *time_notes(index, options)),
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
    stored = stored_columns(schema, [(r.key, r.column.name) for r in readings])
    source = stored_source(schema, parquet)
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
            f"{file.name} has {counted(found[0][2], 'duplicate time')} the dataset has already "
            f"({named}): leave those rows out"
        )

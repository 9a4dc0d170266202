"""Stored rows back into memory: Parquet into a Table."""
# ruff: noqa: S608 - the SQL names our own columns, by their keys

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput
from lichen.data.engine import filled, reading_engine
from lichen.data.options import Limits
from lichen.data.schema import Column, Dtype, Role, Schema
from lichen.data.stored import stored_key, stored_source
from lichen.data.table import Table, frozen

_UTC = "epoch({0})::BIGINT"


@dataclass(frozen=True, slots=True)
class Cut:
    """Which rows: those before `until`, and of each series only the newest `newest`."""

    until: datetime | None = None
    newest: int | None = None


def read_table(
    path: Path, schema: Schema, columns: Sequence[str] | None = None, cut: Cut | None = None
) -> Table:
    """Rows of a stored version, sorted by series and time.

    Args:
        path: the version's Parquet file.
        schema: the version's schema.
        columns: which columns, in that order; all unless said. The series column comes along.
        cut: which rows; all unless said.

    Raises:
        InvalidInput: there is no such column, or no time column to cut at.
    """
    wanted = _wanted(schema, columns)
    with reading_engine(path, Limits()) as engine:
        read = engine.arrays(_select(path, schema, wanted, cut or Cut()))
    times = read.pop("utc").astype("datetime64[s]") if schema.time else None
    arrays = {column.name: _array(read[f"c{i}"], column) for i, column in enumerate(wanted)}
    return Table(None if times is None else frozen(times), wanted, arrays)


def _wanted(schema: Schema, columns: Sequence[str] | None) -> tuple[Column, ...]:
    if columns is None:
        return tuple(column for column in schema if column.role is not Role.TIME)
    named = tuple(schema.column(name) for name in columns)
    kept = tuple(column for column in named if column.role is not Role.TIME)
    if schema.series is None or schema.series in kept:
        return kept
    return (schema.series, *kept)


def _select(path: Path, schema: Schema, wanted: tuple[Column, ...], cut: Cut) -> str:
    picked = [f"{stored_key(schema, column.name)} AS c{i}" for i, column in enumerate(wanted)]
    source = stored_source(schema, path.resolve())
    if schema.time is None:
        if cut.until is not None:
            raise InvalidInput("the dataset has no time column: it cannot be cut at a time")
        return f"SELECT {', '.join(picked)} FROM {source}{_last(source, cut.newest)}"
    time = stored_key(schema, schema.time.name)
    picked.insert(0, f"{_UTC.format(time)} AS utc")
    where = f" WHERE {time} < TIMESTAMPTZ '{rfc3339(cut.until)}'" if cut.until else ""
    if cut.newest is not None:
        label = f"{stored_key(schema, schema.series.name)}, " if schema.series else ""
        part = f"PARTITION BY {label[:-2]} " if label else ""
        where += (
            f" QUALIFY row_number() OVER ({part}ORDER BY {time} DESC) <= {cut.newest} "
            f"ORDER BY {label}{time}"
        )
    return f"SELECT {', '.join(picked)} FROM {source}{where}"


def _last(source: str, rows: int | None) -> str:
    """The clause for the last rows as they are stored; DuckDB keeps their order."""
    if rows is None:
        return ""
    return f" OFFSET (SELECT greatest(count(*) - {rows}, 0) FROM {source})"


def _array(read: NDArray[Any], column: Column) -> NDArray[Any]:
    if column.dtype is Dtype.IMAGE:
        return frozen(_images(read, column))
    if column.dtype is not Dtype.TEXT:
        return frozen(filled(read))
    text = np.ma.getdata(read).astype(object)
    text[np.ma.getmaskarray(read)] = None
    return frozen(text)


def _images(read: NDArray[Any], column: Column) -> NDArray[np.uint8]:
    """uint8 `(rows, height, width, channels)`."""
    body = b"".join(np.ma.getdata(read).tolist())
    return np.frombuffer(body, dtype=np.uint8).reshape(len(read), *column.shape)

"""The table `rows` and its Parquet file: written once, read back for checks and appends."""
# ruff: noqa: S608 - the SQL names our own columns, quoted; the path goes through literal()

from math import prod
from pathlib import Path

from lichen.data.engine import Engine, literal
from lichen.data.layout import ROWS, Layout
from lichen.data.raw import quoted
from lichen.data.schema import Dtype, Schema

_STORED = {Dtype.TIME: "to_timestamp({0})"}
_GROUP_BYTES, _MOST_GROUP_ROWS, _LEAST_GROUP_ROWS = 1 << 25, 122_880, 2_048
"""Rows of a group are held in memory until all are there: of large images fewer."""


def write_rows(engine: Engine, layout: Layout, path: Path) -> None:
    """Write `rows` as Parquet, columns under their names; equal rows give equal bytes."""
    engine.write_parquet(
        "SELECT "
        + ", ".join(
            f"{_STORED.get(column.dtype, '{0}').format(key)} AS {quoted(column.name)}"
            for column, key in zip(layout.schema, layout.keys, strict=True)
        )
        + f" FROM {ROWS} ORDER BY {ROWS}.n",  # not by a column of that name
        path,
        _group_rows(layout.schema),
    )


def _group_rows(schema: Schema) -> int:
    row_bytes = max((prod(column.shape) for column in schema.images), default=1)
    wanted = _GROUP_BYTES // row_bytes // _LEAST_GROUP_ROWS * _LEAST_GROUP_ROWS
    return max(_LEAST_GROUP_ROWS, min(_MOST_GROUP_ROWS, wanted))


def stored_rows(engine: Engine, schema: Schema, timezone: str, parquet: Path) -> Layout:
    """Fill `rows` from the Parquet file of a stored version."""
    keyed = [(f"c{i}", c.name) for i, c in enumerate(schema) if c.dtype is not Dtype.TIME]
    engine.run(
        f"CREATE TABLE {ROWS} AS SELECT row_number() OVER () AS n, "
        f"{stored_columns(schema, keyed)} FROM {stored_source(schema, parquet)}"
    )
    keys = tuple(key for key, _ in keyed)
    return Layout(schema, ("utc", *keys) if schema.time else keys, timezone)


def stored_source(schema: Schema, parquet: Path) -> str:
    """What to select from to read a stored version: its columns are called by `stored_key`.

    By place and not by name: DuckDB takes `CO` and `Co` for one column.
    """
    keys = ", ".join(f"s{place}" for place in range(len(schema.names)))
    return f"read_parquet('{literal(str(parquet))}') AS stored({keys})"


def stored_key(schema: Schema, name: str) -> str:
    """The key of a column in `stored_source`."""
    return f"s{schema.names.index(name)}"


def stored_columns(schema: Schema, keyed: list[tuple[str, str]]) -> str:
    """The SQL list that reads `stored_source` as `utc`, `label` and the keyed columns."""
    typed = "".join(f", {stored_key(schema, name)} AS {key}" for key, name in keyed)
    time, series = schema.time, schema.series
    utc = f"epoch({stored_key(schema, time.name)})::BIGINT" if time else "NULL::BIGINT"
    label = stored_key(schema, series.name) if series else "''"
    return f"{utc} AS utc, {label} AS label{typed}"

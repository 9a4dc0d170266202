"""A table made in parts: each part is a chunk of a file's rows with new columns beside them.

A part is written whole and flushed before anybody counts on it. Equal parts, joined in order, give
equal bytes.
"""
# ruff: noqa: S608 - the SQL names our own columns by place; names go through quoted()

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lichen.core.errors import Corrupt, InvalidInput
from lichen.data.engine import literal
from lichen.data.forms import CSV
from lichen.data.raw import quoted
from lichen.data.tablefile import TableFile, TableShape
from lichen.store.blobs import flush_folder
from lichen.store.failures import storage_failures

_ANSWERS = "answers"
_MOST_GROUP_ROWS, _LEAST_GROUP_ROWS = 122_880, 2_048
_GROUP_VALUES = 2_000_000
"""Rows of a group are held in memory until all are there: of a wide table fewer."""
TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A column beside those of the file: its name, and the SQL type of its values."""

    name: str
    kind: str


def check_names(shape: TableShape, new: Sequence[NewColumn]) -> None:
    """Refuse names that the file has already; whether they are large or small makes no difference.

    Raises:
        InvalidInput: it does.
    """
    taken = {name.lower(): name for name in shape.columns}
    twice = next((one.name for one in new if one.name.lower() in taken), None)
    if twice is not None:
        raise InvalidInput(
            f"the file has a column {taken[twice.lower()]!r}, as its answers will: rename it"
        )
    names = [one.name.lower() for one in new]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InvalidInput(
            f"two columns of answers would be called {double!r}: an output of the model is, and "
            "what says why a row has no answer; leave on_error skip out"
        )


def write_part(
    table: TableFile,
    rows: tuple[int, int],
    new: Mapping[NewColumn, NDArray[Any]],
    target: Path,
) -> None:
    """Write some rows of a file with their new columns, whole or not at all, and flush them.

    Args:
        table: the file.
        rows: the first of them, and how many.
        new: what stands beside them; object arrays hold None, others are masked, where it is null.
        target: where, in the folder that the file was opened with.

    Raises:
        StorageFailed: the disk is full or read-only.
    """
    fresh = target.with_name(f".{target.name}")
    given = ", ".join(f"s{at}" for at in range(len(table.shape.columns)))
    made = ", ".join(f"a{at}::{column.kind} AS a{at}" for at, column in enumerate(new))
    with storage_failures(target):
        target.parent.mkdir(exist_ok=True)
    session = table.engine.session
    session.register(_ANSWERS, {f"a{at}": values for at, values in enumerate(new.values())})
    try:
        table.engine.write_parquet(
            f"SELECT {given}, {made} FROM (SELECT {given} FROM {table.source(*rows)}) "
            f"POSITIONAL JOIN {_ANSWERS}",
            fresh,
        )
    finally:
        session.unregister(_ANSWERS)
    with storage_failures(target):
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(target)
        flush_folder(target.parent)


def join_parts(
    table: TableFile, parts: Sequence[Path], new: Sequence[NewColumn], target: Path
) -> None:
    """Join the parts in order into one file of the form of the table, in bounded memory.

    Raises:
        Corrupt: they do not hold the table's rows.
        StorageFailed: the disk is full or read-only.
    """
    listed = ", ".join(f"'{literal(str(part))}'" for part in parts)
    source = f"read_parquet([{listed}])"
    found = table.engine.row(f"SELECT count(*) FROM {source}")[0]
    if found != table.shape.rows:
        raise Corrupt(
            f"the parts of the output hold {found} rows, and the file has {table.shape.rows}: "
            "submit the job again"
        )
    picked = [f"s{at} AS {quoted(name)}" for at, name in enumerate(table.shape.columns)]
    picked += [f"{_shown(table, at, one)} AS {quoted(one.name)}" for at, one in enumerate(new)]
    select = f"SELECT {', '.join(picked)} FROM {source}"
    group = _group_rows(len(picked))
    form = f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group})"
    if table.shape.form == CSV:
        form = f"(FORMAT csv, HEADER true, DELIMITER '{literal(table.shape.separator)}')"
    table.engine.run(f"COPY ({select}) TO '{literal(str(target.resolve()))}' {form}")


def _group_rows(columns: int) -> int:
    wanted = _GROUP_VALUES // columns // _LEAST_GROUP_ROWS * _LEAST_GROUP_ROWS
    return max(_LEAST_GROUP_ROWS, min(_MOST_GROUP_ROWS, wanted))


def _shown(table: TableFile, at: int, column: NewColumn) -> str:
    """A value as the file writes numbers."""
    key = f"a{at}"
    if table.shape.form != CSV or column.kind not in ("FLOAT", "DOUBLE"):
        return key
    return key if table.shape.decimal == "." else f"replace({key}::{TEXT}, '.', ',')"

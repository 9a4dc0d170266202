"""A CSV or Parquet file of any size as rows in order, a chunk at a time, in bounded memory.

Parquet is read where it lies, and keeps its types. CSV is first staged as Parquet whose cells are
the text of the file, so that any chunk of either is found without reading what stands before it.
"""
# ruff: noqa: S608 - the SQL names our own columns by place; paths go through literal()

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.engine import Engine, literal, scratch_engine, working_engine
from lichen.data.forms import CSV, PARQUET, PARQUET_MARK, check_start, form_of
from lichen.data.options import IngestOptions, Limits
from lichen.data.raw import RAW
from lichen.data.readers import read_file
from lichen.store.whole_files import replace_file

_PLACE, _LINE = "place", "line"
_STAGED, _SHAPE = "staged.parquet", "staged.json"


@dataclass(frozen=True, slots=True)
class TableShape:
    """What is known of a file before its rows are read.

    Attributes:
        form: `csv` or `parquet`.
        columns: their names, in order.
        rows: how many there are.
        separator, decimal: how the cells of a CSV are written.
    """

    form: str
    columns: tuple[str, ...]
    rows: int
    separator: str = ","
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file, open to be read."""

    path: Path
    shape: TableShape
    engine: Engine

    def read(self, first: int, count: int, columns: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        """Some columns of `count` rows from row `first` on, counted from 0; masked where null."""
        places = {name: self.shape.columns.index(name) for name in columns}
        picked = ", ".join(f"s{place} AS c{place}" for place in places.values()) or "1 AS c"
        found = self.engine.arrays(f"SELECT {picked} FROM {self.source(first, count)}")
        return {name: found[f"c{place}"] for name, place in places.items()}

    def number(self, place: int) -> int:
        """The number that people give the row that stands at a place from 0 on: blank lines count.

        In a CSV it is the line when no cell has a break in it.
        """
        if self.shape.form == PARQUET:
            return place + 1
        line: int = self.engine.row(f"SELECT {_LINE} FROM {self.source(place, 1)}")[0]
        return line

    def source(self, first: int, count: int) -> str:
        """What to select such rows from: the columns are called `s0`, `s1`, ..."""
        keys = ", ".join(f"s{place}" for place in range(len(self.shape.columns)))
        if self.shape.form == CSV:
            keys += f", {_LINE}"
        rows = f"read_parquet('{literal(str(self.path))}', file_row_number = true)"
        between = f"{_PLACE} >= {first} AND {_PLACE} < {first + count}"
        return f"(SELECT * FROM {rows} AS stored({keys}, {_PLACE}) WHERE {between})"


@contextmanager
def open_table(path: Path, filename: str, folder: Path, limits: Limits) -> Iterator[TableFile]:
    """Open a file that people know as `filename`.

    Args:
        path: where it lies.
        filename: its name, whose ending says what it is.
        folder: for what is staged and spilled, and for what its reader writes; what an earlier
            opening staged there is used again.
        limits: the largest that is read, and the memory that it may take.

    Raises:
        InvalidInput: it is no such file, or holds no row; TooLarge when over a limit.
        StorageFailed: there is no room to stage it.
    """
    rows, shape = path, None
    if form_of(filename) == CSV:
        rows, shape = _staged(path, filename, folder, limits)
    with working_engine(rows, folder, limits) as engine:
        resolved = rows.resolve()
        yield TableFile(resolved, shape or _described(engine, resolved, filename), engine)


def _described(engine: Engine, path: Path, filename: str) -> TableShape:
    name = Path(filename).name
    with path.open("rb") as file:
        check_start(filename, file.read(len(PARQUET_MARK)))
    source = f"read_parquet('{literal(str(path))}')"
    try:
        described = engine.rows(f"DESCRIBE SELECT * FROM {source}")
        rows = engine.row(f"SELECT count(*) FROM {source}")[0]
    except InvalidInput as failure:
        raise InvalidInput(
            f"{name} is a damaged or unreadable Parquet file: write it anew"
        ) from failure
    if not rows:
        raise InvalidInput(f"{name} holds no row: give at least one")
    return TableShape(PARQUET, tuple(str(one[0]) for one in described), rows)


def _staged(path: Path, filename: str, folder: Path, limits: Limits) -> tuple[Path, TableShape]:
    """The text of a CSV's cells as Parquet; staged once, whole or not at all."""
    staged, told = folder / _STAGED, folder / _SHAPE
    if told.is_file():
        return staged, msgspec.json.decode(told.read_bytes(), type=TableShape)
    with scratch_engine(limits, folder) as engine:
        options = IngestOptions(limits=limits)
        file = read_file(engine, _named(engine, path, filename), options)
        picked = ", ".join(f"{column.key} AS s{at}" for at, column in enumerate(file.columns))
        fresh = engine.folder / _STAGED
        picked += f", rid + {file.first_row} AS {_LINE}"
        engine.write_parquet(f"SELECT {picked} FROM {RAW} ORDER BY rid", fresh)
        fresh.replace(staged)
    names = tuple(column.name for column in file.columns)
    shape = TableShape(CSV, names, file.rows, file.separator, file.decimal)
    replace_file(told, msgspec.json.encode(shape), durably=True)
    return staged, shape


def _named(engine: Engine, path: Path, filename: str) -> Path:
    """The file under the name that people know: messages go by that."""
    named = engine.folder / Path(filename).name
    named.symlink_to(path.resolve())
    return named

"""The rows of a table as a model will be sent them: numbers with NaN, and texts as bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.data.schema import Dtype, Schema
from lichen.data.table import Table, Times
from lichen.pipeline.declaration import Pipeline
from lichen.pipeline.signature import NUMBERS, TEXTS, number_columns, text_columns


@dataclass(frozen=True, slots=True)
class RawRows:
    """Columns of equal length.

    Attributes:
        columns: float64 with NaN where missing, or objects of bytes, empty where missing.
        units: of the columns that have one.
        booleans: columns that came as true and false.
        times: when each row was, where the dataset says so; its column is among `columns`.
        time_column: the name of that column.
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str]
    booleans: frozenset[str]
    times: Times | None = None
    time_column: str | None = None

    def __len__(self) -> int:
        return next((len(one) for one in self.columns.values()), 0)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return tuple(self.columns)

    def is_text(self, name: str) -> bool:
        """Whether a column holds texts."""
        return bool(self.columns[name].dtype == np.object_)

    def at(self, rows: NDArray[Any]) -> "RawRows":
        """Some of the rows, by number or by a mask."""
        return RawRows(
            {name: column[rows] for name, column in self.columns.items()},
            self.units,
            self.booleans,
            None if self.times is None else self.times[rows],
            self.time_column,
        )

    def only(self, names: Sequence[str]) -> "RawRows":
        """Some of the columns, in that order."""
        return RawRows(
            {name: self.columns[name] for name in names},
            self.units,
            self.booleans,
            self.times,
            self.time_column,
        )

    def tensors(self, pipeline: Pipeline) -> dict[str, Array]:
        """What a deployed pipeline is sent for these rows."""
        made: dict[str, Array] = {}
        numbers, texts = number_columns(pipeline), text_columns(pipeline)
        if numbers:
            made[NUMBERS] = np.column_stack([self.columns[name] for name in numbers])
        if texts:
            made[TEXTS] = np.column_stack([self.columns[name] for name in texts])
        return made


def raw_rows(table: Table, schema: Schema) -> RawRows:
    """The rows of a dataset, the time among their columns."""
    columns: dict[str, NDArray[Any]] = {}
    time = schema.time.name if schema.time and table.times is not None else None
    if time is not None and table.times is not None:
        columns[time] = _texts(np.datetime_as_string(table.times, timezone="UTC"))
    for column in table.columns:
        read = table.arrays[column.name]
        columns[column.name] = _texts(read) if column.dtype is Dtype.TEXT else read
    return RawRows(
        columns,
        {one.name: one.unit for one in table.columns if one.unit},
        frozenset(one.name for one in table.columns if one.dtype is Dtype.BOOLEAN),
        table.times,
        time,
    )


def _texts(read: NDArray[Any]) -> NDArray[np.object_]:
    made = np.empty(len(read), dtype=np.object_)
    made[:] = [b"" if cell is None else str(cell).encode() for cell in read]
    return made

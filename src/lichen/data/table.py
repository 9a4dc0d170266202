"""The rows of a dataset in memory: named NumPy arrays along one time index."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype, Role, missing_column

Times = NDArray[np.datetime64]
Numbers = NDArray[np.float64]


def seconds64(moment: datetime) -> np.datetime64:
    """A timezone-aware moment as NumPy has it: UTC, whole seconds."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length, sorted by series and time; every array is read-only.

    `times` is datetime64[s] in UTC (rows,), absent when the dataset has no time column.
    Numbers and booleans are float64 with NaN where nothing was measured, text is an object array,
    images are uint8 (rows, height, width, channels).
    """

    times: Times | None
    columns: tuple[Column, ...]
    arrays: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        if self.times is not None:
            return len(self.times)
        return next((len(array) for array in self.arrays.values()), 0)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, the time column not among them."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Numbers:
        """A column as float64 (rows,), NaN where missing.

        Raises:
            InvalidInput: there is no such column, or it holds text or images.
        """
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise InvalidInput(missing_column(name, self.names))
        if found.dtype in (Dtype.TEXT, Dtype.IMAGE):
            raise InvalidInput(
                f"column {name!r} holds {found.dtype}, not numbers: name another column"
            )
        return self.arrays[name]

    def matrix(self, names: tuple[str, ...]) -> Numbers:
        """Several columns side by side, float64 (rows, columns)."""
        if not names:
            return np.empty((len(self), 0))
        return np.column_stack([self.column(name) for name in names])

    def until(self, moment: datetime) -> "Table":
        """The rows before the moment: a row stamped with the moment itself is not among them."""
        if self.times is None:
            raise InvalidInput("the dataset has no time column: it cannot be cut at a time")
        return self.where(self.times < seconds64(moment))

    def since(self, moment: datetime) -> "Table":
        """The rows at or after the moment."""
        if self.times is None:
            raise InvalidInput("the dataset has no time column: it cannot be cut at a time")
        return self.where(self.times >= seconds64(moment))

    def where(self, mask: NDArray[np.bool_]) -> "Table":
        """The rows where the mask is true."""
        times = None if self.times is None else frozen(self.times[mask])
        return Table(times, self.columns, {n: frozen(a[mask]) for n, a in self.arrays.items()})

    def split(self) -> dict[str, "Table"]:
        """The series of a panel by name, in order; without a series column, one named ``''``."""
        panel = next((column for column in self.columns if column.role is Role.SERIES), None)
        if panel is None:
            return {"": self}
        labels = np.array([str(label) for label in self.arrays[panel.name]])
        return {str(label): self.where(labels == label) for label in np.unique(labels)}


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, read-only from now on."""
    array.setflags(write=False)
    return array

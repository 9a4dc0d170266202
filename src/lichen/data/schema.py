"""What a dataset's columns are: type, unit and role. Imports neither NumPy nor DuckDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from lichen.core.errors import InvalidInput


class Dtype(StrEnum):
    """What the cells of a column are."""

    TIME = "time"
    NUMBER = "float64"
    BOOLEAN = "bool"
    TEXT = "text"
    IMAGE = "image"
    """Pixels, 8 bits each: rows of columns of channels, in the shape of the column."""


class Role(StrEnum):
    """What a column is for."""

    TIME = "time"
    TARGET = "target"
    SERIES = "series"
    KNOWN = "known"
    """A covariate whose future values are known ahead, such as a holiday or a weather forecast."""
    FEATURE = "feature"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `unit` is absent where nobody said what it is.

    `shape` is of images: height, width, channels.
    """

    name: str
    dtype: Dtype
    unit: str | None = None
    role: Role = Role.FEATURE
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a dataset, in the order of the file, the time column first."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column's name."""
        return tuple(column.name for column in self.columns)

    @property
    def time(self) -> Column | None:
        """The time column, if the dataset has one."""
        return self._only(Role.TIME)

    @property
    def series(self) -> Column | None:
        """The column that tells the series of a panel apart, if there is one."""
        return self._only(Role.SERIES)

    @property
    def numeric(self) -> tuple[Column, ...]:
        """The columns a model can compute on: numbers and booleans."""
        return tuple(c for c in self.columns if c.dtype in (Dtype.NUMBER, Dtype.BOOLEAN))

    @property
    def images(self) -> tuple[Column, ...]:
        """The columns of images."""
        return tuple(c for c in self.columns if c.dtype is Dtype.IMAGE)

    def having(self, role: Role) -> tuple[Column, ...]:
        """The columns of one role."""
        return tuple(column for column in self.columns if column.role is role)

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            InvalidInput: there is none; the message names the nearest and lists all.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise InvalidInput(missing_column(name, self.names))

    def _only(self, role: Role) -> Column | None:
        return next(iter(self.having(role)), None)


def missing_column(name: str, names: tuple[str, ...], where: str = "the dataset") -> str:
    """The sentence for a column that is not there, with the nearest name."""
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"{where} has no column {name!r}: {hint}it has {listed}"

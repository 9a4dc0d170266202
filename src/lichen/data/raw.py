"""What a file is once it was read and before its cells are understood: the table `raw`."""

from dataclasses import dataclass
from enum import StrEnum

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.ids import Digest
from lichen.data.options import Limits

RAW = "raw"
"""The table that a file is read into: columns `c0`, `c1`, ..., and `rid`,
the row's place in the file from 0."""


class Kind(StrEnum):
    """What the file itself says a column holds."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    """A time with a zone, held as a UTC timestamp."""
    NAIVE = "naive"
    """A time or a date without a zone."""


@dataclass(frozen=True, slots=True)
class RawColumn:
    """A column of the raw table: its key there, and its name in the file."""

    key: str
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file that was read; `first_row` is the number that people give its first row of data."""

    name: str
    digest: Digest
    columns: tuple[RawColumn, ...]
    rows: int
    blank_rows: int
    first_row: int
    decimal: str
    guessed_encoding: str | None = None
    separator: str = ","

    def row(self, rid: int) -> int:
        """The file's row number of a row of the raw table."""
        return rid + self.first_row


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def check_columns(count: int, name: str, limits: Limits) -> None:
    """Refuse a file of too many columns."""
    if count > limits.columns:
        raise TooLarge(
            f"{name} has {count:,} columns, the limit `columns` is {limits.columns:,}: "
            "leave some out"
        )


def checked_rows(rows: int, name: str, limits: Limits) -> int:
    """The number of rows, if there are some and not too many."""
    if rows == 0:
        raise InvalidInput(f"{name} has a header and no rows: add rows and try again")
    if rows > limits.rows:
        raise TooLarge(
            f"{name} has more than {limits.rows:,} rows, the limit `rows`: "
            "split it and append the parts"
        )
    return rows

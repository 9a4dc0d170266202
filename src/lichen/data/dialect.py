"""How the cells of a CSV file are written: separator, header, decimal sign. Pure functions."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lichen.core.errors import InvalidInput

LONGEST_CELL = 1 << 20
"""Characters: a cell may be a long text; how much is looked at is bounded anyway."""
SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 200
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_STAMP = re.compile(r"\d{4}[-/.年]\d{1,2}([-/.月]|$).*|\d{1,2}[/.]\d{1,2}[/.]\d{4}.*")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a CSV file; `decimal` is `.` or `,`."""

    separator: str
    decimal: str
    header: tuple[str, ...]


def sniff(text: str, name: str, separator: str | None, decimal: str | None) -> Dialect:
    """The dialect of a file's first lines.

    Args:
        text: the start of the file, whole lines.
        name: the file's name, for messages.
        separator: what the caller said, if anything.
        decimal: what the caller said, if anything.

    Raises:
        InvalidInput: there is no header, or its names do not tell columns apart.
    """
    lines = [line for line in text.splitlines() if line.strip()][:_SAMPLE_LINES]
    if not lines:
        raise InvalidInput(f"{name} is empty: it needs a header line and rows")
    try:
        with _long_cells():
            chosen = _named(separator) or max(SEPARATORS, key=lambda mark: _fitness(lines, mark))
            records = list(csv.reader(lines, delimiter=chosen))
    except csv.Error as failure:
        raise InvalidInput(
            f"the first lines of {name} are no CSV ({failure}): check its quotes and line ends"
        ) from failure
    header = tuple(cell.strip() for cell in records[0])
    _check_header(header, name)
    if len(lines) == 1:
        raise InvalidInput(f"{name} has a header and no rows: add rows and try again")
    return Dialect(chosen, _checked(decimal) or _decimal(records[1:], chosen), header)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Read cells up to `LONGEST_CELL`; other readers of CSV in this process keep their limit."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _named(separator: str | None) -> str | None:
    if separator is None:
        return None
    said = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}.get(separator, separator)
    if len(said) != 1:
        raise InvalidInput(f"separator {separator!r} is not one character: take , ; or tab")
    return said


def _checked(decimal: str | None) -> str | None:
    if decimal not in (None, ".", ","):
        raise InvalidInput(f"decimal sign {decimal!r} is not known: take . or ,")
    return decimal


def _fitness(lines: list[str], separator: str) -> tuple[float, int]:
    """How well a separator explains the lines: agreement with the header, then columns."""
    widths = [len(record) for record in csv.reader(lines, delimiter=separator)]
    if widths[0] == 1:
        return (0.0, 1)
    return (Counter(widths)[widths[0]] / len(widths), widths[0])


def _check_header(header: tuple[str, ...], name: str) -> None:
    given = [cell for cell in header if cell]
    if not given or all(_NUMBER.fullmatch(cell) or _STAMP.fullmatch(cell) for cell in given):
        raise InvalidInput(
            f"the first line of {name} holds values, not column names: add a header line"
        )
    twice = next((cell for cell, count in Counter(given).items() if count > 1), None)
    if twice is not None:
        places = ", ".join(str(i + 1) for i, cell in enumerate(header) if cell == twice)
        raise InvalidInput(
            f"{name} names two columns {twice!r} (columns {places}): give each its own name"
        )


def _decimal(records: list[list[str]], separator: str) -> str:
    """A comma where it can only be a decimal sign: more cells have one comma than a point."""
    if separator == ",":
        return "."
    cells = [cell.strip() for record in records for cell in record]
    commas = sum(1 for cell in cells if _DECIMAL_COMMA.fullmatch(cell))
    points = sum(1 for cell in cells if _DECIMAL_POINT.fullmatch(cell))
    return "," if commas > points else "."

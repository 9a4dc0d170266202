"""What each column of a table is, as far as its encoding goes; and which are of no use."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.pipeline.moments import parsed
from lichen.training.tables.rows import RawRows

MOST_VALUES = 30
"""A text of more values than this is encoded by what the target was for each of them."""

FEWEST_WORDS = 4.0
"""Texts of so many words each, nearly all of them different, are free text."""

FREE_SHARE = 0.5
NAMES_SHARE = 0.9


class Kind(StrEnum):
    """How a column is encoded."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    MANY = "category of many values"
    MOMENT = "date or time"
    WORDS = "free text"


@dataclass(frozen=True, slots=True)
class Planned:
    """One column that is used.

    Attributes:
        name: of the raw column.
        kind: how it is encoded.
        may_lack: whether some row has nothing in it.
        is_clock: whether it is the time of the rows: then only what comes again is used of it.
    """

    name: str
    kind: Kind
    may_lack: bool
    is_clock: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The columns that are used, and why others are not."""

    columns: tuple[Planned, ...]
    left_out: dict[str, str]


def plan_columns(rows: RawRows, names: Sequence[str]) -> Plan:
    """How each of some columns is used.

    Raises:
        InvalidInput: none of them can be.
    """
    planned: list[Planned] = []
    left_out: dict[str, str] = {}
    for name in names:
        found = _text(rows, name) if rows.is_text(name) else _number(rows, name)
        if isinstance(found, Planned):
            planned.append(found)
        else:
            left_out[name] = found
    if not planned:
        said = "; ".join(f"{name!r} {why}" for name, why in list(left_out.items())[:5])
        raise InvalidInput(
            f"no column is left to predict by: {said or 'none was named'}; give columns that vary"
        )
    return Plan(tuple(planned), left_out)


def _number(rows: RawRows, name: str) -> Planned | str:
    values = rows.columns[name]
    there = values[np.isfinite(values)]
    if not len(there):
        return "holds no value"
    if there.min() == there.max() and len(there) == len(values):
        return "is the same in every row"
    kind = Kind.BOOLEAN if name in rows.booleans else Kind.NUMBER
    return Planned(name, kind, may_lack=len(there) < len(values))


def _text(rows: RawRows, name: str) -> Planned | str:
    cells = rows.columns[name]
    there = [cell for cell in cells if cell]
    values = set(there)
    may_lack = len(there) < len(cells)
    if not there:
        return "holds no value"
    if len(values) == 1 and not may_lack:
        return "is the same in every row"
    kind = _kind(there, values)
    if kind is None:
        return "has another value in nearly every row, as names and numbers of things have"
    return Planned(name, kind, may_lack, is_clock=name == rows.time_column)


def _kind(cells: Sequence[bytes], values: set[bytes]) -> Kind | None:
    """Of a column of texts; None: it only names its rows."""
    if _are_moments(cells):
        return Kind.MOMENT
    if _is_free(cells, values):
        return Kind.WORDS
    if len(values) <= MOST_VALUES:
        return Kind.CATEGORY
    return None if len(values) > NAMES_SHARE * len(cells) else Kind.MANY


def _are_moments(cells: Sequence[bytes]) -> bool:
    """Every cell is a date or time as ISO 8601 writes it."""
    try:
        for cell in cells:
            parsed(cell.decode())
    except ValueError:
        return False
    return True


def _is_free(cells: Sequence[bytes], values: set[bytes]) -> bool:
    words = float(np.mean([cell.count(b" ") + 1 for cell in cells]))
    chinese = float(np.mean([len(cell.decode()) * 3 <= len(cell) * 1.2 for cell in cells]))
    is_long = words >= FEWEST_WORDS or (chinese > 0.5 and np.mean([*map(len, cells)]) > 24)
    return bool(is_long) and len(values) > FREE_SHARE * len(cells)

"""Raw columns of a row in JSON: numbers, truth values, texts and times, some of which may lack."""

from collections.abc import Sequence
from math import nan
from types import UnionType
from typing import Any

import msgspec
import numpy as np

from lichen.core.batch import Array
from lichen.core.tensors import ColumnKind, ColumnSpec, TensorSpec

_TYPES: dict[ColumnKind, type | UnionType] = {
    ColumnKind.NUMBER: float,
    ColumnKind.TRUTH: bool | float,
    ColumnKind.TEXT: str,
    ColumnKind.TIME: str,
}
_TAKES = {
    ColumnKind.NUMBER: "a number",
    ColumnKind.TRUTH: "true or false",
    ColumnKind.TEXT: "text",
    ColumnKind.TIME: "a date or time such as 2026-01-31T12:00:00Z",
}


def type_of(column: ColumnSpec) -> Any:  # noqa: ANN401 - a type built at run time
    """What a cell of it is in JSON, as a type of Python."""
    kind = _TYPES[column.kind]
    return kind | None if column.may_lack else kind


def default_of(column: ColumnSpec) -> Any:  # noqa: ANN401 - of any type
    """What stands for a cell that is left out; `msgspec.NODEFAULT` where none may be."""
    if not column.may_lack:
        return msgspec.NODEFAULT
    return nan if _is_number(column) else ""


def told(column: ColumnSpec) -> str:
    """What it takes, in words."""
    unit = f" in {column.unit}" if column.unit else ""
    return f"{_TAKES[column.kind]}{unit}{', null or left out' if column.may_lack else ''}"


def gathered(spec: TensorSpec, rows: Sequence[Any]) -> Array:
    """The tensor of raw columns `(rows, columns)`.

    Args:
        spec: with `details`.
        rows: a tuple of cells each, or a bare cell where there is one column; None where it lacks.
    """
    shape = (len(rows), len(spec.columns))
    if _is_number(spec.details[0]):
        return np.array(rows, dtype=np.float64).reshape(shape)  # None becomes NaN
    cells = rows if shape[1] == 1 else [cell for row in rows for cell in row]
    found = np.empty(len(cells), dtype=np.object_)
    found[:] = [b"" if cell is None else cell.encode() for cell in cells]
    return found.reshape(shape)


def _is_number(column: ColumnSpec) -> bool:
    return column.kind in (ColumnKind.NUMBER, ColumnKind.TRUTH)

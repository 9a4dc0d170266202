"""Raw rows, a mapping of columns each, as the tensors of a model that takes such."""

from array import array
from collections.abc import Mapping, Sequence
from datetime import date
from math import nan
from typing import Any

from lichen.client.tensors import texts
from lichen.core.errors import InvalidInput
from lichen.core.tensors import ColumnKind, Datatype
from lichen.protocol.oip import TensorMetadata

Row = Mapping[str, object]
LONGEST_SHOWN = 40


def takes_raw_rows(known: Mapping[str, TensorMetadata]) -> bool:
    """Whether its metadata says what each raw column is."""
    return all(_details(one) for one in known.values()) and bool(known)


def tensors_of(known: Mapping[str, TensorMetadata], rows: Sequence[Row]) -> dict[str, object]:
    """The inputs that raw rows are; what is None or NaN, or left out where it may be, is missing.

    Args:
        known: the model's inputs, by name.
        rows: at least one.

    Raises:
        InvalidInput: the model takes no raw rows, or a cell does not fit; the message names it.
    """
    if not takes_raw_rows(known):
        raise InvalidInput("the model takes no raw rows: give its inputs by name")
    _check_rows(rows)
    columns = {
        name: one
        for tensor in known.values()
        for name, one in zip(_columns(tensor), _details(tensor), strict=True)
    }
    for number, row in enumerate(rows):
        _check_row(row, number, columns)
    return {name: _tensor(one, rows) for name, one in known.items()}


def _tensor(known: TensorMetadata, rows: Sequence[Row]) -> object:
    names = _columns(known)
    if known.datatype is Datatype.BYTES:
        return [[texts(_dated(_cell(row, name))) or "" for name in names] for row in rows]
    cells: Any = [_cell(row, name) for row in rows for name in names]
    numbers = array("d", [nan if cell is None else float(cell) for cell in cells])
    plain = memoryview(numbers).cast("B")
    return plain.cast("d", [len(rows), len(names)])


def _cell(row: Row, name: str) -> object:
    """None where nothing is known: left out, None, or the NaN and NaT of a data frame."""
    cell = row.get(name)
    is_nan = isinstance(cell, float | date) and cell != cell
    return None if is_nan else cell


def _dated(cell: object) -> object:
    """A date without a time as ISO 8601 writes it; everything else as it is."""
    return cell.isoformat() if type(cell) is date else cell


def _check_rows(rows: object) -> None:
    """What a caller gave, whatever its type was to be: a list of mappings, and not an empty one."""
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise InvalidInput(f"the inputs are {_shown(rows)}: give a list of rows, or a mapping")
    if not rows:
        raise InvalidInput("there are no rows: give at least one")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidInput(
                f"rows[{number}] is {_shown(row)}: a raw row is a mapping of columns, "
                '{"column": value}'
            )


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}..."


def _check_row(row: Row, number: int, columns: Mapping[str, Mapping[str, Any]]) -> None:
    for name in row:
        if name not in columns:
            raise InvalidInput(
                f"rows[{number}] has the column {name!r}, which the model does not take: it takes "
                f"{', '.join(columns)}"
            )
    for name, one in columns.items():
        cell = _cell(row, name)
        if cell is None:
            if not one["may_lack"]:
                raise InvalidInput(f"rows[{number}] has nothing in column {name!r}: give a value")
        elif not _fits(cell, one["kind"]):
            raise InvalidInput(
                f"rows[{number}] holds {cell!r} in column {name!r}: it takes a {one['kind']}"
            )


def _fits(cell: object, kind: str) -> bool:
    if kind in (ColumnKind.TEXT, ColumnKind.TIME):
        return isinstance(cell, str) or (kind == ColumnKind.TIME and isinstance(cell, date))
    is_number = hasattr(cell, "__float__") and not isinstance(cell, str | bytes)
    return is_number and (kind == ColumnKind.TRUTH or not isinstance(cell, bool))


def _columns(known: TensorMetadata) -> list[str]:
    return list((known.parameters or {}).get("columns", ()))


def _details(known: TensorMetadata) -> list[dict[str, Any]]:
    return list((known.parameters or {}).get("details", ()))

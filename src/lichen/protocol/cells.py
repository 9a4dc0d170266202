"""The cells of one column as values of an input's datatype; what cannot be is said row by row."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.clock import rfc3339
from lichen.core.raw_cells import MISSING_CELLS, TRUTHS
from lichen.core.tensors import ColumnKind, ColumnSpec, Datatype, TensorSpec

Faults = dict[int, str]
"""Why a row does not fit, by where it stands; the first reason counts."""

_TRUTHS_AS_NUMBERS: dict[object, float] = {text: float(truth) for text, truth in TRUTHS.items()}
_MISSING = set(MISSING_CELLS)
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Cells:
    """One column: its name, its cells, masked where null, and the decimal sign of its texts."""

    name: str
    values: Array
    decimal: str = "."

    @property
    def is_null(self) -> Array:
        """Where nothing stands."""
        null = np.ma.getmaskarray(self.values)
        return null | _is_none(self.plain) if self.plain.dtype.kind == "O" else null

    @property
    def plain(self) -> Array:
        """The cells; anything where there is none."""
        return np.asarray(np.ma.getdata(self.values))


def scalars(
    cells: Cells, spec: TensorSpec, faults: Faults, column: ColumnSpec | None = None
) -> Array:
    """One value a row in the datatype of an input; rows that have none are among the faults.

    Args:
        cells: of one column.
        spec: the input that takes it.
        faults: rows that do not fit are added.
        column: what the column is, where it is a raw one; nothing in it is then NaN or no bytes.
    """
    wanted = NUMPY_OF_DATATYPE[spec.datatype]
    if column is not None:
        cells = as_raw(cells, column)
    null = cells.is_null
    may_lack = spec.missing and wanted.kind == "f" if column is None else column.may_lack
    if not may_lack:
        for row in np.flatnonzero(null):
            faults.setdefault(int(row), f"column {cells.name!r} is empty: the model needs a value")
    found = _quick(cells, wanted, null)
    if found is None:
        found = _slow(cells, spec, null, faults)
    if wanted.kind == "f":
        found = found.copy() if not found.flags.writeable else found
        found[null] = np.nan
        _check_finite(cells, found, spec, faults)
    return found


def as_raw(cells: Cells, column: ColumnSpec) -> Cells:
    """The texts of a raw column as they are taken in when a dataset is: trimmed, `NA` as nothing.

    A text column may well have a value `NA`. Truth values become 1 and 0.
    """
    if cells.plain.dtype.kind != "O":
        return cells
    plain = [cell.strip() if isinstance(cell, str) else cell for cell in cells.plain.tolist()]
    missing = {""}
    if column.kind in (ColumnKind.NUMBER, ColumnKind.TRUTH):
        missing = _MISSING
    null = cells.is_null | np.array([_lowered(cell) in missing for cell in plain], dtype=bool)
    if column.kind is ColumnKind.TRUTH:
        plain = [_TRUTHS_AS_NUMBERS.get(_lowered(cell), cell) for cell in plain]
    found = np.empty(len(plain), dtype=np.object_)
    found[:] = plain
    return Cells(cells.name, np.ma.masked_array(found, mask=null), cells.decimal)


def _lowered(cell: object) -> object:
    return cell.lower() if isinstance(cell, str) else cell


def _quick(cells: Cells, wanted: np.dtype[Any], null: Array) -> Array | None:
    """All cells at once; None where one of them has to be looked at."""
    values = cells.plain
    if wanted.kind == "f" and values.dtype.kind in "fiub":
        with np.errstate(over="ignore"):
            return values.astype(wanted)
    if wanted.kind == "f" and values.dtype.kind == "O" and cells.decimal == ".":
        texts = np.where(null, "nan", values)
        try:
            with np.errstate(over="ignore"):
                return texts.astype(np.float64).astype(wanted)
        except (ValueError, TypeError, OverflowError):
            return None
    return values.astype(wanted) if values.dtype == wanted and wanted.kind != "O" else None


def _slow(cells: Cells, spec: TensorSpec, null: Array, faults: Faults) -> Array:
    read = _READERS[NUMPY_OF_DATATYPE[spec.datatype].kind]
    wanted = NUMPY_OF_DATATYPE[spec.datatype]
    found = np.zeros(len(null), dtype=wanted)
    if wanted.kind == "O":
        found[:] = b""
    for row, value in enumerate(cells.plain.tolist()):
        if null[row]:
            continue
        try:
            found[row] = read(value, cells.decimal, wanted)
        except (ValueError, TypeError, OverflowError):
            said = repr(value)[:_SHOWN]
            faults.setdefault(
                row, f"column {cells.name!r} holds {said}, which is no {spec.datatype}"
            )
    return found


def _check_finite(cells: Cells, found: Array, spec: TensorSpec, faults: Faults) -> None:
    wrong = ~np.isfinite(found)
    if spec.missing:
        wrong &= ~np.isnan(found)
    for row in np.flatnonzero(wrong):
        if int(row) not in faults:
            named = "NaN" if np.isnan(found[row]) else "a number beyond the model's range"
            faults[int(row)] = f"column {cells.name!r} holds {named}: the model takes finite ones"


def _number(value: Any, decimal: str, wanted: np.dtype[Any]) -> float:  # noqa: ANN401, ARG001
    if isinstance(value, str):
        value = value.strip().replace(decimal, ".") if decimal != "." else value
    return float(value)


def _whole(value: Any, decimal: str, wanted: np.dtype[Any]) -> int:  # noqa: ANN401, ARG001
    number = int(value) if isinstance(value, str | int) else float(value)
    if isinstance(number, float) and not number.is_integer():
        raise ValueError
    limits = np.iinfo(wanted)
    if not limits.min <= number <= limits.max:
        raise OverflowError
    return int(number)


def _truth(value: Any, decimal: str, wanted: np.dtype[Any]) -> bool:  # noqa: ANN401, ARG001
    if isinstance(value, str):
        if value.strip().lower() not in TRUTHS:
            raise ValueError
        return TRUTHS[value.strip().lower()]
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _text(value: Any, decimal: str, wanted: np.dtype[Any]) -> bytes:  # noqa: ANN401, ARG001
    if isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return rfc3339(moment).encode()
    if isinstance(value, date):
        return value.isoformat().encode()
    if not isinstance(value, str):
        raise TypeError
    return value.encode()


_READERS: dict[str, Callable[[Any, str, np.dtype[Any]], Any]] = {
    "f": _number,
    "i": _whole,
    "u": _whole,
    "b": _truth,
    "O": _text,
}


def listed(cells: Cells, spec: TensorSpec, faults: Faults) -> Array:
    """The lists of a column as one array of an input's datatype, (rows, ...)."""
    wanted, inner = NUMPY_OF_DATATYPE[spec.datatype], spec.shape[1:]
    null = cells.is_null
    rows: dict[int, Array] = {}
    for row, value in enumerate(cells.plain):
        if null[row]:
            faults.setdefault(row, f"column {cells.name!r} is empty: the model needs a list")
            continue
        try:
            rows[row] = _pixels(value, inner) if _is_pixels(value, spec) else _list(value, wanted)
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError):
            faults.setdefault(
                row, f"column {cells.name!r} holds no list of {spec.datatype}: {_takes(inner)}"
            )
    rows = {row: one for row, one in rows.items() if _suits(row, one, cells, spec, faults)}
    shape = next((one.shape for one in rows.values()), tuple(max(1, one) for one in inner))
    found = np.zeros((len(null), *shape), dtype=wanted)
    for row, one in rows.items():
        if one.shape == shape:
            found[row] = one
        else:
            faults.setdefault(
                row, f"column {cells.name!r} has shape {list(one.shape)}, unlike {list(shape)}"
            )
    return found


def _is_pixels(value: Any, spec: TensorSpec) -> bool:  # noqa: ANN401 - whatever a cell holds
    """Whether it is bytes for an input of bytes whose shape is known, such as an image."""
    is_known = len(spec.shape) > 1 and min(spec.shape[1:]) > 0
    return isinstance(value, bytes | bytearray) and spec.datatype is Datatype.UINT8 and is_known


def _pixels(value: bytes | bytearray, inner: tuple[int, ...]) -> Array:
    return np.frombuffer(value, dtype=np.uint8).reshape(inner)


def _list(value: Any, wanted: np.dtype[Any]) -> Array:  # noqa: ANN401 - a list, an array, or JSON
    plain = msgspec.json.decode(value) if isinstance(value, str) else _unwrapped(value)
    if not isinstance(plain, list):
        raise TypeError
    if wanted.kind == "O":
        return _text_array(plain)
    found = np.array(plain)
    if found.dtype.kind not in "fiub" or found.dtype.kind == "f" != wanted.kind:
        raise TypeError
    with np.errstate(over="ignore"):
        return found.astype(wanted)


def _text_array(plain: list[Any]) -> Array:
    texts = np.array(plain, dtype=np.str_)
    found = np.empty(texts.size, dtype=np.object_)
    found[:] = [str(text).encode() for text in texts.flat]
    return found.reshape(texts.shape)


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 - arrays of arrays, as DuckDB gives lists
    if isinstance(value, np.ndarray | list):
        return [_unwrapped(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _suits(row: int, one: Array, cells: Cells, spec: TensorSpec, faults: Faults) -> bool:
    inner = spec.shape[1:]
    fits = len(one.shape) == len(inner) and all(
        wanted in (-1, length) for wanted, length in zip(inner, one.shape, strict=True)
    )
    if not fits:
        faults.setdefault(
            row, f"column {cells.name!r} has shape {list(one.shape)}: {_takes(inner)}"
        )
    elif spec.datatype is not Datatype.BYTES and not _is_finite(one, spec):
        fits = False
        faults.setdefault(row, f"column {cells.name!r} holds NaN or infinity in its list")
    return fits


def _is_finite(values: Array, spec: TensorSpec) -> bool:
    if values.dtype.kind != "f" or spec.missing:
        return True
    return math.isfinite(float(np.abs(values).max(initial=0.0)))


def _takes(inner: tuple[int, ...]) -> str:
    lengths = " x ".join("any" if length < 0 else str(length) for length in inner)
    return f"the model takes {lengths}"


def _is_none(values: Array) -> Array:
    return np.array([one is None for one in values.tolist()], dtype=bool)

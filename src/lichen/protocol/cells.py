"""The cells of one column as values of an input's datatype; what cannot be is said row by row."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.clock import rfc3339
from lichen.core.tensors import Datatype, TensorSpec

Faults = dict[int, str]
"""Why a row does not fit, by where it stands; the first reason counts."""

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
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


def scalars(cells: Cells, spec: TensorSpec, faults: Faults) -> Array:
    """One value a row in the datatype of an input; rows that have none are among the faults."""
    wanted = NUMPY_OF_DATATYPE[spec.datatype]
    null = cells.is_null
    fits_missing = spec.missing and wanted.kind == "f"
    if not fits_missing:
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


def _quick(cells: Cells, wanted: np.dtype[Any], null: Array) -> Array | None:
    """All cells at once; None where one of them has to be looked at."""
    values = cells.plain
    if wanted.kind == "f" and values.dtype.kind in "fiu":
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
        if value.strip().lower() not in _TRUTHS:
            raise ValueError
        return _TRUTHS[value.strip().lower()]
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _text(value: Any, decimal: str, wanted: np.dtype[Any]) -> bytes:  # noqa: ANN401, ARG001
    if isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return rfc3339(moment).encode()
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
            rows[row] = _list(value, wanted)
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

"""Columns of a table into a model's inputs, and its outputs into columns beside them.

An input of one value a row is a column of its name; one of several is as many columns where the
signature names them, or all columns of the table in their order where it does not; one of windows
takes the rows before each row as well; anything else is a column of lists, in a CSV as JSON. A row
that does not fit is named with the reason, and does not keep the others from being answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.protocol.cells import Cells, Faults, listed, scalars
from lichen.protocol.windows import window_rows, windows


@dataclass(frozen=True, slots=True)
class Picked:
    """Which columns become one input; `is_list` when one column holds lists."""

    spec: TensorSpec
    columns: tuple[str, ...]
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class ReadRows:
    """What could be read of some rows.

    Attributes:
        tensors: the inputs of the rows that fit, in their order.
        rows: where these stood among all.
        faults: why each of the others does not fit, by where it stood.
    """

    tensors: dict[str, Array]
    rows: Array
    faults: Mapping[int, str] = field(default_factory=dict)


class TableForm:
    """How the rows of a table become the inputs of one signature."""

    def __init__(self, signature: Signature, columns: Sequence[str], decimal: str = ".") -> None:
        """Find the columns that it takes.

        Args:
            signature: what the model takes.
            columns: what the table has.
            decimal: the sign before the fraction in numbers that are text.

        Raises:
            InvalidInput: a column is missing, or the model takes no rows.
        """
        self._decimal = decimal
        self._picked = picked_columns(signature, columns)
        names = [name for one in self._picked for name in one.columns if name in columns]
        self.columns = tuple(dict.fromkeys(names))
        lengths = [window_rows(one.spec) for one in self._picked if not one.is_list]
        self.rows_before = max([1, *lengths]) - 1

    def read(self, arrays: Mapping[str, Array], rows: int, before: int = 0) -> ReadRows:
        """The inputs in some rows.

        Args:
            arrays: each column of `columns`, masked where null.
            rows: how many there are.
            before: how many rows stand before them in the arrays, for windows to begin with;
                `rows_before` are enough.
        """
        faults: Faults = {}
        count = before + rows
        tensors = {one.spec.name: self._tensor(one, arrays, count, faults) for one in self._picked}
        faults = {row - before: why for row, why in faults.items() if row >= before}
        fits = np.array([row for row in range(rows) if row not in faults], dtype=np.int64)
        if faults or before:
            tensors = {name: values[before + fits] for name, values in tensors.items()}
        return ReadRows({name: _dense(values) for name, values in tensors.items()}, fits, faults)

    def _tensor(self, one: Picked, arrays: Mapping[str, Array], rows: int, faults: Faults) -> Array:
        cells = [self._cells(name, arrays, rows) for name in one.columns]
        if one.is_list:
            return listed(cells[0], one.spec, faults)
        details = one.spec.details or (None,) * len(cells)
        columns = [
            scalars(cell, one.spec, faults, detail)
            for cell, detail in zip(cells, details, strict=True)
        ]
        found = np.stack(columns, axis=-1)
        length = window_rows(one.spec)
        if not length:
            return found.reshape(rows, *one.spec.shape[1:]) if len(cells) == 1 else found
        if faults and one.spec.missing:  # a row that cannot be read is missing from later windows
            found[list(faults)] = np.nan
        return windows(found, length)

    def _cells(self, name: str, arrays: Mapping[str, Array], rows: int) -> Cells:
        """The cells of a column; nothing in all of one that the table lacks, as it may."""
        if name in arrays:
            return Cells(name, arrays[name], self._decimal)
        return Cells(name, np.full(rows, None, dtype=np.object_))


def picked_columns(signature: Signature, columns: Sequence[str]) -> tuple[Picked, ...]:
    """The columns of a table that become inputs; an optional input that has none is left out.

    Raises:
        InvalidInput: a column is missing, or the model takes no rows.
    """
    alone = next((one for one in signature.inputs if not one.optional), None)
    required = [one for one in signature.inputs if not one.optional]
    found = []
    for spec in signature.inputs:
        if spec.shape[:1] != (-1,):
            raise InvalidInput(
                f"input {spec.name!r} has shape {list(spec.shape)}, without rows: a table cannot "
                "be its input"
            )
        if spec.datatype not in NUMPY_OF_DATATYPE:
            raise InvalidInput(f"input {spec.name!r} takes {spec.datatype}, which no table holds")
        takes = _picked(spec, columns)
        if takes is None and spec is alone and len(required) == 1 and _takes_all(spec, columns):
            takes = Picked(spec, tuple(columns))
        if takes is not None:
            found.append(takes)
        elif not spec.optional:
            raise _missing(spec, columns)
    if not any(name in columns for one in found for name in one.columns):
        raise _missing(signature.inputs[0], columns)
    return tuple(found)


def _picked(spec: TensorSpec, columns: Sequence[str]) -> Picked | None:
    if spec.details and spec.name not in columns:
        lacks = any(name not in columns for name in _required(spec))
        return None if lacks else Picked(spec, spec.columns)
    if spec.shape[1:] in ((), (1,)):
        named = spec.columns or (spec.name,)
        usable = named if named[0] in columns else (spec.name,)
        return Picked(spec, usable) if usable[0] in columns else None
    if spec.columns and set(spec.columns) <= set(columns):
        return Picked(spec, spec.columns)
    return Picked(spec, (spec.name,), is_list=True) if spec.name in columns else None


def _required(spec: TensorSpec) -> list[str]:
    """Those of its raw columns that no table may lack."""
    return [name for name, one in zip(spec.columns, spec.details, strict=True) if not one.may_lack]


def _takes_all(spec: TensorSpec, columns: Sequence[str]) -> bool:
    """Is each column of the table one value of its rows?"""
    if spec.columns:
        return False
    return len(spec.shape) == 2 and spec.shape[1] in (-1, len(columns))


def _missing(spec: TensorSpec, columns: Sequence[str]) -> InvalidInput:
    named = (_required(spec) if spec.details else spec.columns) or spec.columns or (spec.name,)
    wanted = [name for name in named if name not in columns]
    has = ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
    return InvalidInput(
        f"the file has no column {', '.join(wanted)}, which the model takes for its input "
        f"{spec.name!r} of shape {list(spec.shape)}; it has {has}: name the columns so"
    )


def _dense(values: Array) -> Array:
    return np.ascontiguousarray(values)


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A column of answers: the output it is of, and which part of a row's values.

    Attributes:
        name: of the column.
        output: of the model.
        datatype: of its values.
        at: which one of the last dimension; None: all of the row.
        depth: how deep its lists are nested; 0 for single values.
    """

    name: str
    output: str
    datatype: Datatype
    at: int | None = None
    depth: int = 0

    def of(self, values: Array) -> Array:
        """The values of this column in an output of shape (rows, ...)."""
        part = values if self.at is None else values[..., self.at]
        inner = part.shape[1:]
        if self.depth == 0:
            return part.reshape(len(part))
        if len(inner) > self.depth:
            part = part.reshape(*part.shape[: self.depth], -1)
        return part


PREDICTION, ERROR = "prediction", "error"
_FLAT = 2


def answer_columns(signature: Signature, levels: Sequence[float] = ()) -> tuple[AnswerColumn, ...]:
    """The columns that a model's outputs become.

    Args:
        signature: what it gives.
        levels: of a forecaster's quantiles: it gives `prediction`, `q10`, ..., a list of steps
            each.

    Raises:
        InvalidInput: two columns would have one name.
    """
    if levels:
        return _of_forecaster(signature, levels)
    is_alone = len(signature.outputs) == 1
    found = [column for spec in signature.outputs for column in _of_output(spec, is_alone)]
    names = [column.name.lower() for column in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"two outputs of the model would be the column {twice!r}: name them")
    return tuple(found)


def _of_output(spec: TensorSpec, is_alone: bool) -> list[AnswerColumn]:  # noqa: FBT001
    name = PREDICTION if is_alone else spec.name
    inner = spec.shape[1:]
    if inner in ((), (1,)):
        return [AnswerColumn(name, spec.name, spec.datatype)]
    if len(spec.shape) == _FLAT and inner[0] > 0:
        labels = spec.columns or [str(at) for at in range(inner[0])]
        return [
            AnswerColumn(f"{name}_{label}", spec.name, spec.datatype, at)
            for at, label in enumerate(labels)
        ]
    return [AnswerColumn(name, spec.name, spec.datatype, depth=len(inner))]


def _of_forecaster(signature: Signature, levels: Sequence[float]) -> tuple[AnswerColumn, ...]:
    """One list of steps where there is one series, else a list of series in each step."""
    mean, quantiles = signature.outputs
    depth = 1 if mean.shape[-1] == 1 else 2
    return (
        AnswerColumn(PREDICTION, mean.name, mean.datatype, depth=depth),
        *(
            AnswerColumn(f"q{round(100 * level)}", quantiles.name, quantiles.datatype, at, depth)
            for at, level in enumerate(levels)
        ),
    )


def plain_values(column: AnswerColumn, values: Array) -> Array:
    """The values of a column as a table holds them: numbers, texts, or lists of them.

    Raises:
        InvalidInput: bytes are no text.
    """
    found = column.of(values)
    if found.dtype == np.dtype(np.float16):
        found = found.astype(np.float32)
    if found.dtype == NUMPY_OF_DATATYPE[Datatype.BYTES]:
        found = _texts(column.name, found)
    if column.depth == 0:
        return found
    lists = np.empty(len(found), dtype=np.object_)
    lists[:] = [*found] if found.ndim == 1 else found.tolist()
    return lists


def _texts(name: str, values: Array) -> Array:
    texts = np.empty(values.size, dtype=np.object_)
    try:
        texts[:] = [_text(text) for text in values.flat]
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"column {name!r} of the answers holds bytes that are no UTF-8 text"
        ) from error
    return texts.reshape(values.shape)


def _text(value: Any) -> str:  # noqa: ANN401 - as a model gives it
    return value if isinstance(value, str) else bytes(value).decode()

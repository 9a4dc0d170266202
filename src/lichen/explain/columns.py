"""The raw columns of a version, as a person knows them, and rows put together of others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.tensors import ColumnKind, Signature, TensorSpec
from lichen.protocol.explaining import Part

Truths = NDArray[np.bool_]
_MOST_CHARACTERS = 200
"""Of a text that is told as the value of a column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One raw column: where its cells stand, and what it is.

    `place` is its position in a row of the tensor; None where the tensor has one value a row.
    """

    name: str
    tensor: str
    place: int | None
    unit: str | None = None
    is_truth: bool = False

    def cells(self, rows: Batch) -> Array:
        """Its values, one a row."""
        values = rows.arrays[self.tensor]
        return values if self.place is None else values[:, self.place]


def columns_of(signature: Signature) -> tuple[Column, ...] | None:
    """The raw columns that a signature takes; None where an input is no table."""
    found: list[Column] = []
    for spec in signature.inputs:
        if spec.optional:
            continue
        if spec.shape[:1] != (-1,) or len(spec.shape) > 2 or -1 in spec.shape[1:]:
            return None
        found += _columns(spec)
    return tuple(found)


def _columns(spec: TensorSpec) -> list[Column]:
    if len(spec.shape) == 1:
        return [Column(spec.name, spec.name, None, spec.unit)]
    width = spec.shape[1]
    if width == 1 and not spec.columns:
        return [Column(spec.name, spec.name, 0, spec.unit)]
    names = spec.columns or [f"{spec.name}[{at}]" for at in range(width)]
    details = spec.details or [None] * width
    return [
        Column(
            name,
            spec.name,
            at,
            spec.unit if one is None else one.unit,
            one is not None and one.kind is ColumnKind.TRUTH,
        )
        for at, (name, one) in enumerate(zip(names, details, strict=True))
    ]


def parts_of(columns: Sequence[Column], rows: Batch) -> list[list[Part]]:
    """Of each row what its columns hold."""
    told = [[_told(cell, column) for cell in column.cells(rows).tolist()] for column in columns]
    return [
        [Part(column.name, value, column.unit) for column, value in zip(columns, row, strict=True)]
        for row in zip(*told, strict=True)
    ]


def _told(cell: object, column: Column) -> str | float | bool | None:
    if isinstance(cell, float | int):
        if cell != cell:
            return None
        return bool(cell) if column.is_truth else cell
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell)
    return text[:_MOST_CHARACTERS] if text else None


def mixed(columns: Sequence[Column], row: Batch, others: Batch, taken: Truths) -> Batch:
    """Every other row once for each set of columns, those columns taken from `row`.

    Args:
        columns: of the version's inputs.
        row: one row.
        others: rows of the background.
        taken: `(sets, columns)`: which columns of a set come from `row`.

    Returns:
        `sets * others` rows, those of the first set first.
    """
    sets, usual = len(taken), others.rows
    made = {
        name: np.tile(values, (sets, *[1] * (values.ndim - 1))) for name, values in others.items()
    }
    for at, column in enumerate(columns):
        mask = np.repeat(taken[:, at], usual)
        cell = column.cells(row)[0]
        if column.place is None:
            made[column.tensor][mask] = cell
        else:
            made[column.tensor][mask, column.place] = cell
    return Batch(made)

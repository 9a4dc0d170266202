"""Partial dependence and individual conditional expectation.

Friedman (2001); Goldstein, Kapelner, Bleich and Pitkin (2015). A column is set to each of some
values in all rows: what the model answers on average, and for a few rows alone.
"""

from collections.abc import Callable, Sequence

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.explain.columns import Column
from lichen.protocol.explaining_data import Curve

Answering = Callable[[Batch], Array]
"""The number of each row `(rows,)` that is looked at."""
SHOWN_ROWS = 20
_INNER = (0.1, 0.9)


def curve(answer: Answering, rows: Batch, column: Column, grid: int) -> Curve | None:
    """The dependence on one column; None where it has but one value.

    Args:
        answer: what the model answers.
        rows: as it takes them.
        column: which is set.
        grid: how many values at most: quantiles of numbers, the most frequent texts.
    """
    values = _grid(column.cells(rows), grid)
    if len(values) < 2:
        return None
    said = np.stack([answer(_set(rows, column, value)) for value in values], axis=1)
    low, high = np.quantile(said, _INNER, axis=0)
    shown = np.unique(np.linspace(0, len(said) - 1, SHOWN_ROWS).round().astype(np.int64))
    return Curve(
        column=column.name,
        unit=column.unit,
        values=[_told(value) for value in values],
        mean=said.mean(axis=0).tolist(),
        low=low.tolist(),
        high=high.tolist(),
        rows=said[shown].tolist(),
    )


def _grid(cells: Array, most: int) -> Sequence[object]:
    if cells.dtype.kind == "O":
        found, counts = np.unique(cells.astype(bytes), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:most]
        return [bytes(one) for one in found[np.sort(order)]]
    there = cells[~np.isnan(cells)]
    distinct = np.unique(there)
    if len(distinct) <= most:
        return [float(one) for one in distinct]
    spaced = np.quantile(there, np.linspace(0.01, 0.99, most))
    return [float(one) for one in np.unique(spaced)]


def _set(rows: Batch, column: Column, value: object) -> Batch:
    values = rows.arrays[column.tensor].copy()
    if column.place is None:
        values[:] = value
    else:
        values[:, column.place] = value
    return Batch({**rows.arrays, column.tensor: values})


def _told(value: object) -> float | str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return float(value)  # type: ignore[arg-type]

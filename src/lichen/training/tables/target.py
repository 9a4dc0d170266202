"""The column to predict: as numbers, or as numbers of classes; and what of it cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.training.tables.rows import RawRows

FEWEST_ROWS = 10
NUMBER_LIKE = 0.5
"""A target of numbers with more values than this share of its rows is no class."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be predicted of each row.

    Attributes:
        name: of the column.
        values: float64 `(rows,)`: the value, or the number of the class.
        labels: of the classes, in the order of their numbers; empty for a number.
        unit: of the values.
    """

    name: str
    values: NDArray[np.float64]
    labels: tuple[str, ...] = ()
    unit: str | None = None

    @property
    def classes(self) -> int:
        """How many there are; 0: the target is a number."""
        return len(self.labels)

    def at(self, rows: NDArray[Any]) -> "Target":
        """Of some of the rows."""
        return Target(self.name, self.values[rows], self.labels, self.unit)


def number_target(rows: RawRows, name: str) -> tuple[Target, NDArray[np.bool_]]:
    """A target of numbers, and which rows have one.

    Raises:
        InvalidInput: it holds text, too few values, or always the same.
    """
    if rows.is_text(name):
        cell = next((cell.decode() for cell in rows.columns[name] if cell), "")
        raise InvalidInput(
            f"target column {name!r} holds text such as {cell!r}, not numbers: train "
            "classification on it, or correct the file"
        )
    values = rows.columns[name]
    there = np.isfinite(values)
    _check_rows(int(there.sum()), name)
    kept = values[there]
    if kept.min() == kept.max():
        raise InvalidInput(
            f"target column {name!r} is {kept[0]:g} in every row: there is nothing to predict"
        )
    return Target(name, kept, (), rows.units.get(name)), there


def class_target(rows: RawRows, name: str) -> tuple[Target, NDArray[np.bool_]]:
    """A target of classes, and which rows have one; classes of a single row are left out.

    Raises:
        InvalidInput: there is one class only, there are more than rows to learn them from, or the
            column holds a quantity.
    """
    cells = _labels(rows, name)
    there = np.array([cell != "" for cell in cells], dtype=np.bool_)
    _check_rows(int(there.sum()), name)
    found, numbers, counts = np.unique(
        np.array(cells)[there], return_inverse=True, return_counts=True
    )
    _check_classes(rows, name, found, int(there.sum()))
    usual = counts >= 2
    if usual.sum() < 2:
        said = "one class only" if usual.sum() == 1 else "no class that two rows have"
        raise InvalidInput(
            f"target column {name!r} has {said}: give rows of two classes at least, several of each"
        )
    there[there] = usual[numbers]
    labels = _ordered(found[usual])
    places = {label: place for place, label in enumerate(labels)}
    kept = [places[cell] for cell, is_there in zip(cells, there, strict=True) if is_there]
    return Target(name, np.array(kept, dtype=np.float64), labels), there


def _check_rows(rows: int, name: str) -> None:
    if rows < FEWEST_ROWS:
        raise InvalidInput(
            f"target column {name!r} has a value in {rows} rows, fewer than {FEWEST_ROWS}: add rows"
        )


def _check_classes(rows: RawRows, name: str, found: NDArray[Any], there: int) -> None:
    if len(found) == 1:
        raise InvalidInput(
            f"target column {name!r} has one class only, {str(found[0])!r}: there is nothing to "
            "tell apart; give rows of two classes at least"
        )
    if len(found) > NUMBER_LIKE * there:
        hint = "name another target" if rows.is_text(name) else "train regression on it"
        raise InvalidInput(
            f"target column {name!r} has {len(found)} classes in {there} rows, too many to learn "
            f"any from: give several rows of each class, or {hint}"
        )


def _labels(rows: RawRows, name: str) -> list[str]:
    column = rows.columns[name]
    if rows.is_text(name):
        return [cell.decode().strip() for cell in column]
    if name in rows.booleans:
        return ["" if np.isnan(one) else ("true" if one else "false") for one in column]
    return ["" if not np.isfinite(one) else f"{one:.15g}" for one in column]


def _ordered(labels: Sequence[str] | NDArray[Any]) -> tuple[str, ...]:
    """By value where all are numbers, else by name."""
    plain = [str(one) for one in labels]
    try:
        return tuple(sorted(plain, key=float))
    except ValueError:
        return tuple(sorted(plain))

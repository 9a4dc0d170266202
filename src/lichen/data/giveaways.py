"""Rows that stand twice and columns that know the answer, in arrays: what training refuses.

`lichen.data.leakage` finds the same in stored rows when they are added, as findings to read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.data.leakage import LEAKAGE_CORRELATION

FEWEST_ROWS = 50
"""Of fewer rows a column may tell the answer by chance."""

KNOWING_SHARE = 0.999
"""A column that alone gives this share of the classes right knows them."""

FEWEST_A_VALUE = 5.0
"""Values that come so often on average, where a column is looked at value by value."""

RICH_SHARE = 0.2
"""A column with so many different values a row tells rows apart: only then are copies copies."""


@dataclass(frozen=True, slots=True)
class Giveaway:
    """A column that knows the target; `how` is a clause that says by what."""

    column: str
    how: str


def copies(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """For each row the number of the first row that is equal to it in every column.

    Where no column has many values rows are equal by chance: then each row stands for itself.
    """
    rows = len(columns[0]) if columns else 0
    every = np.arange(rows)
    kinds, is_rich = np.zeros(rows, dtype=np.int64), False
    for column in columns:
        values, places = np.unique(column, return_inverse=True)
        is_rich = is_rich or len(values) >= RICH_SHARE * rows
        _, kinds = np.unique(kinds * len(values) + places.reshape(-1), return_inverse=True)
        if int(kinds.max(initial=0)) + 1 == rows:
            return every
    _, first, which = np.unique(kinds, return_index=True, return_inverse=True)
    return np.asarray(first[which], dtype=np.int64) if is_rich else every


def number_giveaways(
    columns: Mapping[str, NDArray[Any]], target: NDArray[np.float64]
) -> list[Giveaway]:
    """Columns of numbers that rise or fall exactly as a target does: copies of it, or made of it.

    Looked at by rank (Spearman), so that a logarithm or another unit is found as well.
    """
    found = []
    wanted = _ranks(target)
    for name, column in columns.items():
        there = np.isfinite(column) if column.dtype != np.object_ else np.zeros(0, dtype=np.bool_)
        if there.sum() < max(FEWEST_ROWS, 0.5 * len(target)):
            continue
        mine = wanted if there.all() else _ranks(target[there])
        together = _together(_ranks(column[there]), mine)
        if abs(together) > LEAKAGE_CORRELATION:
            found.append(
                Giveaway(name, f"rises and falls with it (rank correlation {together:.5f})")
            )
    return found


def class_giveaways(
    columns: Mapping[str, NDArray[Any]], target: NDArray[np.float64]
) -> list[Giveaway]:
    """Columns of which each value, or a few thresholds, tell the class of nearly every row."""
    classes = target.astype(np.int64)
    usual = float(np.bincount(classes).max()) / max(len(classes), 1)
    if len(classes) < FEWEST_ROWS or usual > 1 - 2 * (1 - KNOWING_SHARE):
        return []
    found = []
    for name, column in columns.items():
        values, places = np.unique(column, return_inverse=True)
        if len(values) * FEWEST_A_VALUE <= len(classes) and len(values) > 1:
            right = _right_by_value(places, classes, len(values))
            how = f"each of its {len(values)} values stands for a class"
        elif column.dtype != np.object_:
            right, how = _right_by_thresholds(places, classes), "thresholds on it part the classes"
        else:
            continue
        if right >= KNOWING_SHARE:
            found.append(Giveaway(name, f"{how} ({right:.1%} of rows)".replace("%", " %")))
    return found


def foreseeing(columns: Mapping[str, NDArray[Any]], target: NDArray[np.float64]) -> list[Giveaway]:
    """Columns of numbers that hold a target's next value: rows are in order of time."""
    ahead = target[1:]
    itself = abs(_together(target[:-1], ahead))
    found = []
    for name, column in columns.items():
        if column.dtype == np.object_ or len(ahead) < FEWEST_ROWS:
            continue
        now = column[:-1]
        there = np.isfinite(now)
        if there.sum() < max(FEWEST_ROWS, 0.5 * len(ahead)):
            continue
        together = abs(_together(now[there], ahead[there]))
        if together > max(LEAKAGE_CORRELATION, itself):
            found.append(
                Giveaway(name, f"holds the target's next value (correlation {together:.5f})")
            )
    return found


def _right_by_value(places: NDArray[np.int64], classes: NDArray[np.int64], values: int) -> float:
    counts = np.zeros((values, int(classes.max()) + 1))
    np.add.at(counts, (places, classes), 1.0)
    return float(counts.max(axis=1).sum() / len(classes))


def _right_by_thresholds(places: NDArray[np.int64], classes: NDArray[np.int64]) -> float:
    """Share of rows in place where each class is one stretch of values."""
    order = np.argsort(places, kind="stable")
    ordered = classes[order]
    changes = int(np.count_nonzero(np.diff(ordered)))
    needed = int(classes.max())
    return 1.0 - max(0, changes - needed) / len(classes)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks, ties alike."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places], dtype=np.float64)


def _together(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Correlation; 0 where either does not vary."""
    mine, its = first - first.mean(), second - second.mean()
    size = float(np.sqrt((mine @ mine) * (its @ its)))
    return float(mine @ its) / size if size > 0 else 0.0

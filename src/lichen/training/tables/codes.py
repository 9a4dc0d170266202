"""Categories of many values as numbers: what the target was for each, shrunk to what it is for all.

Micci-Barreca (2001). The rows that are fitted on get numbers found without them, fold by fold:
otherwise a value of one row would give that row's own target away.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.evaluation.splits import folds_of, random_positions
from lichen.pipeline.declaration import Codes
from lichen.training.tables.columns import Planned
from lichen.training.tables.target import Target

PRIOR_ROWS = 10.0
"""The mean of all rows counts as so many rows of each value."""

FOLDS = 5
MOST_CLASSES = 4
"""Of more classes, the most frequent have a number each."""


@dataclass(frozen=True, slots=True)
class Coded:
    """An encoder, and the numbers `(rows,)` to fit on of the rows it was fitted on."""

    encoder: Codes
    of_rows: NDArray[np.float64]


def target_codes(
    cells: NDArray[Any], column: Planned, target: Target, seed: int
) -> tuple[Coded, ...]:
    """Encoders of one column: one, or for several classes one for each of the most frequent."""
    values, places = np.unique(cells, return_inverse=True)
    listed = [value.decode() for value in values]
    return tuple(_coded(wanted, places, listed, column, seed) for wanted in _wanted(target))


def _wanted(target: Target) -> list[NDArray[np.float64]]:
    """What the numbers are means of."""
    if target.classes == 0:
        return [target.values]
    if target.classes == 2:
        return [(target.values == 1).astype(np.float64)]
    rows = np.bincount(target.values.astype(np.int64), minlength=target.classes)
    usual = np.argsort(-rows, kind="stable")[:MOST_CLASSES]
    return [(target.values == one).astype(np.float64) for one in sorted(usual)]


def _coded(
    wanted: NDArray[np.float64],
    places: NDArray[np.int64],
    listed: list[str],
    column: Planned,
    seed: int,
) -> Coded:
    every = np.arange(len(wanted))
    numbers, mean = _means(wanted, places, every, len(listed))
    of_rows = np.empty(len(wanted))
    for fold in folds_of(random_positions(len(wanted), seed), FOLDS):
        inner, _ = _means(wanted, places, fold.fit, len(listed))
        of_rows[fold.held] = inner[places[fold.held]]
    encoder = Codes(
        column=column.name,
        may_lack=column.may_lack,
        values=listed,
        numbers=[float(one) for one in numbers],
        other=float(mean),
    )
    return Coded(encoder, of_rows)


def _means(
    wanted: NDArray[np.float64], places: NDArray[np.int64], rows: NDArray[np.int64], values: int
) -> tuple[NDArray[np.float64], float]:
    mean = float(wanted[rows].mean())
    counts = np.bincount(places[rows], minlength=values)
    sums = np.bincount(places[rows], wanted[rows], values)
    return (sums + PRIOR_ROWS * mean) / (counts + PRIOR_ROWS), mean

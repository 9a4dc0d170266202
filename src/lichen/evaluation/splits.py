"""Which rows are fitted on and which are held back: folds that keep classes, groups or time.

Each way of splitting first gives every row a position, 0 to 1; folds and held-out parts are then
stretches of positions. So one law holds for all of them: rows of one position are never parted.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Rows = NDArray[np.int64]
Positions = NDArray[np.float64]


class SplitKind(StrEnum):
    """What a split keeps together or in order."""

    RANDOM = "random"
    STRATIFIED = "stratified"
    GROUPED = "grouped"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Fold:
    """One split: row numbers to fit on, and row numbers to score on, both ascending."""

    fit: Rows
    held: Rows


def random_positions(rows: int, seed: int) -> Positions:
    """Every row anywhere."""
    order = np.random.default_rng(seed).permutation(rows)
    return np.asarray((order + 0.5) / max(rows, 1))


def stratified_positions(labels: NDArray[Any], seed: int) -> Positions:
    """The rows of each class spread evenly, so that every stretch has its share of each class."""
    generator = np.random.default_rng(seed)
    positions = np.empty(len(labels))
    _, classes = np.unique(labels, return_inverse=True)
    for each in range(int(classes.max(initial=-1)) + 1):
        mine = np.flatnonzero(classes == each)
        order = generator.permutation(len(mine))
        positions[mine] = (order + generator.random()) / len(mine)
    return positions


def grouped_positions(groups: NDArray[Any], seed: int) -> Positions:
    """All rows of a group at one position; groups in random order, each as wide as its rows."""
    _, numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    before = np.empty(len(sizes))
    before[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    return np.asarray(before[numbers] / max(len(groups), 1))


def timed_positions(times: NDArray[Any]) -> Positions:
    """By time, the oldest at 0; rows of one time stand together."""
    rank = np.searchsorted(np.sort(times), times, side="left")
    return np.asarray(rank / max(len(times), 1), dtype=np.float64)


def spread_again(positions: Positions) -> Positions:
    """Positions of some of the rows spread over 0 to 1 again; equal ones stay equal."""
    ordered = np.sort(positions)
    first = np.searchsorted(ordered, positions, side="left")
    last = np.searchsorted(ordered, positions, side="right")
    return np.asarray((first + last) / 2 / max(len(positions), 1), dtype=np.float64)


def blocks_of(kind: SplitKind, positions: Positions) -> NDArray[np.int64] | None:
    """What each row may be like others of: its group, or its stretch of time; None: nothing.

    Time is parted into as many stretches as each has positions, about the square root of their
    number: long against what follows from hour to hour, and still enough to draw from.
    """
    if kind not in (SplitKind.GROUPED, SplitKind.TIME):
        return None
    _, numbers = np.unique(positions, return_inverse=True)
    if kind is SplitKind.TIME:
        steps = int(numbers.max(initial=-1)) + 1
        numbers = numbers * max(1, round(steps**0.5)) // max(1, steps)
    return np.asarray(numbers, dtype=np.int64)


def check_folds(folds: int, rows: int) -> None:
    """Refuse a number of folds that was asked for and cannot be.

    Raises:
        InvalidInput: they are fewer than two, or more than rows.
    """
    if folds < 2:
        raise InvalidInput(f"cv {folds} is no cross-validation: ask for 2 folds or more")
    if folds > rows:
        raise InvalidInput(
            f"there are {rows} rows to fit on, fewer than {folds} folds: ask for fewer folds (cv), "
            "or add rows"
        )


def held_out(positions: Positions, share: float) -> Fold:
    """The rows at the end held back: `share` of all; by time, the newest."""
    edge = 1.0 - share
    return Fold(np.flatnonzero(positions < edge), np.flatnonzero(positions >= edge))


def folds_of(positions: Positions, folds: int) -> tuple[Fold, ...]:
    """Cross-validation: each row is held back once.

    Raises:
        InvalidInput: there are fewer than two folds, or some fold would be empty.
    """
    which = np.minimum((positions * folds).astype(np.int64), folds - 1)
    made = tuple(
        Fold(np.flatnonzero(which != one), np.flatnonzero(which == one)) for one in range(folds)
    )
    return _checked(made, len(positions))


def forward_folds(positions: Positions, folds: int) -> tuple[Fold, ...]:
    """Cross-validation in order of time: each part is scored by what stands before it alone.

    Raises:
        InvalidInput: there are fewer than two folds, or some fold would be empty.
    """
    which = np.minimum((positions * (folds + 1)).astype(np.int64), folds)
    made = tuple(
        Fold(np.flatnonzero(which < one), np.flatnonzero(which == one))
        for one in range(1, folds + 1)
    )
    return _checked(made, len(positions))


def _checked(made: tuple[Fold, ...], rows: int) -> tuple[Fold, ...]:
    if len(made) < 2:
        raise InvalidInput(f"{len(made)} folds are no cross-validation: ask for 2 or more")
    if any(not len(one.fit) or not len(one.held) for one in made):
        raise InvalidInput(
            f"{rows} rows cannot be parted into {len(made)} folds with rows in each: ask for fewer "
            "folds (cv), add rows, or split by groups that are smaller"
        )
    return made

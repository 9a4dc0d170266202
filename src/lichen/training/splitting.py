"""How the rows of one training are parted: some to search and fit on, others to test on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.evaluation.splits import (
    Fold,
    Positions,
    SplitKind,
    grouped_positions,
    held_out,
    random_positions,
    stratified_positions,
    timed_positions,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What rows may be kept together by.

    Attributes:
        target: `(rows,)`.
        groups: `(rows,)`; None: no column of groups was named.
        times: `(rows,)`; None: the dataset has none.
    """

    target: NDArray[Any]
    groups: NDArray[Any] | None = None
    times: NDArray[Any] | None = None


def split_kind(asked: str | None, sides: Sides, usual: SplitKind) -> SplitKind:
    """As asked for; else by group where one was named, else as is usual of the task.

    Raises:
        InvalidInput: the rows have no groups, or no times, to be split by.
    """
    if asked is None:
        return usual if sides.groups is None else SplitKind.GROUPED
    kind = SplitKind(asked)
    if kind is SplitKind.GROUPED and sides.groups is None:
        raise InvalidInput("split 'grouped' needs the column of the groups: name it as group")
    if kind is SplitKind.TIME and sides.times is None:
        raise InvalidInput(
            "split 'time' needs a dataset with a time column: add it again with the option time, "
            "or choose another split"
        )
    return kind


def positions_by(kind: SplitKind, sides: Sides, seed: int) -> Positions:
    """Where each row stands, 0 to 1: folds and parts are stretches of it."""
    if kind is SplitKind.TIME and sides.times is not None:
        return timed_positions(sides.times)
    if kind is SplitKind.GROUPED and sides.groups is not None:
        return grouped_positions(sides.groups, seed)
    if kind is SplitKind.STRATIFIED:
        return stratified_positions(sides.target, seed)
    return random_positions(len(sides.target), seed)


def part_for_test(positions: Positions, share: float, fewest_to_fit: int) -> Fold:
    """Rows to search and fit on, and rows to score on once; none where none are held out.

    Raises:
        InvalidInput: there are too few.
    """
    if share == 0:
        every = np.arange(len(positions))
        return Fold(every, every[:0])
    fold = held_out(positions, share)
    if not len(fold.held) or len(fold.fit) < fewest_to_fit:
        raise InvalidInput(
            f"{len(positions)} rows cannot be parted into rows to fit on and {share:.0%} to test "
            "on: add rows, or say test_share 0"
        )
    return fold


def balanced_weights(
    numbers: NDArray[np.int64], said: NDArray[np.float64] | None, classes: int
) -> NDArray[np.float64]:
    """Weights under which each class of the rows counts alike, their mean 1.

    Args:
        numbers: the class of each row.
        said: what a row counts within its class; None: all alike.
        classes: how many there are; one that no row is of changes nothing.
    """
    base = np.ones(len(numbers)) if said is None else said
    made = base / np.maximum(np.bincount(numbers, base, classes), 1e-9)[numbers]
    return np.asarray(made / made.mean())

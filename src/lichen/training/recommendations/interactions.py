"""What users took: rows of a dataset as users, items and strengths; and each user's last item."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Dtype
from lichen.data.table import Table
from lichen.protocol.training import RecommendationTraining

LEAST_USERS, LEAST_ITEMS = 2, 2
WIDEST_NUMBERS = 2**23
"""Between the first and the last number that users are called by: float32 tells them apart."""


@dataclass(frozen=True)
class Taken:
    """Who took what, one user after the other, each item once.

    Attributes:
        users: how many there are.
        items: how many there are.
        user, item: numbers of both `(entries,)`, rising.
        strength: `(entries,)`, over 0, their mean 1: so no unit of theirs matters.
    """

    users: int
    items: int
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    strength: NDArray[np.float64]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """`(users + 1,)`: where the entries of each user begin."""
        counts = np.bincount(self.user, minlength=self.users)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def turned(self) -> "Taken":
        """The same with users and items in each other's place."""
        order = np.lexsort((self.user, self.item))
        return Taken(
            self.items, self.users, self.item[order], self.user[order], self.strength[order]
        )

    def without(self, gone: NDArray[np.bool_]) -> "Taken":
        """The same users and items without some entries."""
        left = ~gone
        return Taken(self.users, self.items, self.user[left], self.item[left], self.strength[left])

    @property
    def popularity(self) -> NDArray[np.float64]:
        """`(items,)`: the share of users that took each."""
        return np.bincount(self.item, minlength=self.items) / max(1, self.users)


@dataclass(frozen=True, slots=True)
class Interactions:
    """The rows of a dataset as users and items.

    Attributes:
        taken: all of it.
        users: their names in order; whole numbers where `are_numbers`.
        items: their names in order.
        are_numbers: whether users are called by whole numbers.
        is_last: `(entries,)`: the item that each user took last for the first time; of users with
            one item alone none.
        rows_left_out: rows without a user or an item, or of strength 0.
    """

    taken: Taken
    users: tuple[str, ...]
    items: tuple[str, ...]
    are_numbers: bool
    is_last: NDArray[np.bool_]
    rows_left_out: int


def interactions_of(asked: RecommendationTraining, table: Table) -> Interactions:
    """The rows of a table, in their order: by time where the dataset has it.

    Raises:
        InvalidInput: they cannot be trained on; one sentence says why.
    """
    users, are_numbers = _names(table, asked.user)
    items, _ = _names(table, asked.item)
    strength = _strength(table, asked)
    is_known = (users != "") & (items != "") & (strength > 0)
    if table.times is not None:
        order = np.argsort(table.times, kind="stable")
        users, items = users[order], items[order]
        strength, is_known = strength[order], is_known[order]
    user_names, user = _numbered(users[is_known], as_numbers=are_numbers)
    item_names, item = _numbered(items[is_known], as_numbers=False)
    _check(asked, len(user_names), len(item_names))
    taken, first_row = _joined(user, item, strength[is_known], (len(user_names), len(item_names)))
    return Interactions(
        taken=taken,
        users=user_names,
        items=item_names,
        are_numbers=are_numbers,
        is_last=_last(taken, first_row),
        rows_left_out=int((~is_known).sum()),
    )


def _names(table: Table, column: str) -> tuple[NDArray[np.str_], bool]:
    """The names in a column, empty where there is none; and whether they are whole numbers."""
    dtype = next(one.dtype for one in table.columns if one.name == column)
    values = table.arrays[column]
    if dtype is Dtype.TEXT:
        return np.array(["" if one is None else str(one) for one in values], dtype=np.str_), False
    known = values[np.isfinite(values)]
    if not len(known):
        raise InvalidInput(f"column {column!r} is empty: name another")
    if (known != np.rint(known)).any() or known.max() - known.min() > WIDEST_NUMBERS:
        raise InvalidInput(
            f"column {column!r} holds numbers that are no names: they must be whole and lie within "
            f"{WIDEST_NUMBERS} of each other, or be texts"
        )
    return np.array([f"{one:.0f}" if np.isfinite(one) else "" for one in values]), True


def _strength(table: Table, asked: RecommendationTraining) -> NDArray[np.float64]:
    if asked.strength is None:
        return np.ones(len(table))
    values = table.column(asked.strength)
    if np.isinf(values).any() or (values < 0).any():
        wrong = values[np.isinf(values) | (values < 0)][0]
        raise InvalidInput(
            f"strength {asked.strength!r} holds {wrong:g}: it says how much a user took, 0 or more"
        )
    return np.nan_to_num(values, nan=0.0)


def _numbered(
    names: NDArray[np.str_], *, as_numbers: bool
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Each name once, in order, and the number of each row's name."""
    found, number = np.unique(names, return_inverse=True)
    listed: Sequence[Any] = found.tolist()
    if as_numbers:
        order = np.argsort(found.astype(np.float64), kind="stable")
        rank = np.argsort(order)
        return tuple(listed[at] for at in order), rank[number].astype(np.int64)
    return tuple(listed), number.astype(np.int64)


def _check(asked: RecommendationTraining, users: int, items: int) -> None:
    if users < LEAST_USERS or items < LEAST_ITEMS:
        raise InvalidInput(
            f"there are {users} users and {items} items: to learn from what others took there must "
            f"be {LEAST_USERS} of each at least"
        )
    if not 1 <= asked.top <= items:
        raise InvalidInput(f"top is {asked.top}: ask for 1 to {items}, which is how many there are")


def _joined(
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    strength: NDArray[np.float64],
    counts: tuple[int, int],
) -> tuple[Taken, NDArray[np.int64]]:
    """Each pair once, its strengths summed, their mean 1; and the first row that it stood in."""
    users, items = counts
    pairs, first, place = np.unique(user * items + item, return_index=True, return_inverse=True)
    summed = np.bincount(place, weights=strength).astype(np.float64)
    if len(summed):
        summed /= summed.mean()
    return Taken(users, items, pairs // items, pairs % items, summed), first.astype(np.int64)


def _last(taken: Taken, first_row: NDArray[np.int64]) -> NDArray[np.bool_]:
    is_last = np.zeros(len(taken.user), dtype=np.bool_)
    for user in range(taken.users):
        first, last = taken.starts[user], taken.starts[user + 1]
        if last - first > 1:
            is_last[first + int(np.argmax(first_row[first:last]))] = True
    return is_last

"""Rows that a network is trained on."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.layers import Scaled

NUMBERS_AT_ONCE = 1 << 18
"""Of the rows looked at together where no gradient is wanted: what is made of them stays small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRows:
    """Rows to train on, or to validate by.

    Attributes:
        features: `(rows, *shape)`, float32 or any that becomes it exactly, such as uint8; finite.
        target: `(rows,)` or `(rows, outputs)`: values, or numbers of classes from 0 on.
        weights: `(rows,)`, not negative; None: all alike. Classes are weighed by these too.
        classes: how many there are; 0: the target is numbers.
    """

    features: NDArray[Any]
    target: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None
    classes: int = 0

    def __len__(self) -> int:
        return len(self.features)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        return tuple(self.features.shape[1:])

    @property
    def targets(self) -> int:
        """Numbers to predict of a row."""
        return 1 if self.target.ndim == 1 else int(self.target.shape[1])

    def taken(self, places: NDArray[np.int64]) -> "NetworkRows":
        """Some of the rows."""
        return NetworkRows(
            features=self.features[places],
            target=self.target[places],
            weights=None if self.weights is None else self.weights[places],
            classes=self.classes,
        )


def checked_rows(rows: NetworkRows) -> NetworkRows:
    """The rows themselves, if they can be trained on.

    Raises:
        InvalidInput: there are none, they do not fit each other, or a value is not finite.
    """
    if len(rows) == 0:
        raise InvalidInput("there are no rows to train a network on: give some")
    others = [rows.target, *([] if rows.weights is None else [rows.weights])]
    if any(len(one) != len(rows) for one in others):
        raise InvalidInput(
            f"there are {len(rows)} rows of features and another number of targets or weights: "
            "give as many"
        )
    if not all(np.isfinite(part).all() for part in (*parts_of(rows.features), *others)):
        raise InvalidInput(
            "a feature, target or weight is missing or not finite, and a network takes none such: "
            "fill it first"
        )
    if rows.classes and (rows.target.min() < 0 or rows.target.max() >= rows.classes):
        raise InvalidInput(f"a target is not a class from 0 to {rows.classes - 1}: number them so")
    return rows


def parts_of(features: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The rows, some at a time."""
    count = max(1, NUMBERS_AT_ONCE // max(1, prod(features.shape[1:])))
    for first in range(0, len(features), count):
        yield features[first : first + count]


def scaling(features: NDArray[Any]) -> Scaled:
    """Centres and scales rows along the first dimension of their shape."""
    axes = (0, *range(2, features.ndim))
    count = features.size / features.shape[1]
    centre = sum(part.sum(axis=axes, dtype=np.float64) for part in parts_of(features)) / count
    along = (-1, *(1,) * (features.ndim - 2))
    square = sum(
        np.square(part - centre.reshape(along)).sum(axis=axes) for part in parts_of(features)
    )
    spread = np.sqrt(square / count)
    factor = np.where(
        spread > 1e-12 * np.maximum(1.0, np.abs(centre)), 1 / np.maximum(spread, 1e-300), 1.0
    )
    return Scaled(centre.astype(np.float32), factor.astype(np.float32))


def held_out(
    rows: NetworkRows, share: float, random: np.random.Generator
) -> tuple[NetworkRows, NetworkRows]:
    """The rows in two: to train on, and a share of them drawn at random to validate by.

    Raises:
        InvalidInput: there are fewer than two.
    """
    if len(rows) < 2:
        raise InvalidInput("one row cannot be parted to validate by: take patience 0, or add rows")
    order = random.permutation(len(rows))
    count = min(len(rows) - 1, max(1, round(share * len(rows))))
    return rows.taken(np.sort(order[count:])), rows.taken(np.sort(order[:count]))

"""Shapley values of trees in NumPy, leaf by leaf: where no compiler is, and against a background.

Of a leaf every feature on its path has two marks: whether the row keeps to the path, and whether
what it is compared with does (a share of the cover, or of one background row 0 or 1). The value
is that of a product game, an integral that Gauss' points give exactly; see `shap_kernel.c`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.explain.grown import Floats, GrownTrees, Ints, goes_left, quadrature

_NONE = -1
_AT_ONCE = 2_000_000
"""Numbers of one array: 16 MB."""
_MOST_NUMBERS = 50_000_000
"""Leaves times features of a path: 400 MB."""


def check_paths(trees: GrownTrees) -> None:
    """Are the paths few and short enough to be laid out?

    Raises:
        InvalidInput: they are not.
    """
    leaves = int((trees.left < 0).sum())
    if leaves * max(1, int(trees.features.max(initial=0))) > _MOST_NUMBERS:
        raise InvalidInput(
            f"the {leaves:,} leaves of the model's trees are too many to compare with a "
            "background, or without a compiler: leave the background out, or give method shap"
        )


class PathShap:
    """Values of one sum of trees; path-dependent, or against rows of a background."""

    def __init__(self, trees: GrownTrees, width: int) -> None:
        """Find the path of every leaf.

        Raises:
            InvalidInput: they are too many, or too long.
        """
        check_paths(trees)
        self._trees, self._width = trees, width
        self._leaves = np.flatnonzero(trees.left < 0)
        self._splits = np.flatnonzero(trees.left >= 0)
        self._values = trees.tables.values[trees.order[self._leaves]]
        self._feature, self._edge = self._paths()
        shares = np.where(self._edge >= 0, trees.merged[self._edge], 1.0)
        self._shares: Floats = shares
        points = max(1, -(-self._edge.shape[1] // 2))
        self._points, self._weights = quadrature(points)

    def values(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Contributions `(rows, targets, features)` and sums `(rows, targets)` of some rows."""
        kept = [self._kept(row) for row in features]
        found = np.stack([self._found(marks, self._shares) for marks in kept])
        return found, np.stack([self._sum(marks) for marks in kept])

    def against(
        self,
        features: NDArray[np.float32],
        background: NDArray[np.float32],
        check: Callable[[], None] = lambda: None,
    ) -> tuple[Floats, Floats, Floats]:
        """The same, compared with each row of a background; and what those are answered.

        `check` is called before each comparison, and may end the work by what it raises.
        """
        usual = [self._kept(row) for row in background]
        kept = [self._kept(row) for row in features]

        def compared(marks: Floats, with_: Floats) -> Floats:
            check()
            return self._found(marks, with_)

        found = [np.mean([compared(marks, one) for one in usual], axis=0) for marks in kept]
        base = np.mean([self._sum(one) for one in usual], axis=0)
        return np.stack(found), np.stack([self._sum(marks) for marks in kept]), base

    def _paths(self) -> tuple[Ints, Ints]:
        """Of each leaf the features of its path, each once, and the last edge of each; -1: none."""
        trees = self._trees
        feature = trees.tables.feature[trees.order]
        most = max(1, int(trees.features.max(initial=0)))
        features = np.full((len(self._leaves), most), _NONE)
        edges = np.full((len(self._leaves), most), _NONE)
        filled = np.zeros(len(self._leaves), dtype=np.int64)
        asking, at = np.arange(len(self._leaves)), self._leaves.copy()
        while len(asking):
            is_open = trees.parent[at] >= 0
            asking, at = asking[is_open], at[is_open]
            of_edge = feature[trees.parent[at]]
            is_new = ~(features[asking] == of_edge[:, None]).any(axis=1)
            new = asking[is_new]
            features[new, filled[new]], edges[new, filled[new]] = of_edge[is_new], at[is_new]
            filled[new] += 1
            at = trees.parent[at]
        return features, edges

    def _kept(self, row: NDArray[np.float32]) -> Floats:
        """Of each leaf and feature of its path: 1 where the row keeps to it."""
        trees, tables = self._trees, self._trees.tables
        at = trees.order[self._splits]
        goes = goes_left(tables, at, row[tables.feature[at]])
        is_on = np.ones(len(trees.left), dtype=np.bool_)
        left = trees.left[self._splits]
        is_on[left], is_on[left + 1] = goes, ~goes
        above = trees.above[trees.parent]
        again = np.flatnonzero((trees.parent >= 0) & (above >= 0))
        while True:  # a mark of a feature counts what it was above: as often as it comes again
            met = is_on[again] & is_on[above[again]]
            if np.array_equal(met, is_on[again]):
                break
            is_on[again] = met
        return np.where(self._edge >= 0, is_on[self._edge], 1.0)

    def _sum(self, kept: Floats) -> Floats:
        total: Floats = self._trees.tables.base + self._values[kept.all(axis=1)].sum(axis=0)
        return total

    def _found(self, kept: Floats, others: Floats) -> Floats:
        """The contributions `(targets, features)` of one row."""
        found = np.zeros((self._values.shape[1], self._width))
        most = kept.shape[1]
        step = max(1, _AT_ONCE // (most * len(self._points)))
        for start in range(0, len(kept), step):
            part = slice(start, start + step)
            shares = _of_products(kept[part], others[part], self._points, self._weights)
            is_there = self._feature[part] >= 0
            at = self._feature[part][is_there]
            for target in range(len(found)):
                counted = (shares * self._values[part, target : target + 1])[is_there]
                found[target] += np.bincount(at, counted, minlength=self._width)
        return found


def _of_products(kept: Floats, others: Floats, points: Floats, weights: Floats) -> Floats:
    """The Shapley values `(leaves, features)` of products of marks.

    A factor may be 0 at every point, of a feature that neither keeps to: products without one
    factor are taken from the left and from the right, and nothing is divided.
    """
    factors = points * kept[:, :, None] + (1 - points) * others[:, :, None]
    before = np.ones_like(factors)
    np.cumprod(factors[:, :-1], axis=1, out=before[:, 1:])
    after = np.ones_like(factors)
    after[:, :-1] = np.cumprod(factors[:, :0:-1], axis=1)[:, ::-1]
    integral: Floats = (before * after) @ weights
    return (kept - others) * integral

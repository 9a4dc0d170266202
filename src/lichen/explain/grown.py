"""A sum of trees laid out to be explained: parents before children, shares merged by feature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_ensembles import EnsembleTables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_NONE = -1
_MOST_LEVELS = 4_096
MOST_FEATURES = 512
"""On a path of trees that are explained: Gauss' points for more take long to find."""
_TOO_DEEP = (
    f"the trees of the model go deeper than {_MOST_LEVELS} splits, or ask for more than "
    f"{MOST_FEATURES} features on the way to a leaf: give method shap, which samples"
)
_BROKEN = "the trees of the model are no trees: export it again"


@dataclass(frozen=True, slots=True)
class GrownTrees:
    """Trees one after the other, parents before children; siblings are neighbours.

    Attributes:
        tables: as they were read; all other arrays are in the order of `order`.
        order: the nodes of the tables.
        start: of each tree its first node, and one more at the end.
        parent, left: places in this order; -1 of a root, and of a leaf.
        above: of a split the nearest node above it, or itself, that was split off by this
            feature: its edge says what the row already had to fulfil; -1: none.
        share: of the cover of its parent that comes to a node.
        merged: the product of the shares of this edge and of those above by the same feature.
        features: how many different features the path to a node looks at.
        expected: the mean of the sum `(targets,)` over the cover, base included.
    """

    tables: EnsembleTables
    order: Ints
    start: Ints
    parent: Ints
    left: Ints
    above: Ints
    share: Floats
    merged: Floats
    features: Ints
    expected: Floats


def grown(tables: EnsembleTables, cover: Floats) -> GrownTrees:
    """The layout of trees that so much came to.

    Raises:
        InvalidInput: they are no trees, or too deep.
    """
    order, start, levels = _ordered(tables)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    left = np.where(tables.left < 0, _NONE, place[tables.left])[order]
    parent = np.full(len(order), _NONE)
    splits = np.flatnonzero(left >= 0)
    for side in (0, 1):
        parent[left[splits] + side] = splits
    feature = tables.feature[order]
    above = _above(parent, feature, splits)
    share = _shares(cover[order], left, splits)
    merged, count, weight = share.copy(), np.zeros(len(order), dtype=np.int64), share.copy()
    for level in levels[1:]:
        nodes = place[level]
        over = parent[nodes]
        again = above[over]
        merged[nodes] = share[nodes] * np.where(again >= 0, merged[again], 1.0)
        count[nodes] = count[over] + (again < 0)
        weight[nodes] = share[nodes] * weight[over]
    if count.max(initial=0) > MOST_FEATURES:
        raise InvalidInput(_TOO_DEEP)
    expected = tables.base + weight @ tables.values[order]
    return GrownTrees(tables, order, start, parent, left, above, share, merged, count, expected)


def _ordered(tables: EnsembleTables) -> tuple[Ints, Ints, list[Ints]]:
    """The nodes in their new order, where trees start in it, and the nodes of each level.

    A tree goes level by level: what stands together does not wait for one another.
    """
    nodes = len(tables.left)
    is_child = np.zeros(nodes, dtype=np.bool_)
    splits = tables.left >= 0
    is_child[tables.left[splits]] = True
    is_child[tables.right[splits]] = True
    level = np.flatnonzero(~is_child)
    trees = np.unique(tables.tree)
    level = level[np.argsort(tables.tree[level], kind="stable")]
    if not np.array_equal(tables.tree[level], trees):
        raise InvalidInput(_BROKEN)
    levels, seen = [level], len(level)
    while len(level := level[splits[level]]) and seen <= nodes:
        level = np.stack([tables.left[level], tables.right[level]], axis=1).ravel()
        levels.append(level)
        if len(levels) > _MOST_LEVELS:
            raise InvalidInput(_TOO_DEEP)
        seen += len(level)
    if seen != nodes or len(np.unique(np.concatenate(levels))) != nodes:
        raise InvalidInput(_BROKEN)
    place = np.empty(nodes, dtype=np.int64)
    place[np.concatenate(levels)] = np.arange(nodes)
    order: Ints = np.lexsort((place, tables.tree))
    start = np.searchsorted(tables.tree[order], [*trees.tolist(), np.iinfo(np.int64).max])
    return order, start, levels


def _above(parent: Ints, feature: Ints, splits: Ints) -> Ints:
    """Of each split the nearest node at or above it that the same feature split off."""
    found = np.full(len(parent), _NONE)
    asking, at = splits, splits.copy()
    while len(asking):
        is_open = parent[at] >= 0
        asking, at = asking[is_open], at[is_open]
        is_found = feature[parent[at]] == feature[asking]
        found[asking[is_found]] = at[is_found]
        asking, at = asking[~is_found], parent[at[~is_found]]
    return found


def _shares(cover: Floats, left: Ints, splits: Ints) -> Floats:
    """How much of what came to its parent came to each node; siblings sum to 1, roots have 1."""
    share = np.ones(len(cover))
    both = np.stack([cover[left[splits]], cover[left[splits] + 1]])
    total = both.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.where(total > 0, both[0] / total, 0.5)
    share[left[splits]] = first
    share[left[splits] + 1] = 1.0 - first
    return share


def sums_of(trees: GrownTrees, features: NDArray[np.float32]) -> Floats:
    """What the trees sum to `(rows, targets)`: each row walks down each tree."""
    tables = trees.tables
    at = np.tile(trees.order[trees.start[:-1]], (len(features), 1))
    rows = np.arange(len(features))[:, None]
    while (is_split := tables.left[at] >= 0).any():
        goes = goes_left(tables, at, features[rows, np.maximum(tables.feature[at], 0)])
        at = np.where(is_split, np.where(goes, tables.left[at], tables.right[at]), at)
    total: Floats = tables.base + tables.values[at].sum(axis=1)
    return total


def goes_left(tables: EnsembleTables, at: Ints, x: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where values go at splits."""
    threshold = tables.threshold[at]
    ways = (
        x <= threshold,
        x < threshold,
        x >= threshold,
        x > threshold,
        x == threshold,
        x != threshold,
    )
    mode = np.minimum(tables.mode[at], len(ways) - 1)
    return np.where(np.isnan(x), tables.missing_left[at], np.choose(mode, ways))


def quadrature(points: int) -> tuple[Floats, Floats]:
    """Gauss' points on (0, 1) and their weights: exact for polynomials up to `2 points - 1`."""
    at, weights = np.polynomial.legendre.leggauss(points)
    return (at + 1) / 2, weights / 2

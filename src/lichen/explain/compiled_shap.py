"""Trees as the compiled form explains them: the same values as in NumPy, far quicker."""

import ctypes
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.explain.grown import Floats, GrownTrees, Ints, quadrature
from lichen.frameworks.shap_kernel import SHARE, SUM, TEST, TREE, Ensemble, ShapKernel

_LANES = 4
"""Points come in fours, which one instruction computes on."""
_NONE = -1
_MOST_NUMBERS = 100_000_000
"""Of the room that the kernel works in: 800 MB."""


class CompiledShap:
    """Path-dependent values of one sum of trees; used by one thread at a time."""

    def __init__(self, trees: GrownTrees, width: int, kernel: ShapKernel) -> None:
        """Lay out the structures for rows of so many features.

        Raises:
            InvalidInput: a split asks for none of them, or the kernel would need too much room.
        """
        if not trees.tables.looks_within(width):
            raise InvalidInput(
                f"the trees of the model ask for features that the {width} there are do not hold: "
                "export it again"
            )
        self._trees, self._width = trees, width
        self._targets = trees.tables.values.shape[1]
        self._explain = kernel.explain
        self._kept = _laid_out(trees)
        trees_, tests, *_ = self._kept
        modes = np.unique(tests["mode"])
        self._ensemble = Ensemble(
            *(array.ctypes.data for array in self._kept),
            count=len(trees_),
            width=width,
            targets=self._targets,
            most_splits=int(trees_["splits"].max()),
            most_points=int(trees_["points"].max()),
            mode=int(modes[0]) if len(modes) == 1 else _NONE,
        )
        room = int(kernel.room(ctypes.byref(self._ensemble)))
        if room > _MOST_NUMBERS:
            raise InvalidInput(
                "the trees of the model are too large to be explained exactly: give method shap"
            )
        self._room = np.zeros(room)

    def values(self, features: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Contributions `(rows, targets, features)` and sums `(rows, targets)` of some rows.

        Raises:
            InvalidInput: the rows are not as wide as was laid out.
        """
        if features.ndim != 2 or features.shape[1] != self._width:
            raise InvalidInput(
                f"the rows are {list(features.shape)}, and the trees take (rows, {self._width})"
            )
        rows = np.ascontiguousarray(features, dtype=np.float32)
        found = np.zeros((len(rows), self._targets, self._width))
        sums = np.tile(self._trees.tables.base, (len(rows), 1))
        self._explain(
            ctypes.byref(self._ensemble),
            rows.ctypes.data,
            len(rows),
            self._room.ctypes.data,
            found.ctypes.data,
            sums.ctypes.data,
        )
        return found, sums


def _laid_out(trees: GrownTrees) -> Sequence[Array]:
    """The arrays that `Ensemble` points at, in its order."""
    is_leaf = trees.left < 0
    tree_of = np.repeat(np.arange(len(trees.start) - 1), np.diff(trees.start))
    first_split = np.searchsorted(np.flatnonzero(~is_leaf), trees.start)
    described, values, value_at = _trees_of(trees, tree_of, is_leaf, first_split)
    points, weights = _tables_of(described)
    in_tree = np.where(is_leaf, 0, np.cumsum(~is_leaf) - first_split[tree_of])
    order = np.argsort(described["points"], kind="stable")
    splits = _splits_of(trees, in_tree, value_at)
    return described[order], *splits, values, points, weights


def _splits_of(trees: GrownTrees, in_tree: Ints, value_at: Ints) -> Sequence[Array]:
    """The splits; `in_tree`: of each node the number of its split in its tree, from 1."""
    at = np.flatnonzero(trees.left >= 0)
    left, above, tables, original = trees.left[at], trees.above[at], trees.tables, trees.order[at]
    over = trees.parent
    edge = np.where(over >= 0, 2 * in_tree[over] + (np.arange(len(over)) != trees.left[over]), 0)
    tests = np.zeros(len(at), dtype=TEST)
    tests["threshold"], tests["feature"] = tables.threshold[original], tables.feature[original]
    tests["mode"], tests["missing_left"] = tables.mode[original], tables.missing_left[original]
    shares = np.zeros(len(at), dtype=SHARE)
    shares["share"] = trees.share[left]
    shares["edge"], shares["above"] = edge[at], np.where(above >= 0, edge[above], 0)
    sums = np.zeros(len(at), dtype=SUM)
    for side in (0, 1):
        sums["child"][:, side] = in_tree[left + side]
        sums["value"][:, side] = value_at[left + side]
    sums["feature"] = tables.feature[original]
    return tests, shares, sums


def _trees_of(
    trees: GrownTrees, tree_of: Ints, is_leaf: NDArray[np.bool_], first_split: Ints
) -> tuple[Array, Floats, Ints]:
    """The trees, the values of their leaves, and where those of each leaf begin."""
    count, targets = len(trees.start) - 1, trees.tables.values.shape[1]
    of_leaf = trees.tables.values[trees.order[is_leaf]]
    spoken = np.zeros((count, targets), dtype=np.bool_)
    np.logical_or.at(spoken, tree_of[is_leaf], of_leaf != 0)
    is_single = spoken.sum(axis=1) <= 1
    described = np.zeros(count, dtype=TREE)
    described["split"], described["splits"] = first_split[:-1], np.diff(first_split)
    described["target"] = np.where(is_single, spoken.argmax(axis=1), 0)
    described["targets"] = np.where(is_single, 1, targets)
    looked = np.zeros(count, dtype=np.int64)
    np.maximum.at(looked, tree_of, trees.features)
    described["points"] = _points_for(looked)
    single = is_single[tree_of[is_leaf]]
    wide = np.where(single, 1, targets)
    begins = targets + np.cumsum(wide) - wide
    values = np.zeros(targets + int(wide.sum()))
    values[begins[single]] = of_leaf[single, described["target"][tree_of[is_leaf]][single]]
    whole = begins[~single][:, None] + np.arange(targets)
    values[whole.ravel()] = of_leaf[~single].ravel()
    value_at = np.zeros(len(is_leaf), dtype=np.int64)
    value_at[is_leaf] = begins
    described["value"] = value_at[trees.start[:-1]]
    return described, values, value_at


def _points_for(features: Ints) -> Ints:
    """Points for paths of so many features, in a few sizes, since trees of one size go together."""
    fours = np.maximum(1, -(-features // (2 * _LANES)))
    sizes: Ints = _LANES * 2 ** np.ceil(np.log2(fours)).astype(np.int64)
    return sizes


def _tables_of(described: Array) -> tuple[Floats, Floats]:
    """Points and weights of every size; each tree is told where its own begin."""
    points: list[Floats] = []
    weights: list[Floats] = []
    begins = 0
    for size in np.unique(described["points"]).tolist():
        described["table"][described["points"] == size] = begins
        at, weight = quadrature(size)
        points.append(at)
        weights.append(weight)
        begins += size
    return np.concatenate(points), np.concatenate(weights)

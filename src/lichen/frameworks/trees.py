"""Forests in the compiled form: tables of nodes, walked by the kernel that this machine built."""

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature
from lichen.frameworks.kernel import LANES, NODE, Forest, Kernel
from lichen.frameworks.onnx_trees import LINKS, ForestTables, Ints

NAME = "compiled"
_BLOCK_ROWS = 256
_BLOCK_VALUES = 2**20
_BROKEN = "the trees of the model are no trees: export it again"


class TreePredictor:
    """A forest in memory, one thread: the same answers as its ONNX, up to rounding."""

    def __init__(
        self, forest: ForestTables, signature: Signature, example: Batch, kernel: Kernel
    ) -> None:
        """Lay out the tables.

        Args:
            forest: the trees.
            signature: one input FP32 `(-1, features)`, one output FP32 `(-1, targets)`.
            example: a row, to make others from.
            kernel: what walks the trees.

        Raises:
            InvalidInput: the trees are no trees, or look at features that rows do not have.
        """
        self._signature = signature
        self._example = example
        self._input, self._output = signature.inputs[0].name, signature.outputs[0].name
        width = signature.inputs[0].shape[1]
        self._kept = _laid_out(forest, width)
        self._forest = Forest(
            *(array.ctypes.data for array in self._kept),
            targets=len(forest.base),
            width=width,
            is_strict=forest.is_strict,
            link=list(LINKS).index(forest.link),
        )
        self._most = max(1, min(_BLOCK_ROWS, _BLOCK_VALUES // width))
        self._rows = np.zeros((self._most, width), dtype=np.float32)
        self._answers = np.zeros((self._most, len(forest.base)), dtype=np.float32)
        self._sums = np.zeros(LANES * len(forest.base))
        self._predict: Callable[..., None] = kernel.predict
        self._arguments = (
            ctypes.byref(self._forest),
            self._rows.ctypes.data,
            self._sums.ctypes.data,
            self._answers.ctypes.data,
        )

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """Each row walks the trees by itself."""
        return True

    def predict(self, batch: Batch) -> Batch:
        """The answers for a batch: the same for a row whatever it runs with."""
        rows = batch.arrays[self._input]
        if len(rows) <= self._most:
            return Batch({self._output: self._block(rows)})
        blocks = [
            self._block(rows[start : start + self._most])
            for start in range(0, len(rows), self._most)
        ]
        return Batch({self._output: np.concatenate(blocks)})

    def example(self, rows: int) -> Batch:
        """The row that it was given, repeated."""
        return Batch(
            {name: np.repeat(one[:1], rows, axis=0) for name, one in self._example.items()}
        )

    def close(self) -> None:
        """Let go of the tables."""
        self._kept = ()
        self._predict = _closed

    def _block(self, rows: Array) -> Array:
        count = len(rows)
        self._rows[:count] = rows  # a fixed place: asking NumPy for an address takes longer
        forest, source, sums, answers = self._arguments
        self._predict(forest, source, count, sums, answers)
        return self._answers[:count].copy()


def is_taken(forest: ForestTables, signature: Signature) -> bool:
    """Whether the compiled form takes rows of this signature and these trees."""
    if len(signature.inputs) != 1 or len(signature.outputs) != 1:
        return False
    taken, given = signature.inputs[0], signature.outputs[0]
    return (
        taken.datatype is given.datatype is Datatype.FP32
        and len(taken.shape) == len(given.shape) == 2
        and taken.shape[1] > 0
        and taken.shape[0] == given.shape[0] == -1
        and given.shape[1] in (-1, len(forest.base))
    )


def _closed(*_: object) -> None:
    raise WorkFailed("the model was unloaded: load it again")


def _laid_out(forest: ForestTables, width: int) -> Sequence[Array]:
    """The arrays that `Forest` points at, in its order."""
    order, depths, targets = _ordered(forest)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    rows = _Rows(forest)
    nodes = np.zeros(len(order), dtype=NODE)
    leaf = (forest.feature < 0)[order]
    if (forest.feature >= width).any():
        raise InvalidInput(_BROKEN)
    nodes["threshold"] = np.where(leaf, np.inf, forest.threshold[order])
    nodes["feature"] = np.where(leaf, 0, forest.feature[order])
    nodes["left"] = np.where(leaf, np.arange(len(order)), place[rows.left[order]])
    nodes["value"] = forest.value[order]
    roots = np.flatnonzero(rows.is_root[order])
    first = np.searchsorted(targets, np.arange(len(forest.base) + 1))
    missing_left = forest.missing_left[order].astype(np.uint8)
    tables = (roots.astype(np.int32), depths.astype(np.int32), first.astype(np.int32))
    return (nodes, missing_left, *tables, forest.base.astype(np.float64))


class _Rows:
    """Where the children of each node stand in the tables, and which nodes are roots."""

    def __init__(self, forest: ForestTables) -> None:
        self.leaf = forest.feature < 0
        key = self._key(forest, forest.node)
        order = np.argsort(key, kind="stable")
        self.left = self._found(key, order, self._key(forest, forest.left))
        self.right = self._found(key, order, self._key(forest, forest.right))
        self.is_root = np.ones(len(key), dtype=np.bool_)
        self.is_root[self.left[~self.leaf]] = False
        self.is_root[self.right[~self.leaf]] = False

    def _key(self, forest: ForestTables, node: Ints) -> Ints:
        span = int(max(forest.node.max(), forest.left.max(), forest.right.max())) + 1
        return forest.tree * span + node

    def _found(self, key: Ints, order: Ints, wanted: Ints) -> Ints:
        at = np.minimum(np.searchsorted(key, wanted, sorter=order), len(key) - 1)
        rows: Ints = order[at]
        if (key[rows] != wanted)[~self.leaf].any():
            raise InvalidInput(_BROKEN)
        return rows


def _ordered(forest: ForestTables) -> tuple[Ints, Ints, Ints]:
    """Nodes so that siblings are neighbours, trees of a target together, flat ones first.

    Returns:
        The nodes in that order; of each tree in that order its depth and its target.
    """
    rows = _Rows(forest)
    level = np.flatnonzero(rows.is_root)
    tree_ids = forest.tree[level]
    if len(np.unique(tree_ids)) != len(level) or len(level) != len(np.unique(forest.tree)):
        raise InvalidInput(_BROKEN)
    levels, seen = [level], len(level)
    while len(level := level[~rows.leaf[level]]) and seen <= len(rows.leaf):
        level = np.stack([rows.left[level], rows.right[level]], axis=1).ravel()
        levels.append(level)
        seen += len(level)
    walked = np.concatenate(levels)
    if len(np.unique(walked)) != len(rows.leaf) or seen != len(rows.leaf):
        raise InvalidInput(_BROKEN)
    depth_of_node = np.repeat(np.arange(len(levels)), [len(one) for one in levels])
    _, tree = np.unique(forest.tree[walked], return_inverse=True)
    depth = np.zeros(len(tree_ids), dtype=np.int64)
    np.maximum.at(depth, tree, depth_of_node)
    target = _target_of_tree(forest, walked, tree)
    rank = np.empty(len(depth), dtype=np.int64)
    order: NDArray[np.int64] = np.lexsort((depth, target))
    rank[order] = np.arange(len(order))
    return walked[np.argsort(rank[tree], kind="stable")], depth[order], target[order]


def _target_of_tree(forest: ForestTables, walked: Ints, tree: Ints) -> Ints:
    """The target that all leaves of a tree speak for."""
    leaf = (forest.feature < 0)[walked]
    spoken, of_tree = forest.target[walked][leaf], tree[leaf]
    least = np.full(int(tree.max()) + 1, np.iinfo(np.int64).max)
    most = np.full(len(least), -1)
    np.minimum.at(least, of_tree, spoken)
    np.maximum.at(most, of_tree, spoken)
    if (least != most).any() or most.max() >= len(forest.base) or most.min() < 0:
        raise InvalidInput(
            "a tree of the model speaks for several outputs: the compiled form takes one each"
        )
    return most

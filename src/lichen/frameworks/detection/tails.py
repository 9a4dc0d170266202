"""ECOD: how far out in the tails of its columns' empirical distributions a row is.

Li, Zhao, Hu, Botta, Ionescu and Chen, "ECOD: Unsupervised outlier detection using empirical
cumulative distribution functions", IEEE TKDE (2022), equations 5 to 8: the largest of the sums over
columns of the negative logarithms of left tails, of right tails, and of the tail on the side that
each column's skewness points to. A tail counts the judged row itself, so that none is empty.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.detection.detector import (
    MOST_CONTRIBUTIONS,
    Features,
    Graph,
    Node,
    Pause,
    Statistics,
    Window,
    core_model,
)
from lichen.frameworks.forest_writer import ensemble_attributes
from lichen.frameworks.onnx_trees import ForestTables

Matrix = NDArray[np.float64]
MOST_STEPS = 512
"""Steps that are kept of a column's distribution, closer to each other towards its ends."""
ALL_STEPS = 500_000
"""Steps that are kept of all columns together; each column has at least `LEAST_STEPS`."""
LEAST_STEPS = 32


@dataclass(frozen=True, slots=True)
class ColumnTails:
    """The two tails of one column as steps.

    Attributes:
        knots: float32, rising.
        left: -log of the left tail from each knot on, `left[0]` of what is below all.
        right: -log of the right tail up to and at each knot, `right[-1]` of what is above all.
        is_skewed_left: whether the longer tail is the left one.
    """

    knots: NDArray[np.float32]
    left: Matrix
    right: Matrix
    is_skewed_left: bool

    def judge(self, values: NDArray[np.float32]) -> tuple[Matrix, Matrix]:
        """The left and the right tail of each value."""
        left = self.left[np.searchsorted(self.knots, values, side="right")]
        return left, self.right[np.searchsorted(self.knots, values, side="left")]


@dataclass(frozen=True, slots=True)
class FittedTails:
    """The tails of every column."""

    columns: tuple[ColumnTails, ...]

    @property
    def statistics(self) -> tuple[str, ...]:
        """One: the outlier score."""
        return ("ECOD",)

    @property
    def contributes(self) -> bool:
        """Whether its core says each column's tail on the side its skewness points to."""
        return len(self.columns) <= MOST_CONTRIBUTIONS

    def judge(self, features: Features) -> Statistics:
        """The outlier score of each row."""
        sums = np.zeros((len(features), 3))
        for number, column in enumerate(self.columns):
            left, right = column.judge(features[:, number])
            sums[:, 0] += left
            sums[:, 1] += right
            sums[:, 2] += left if column.is_skewed_left else right
        return np.asarray(sums.max(axis=1, keepdims=True))

    def onnx(self, thresholds: Matrix, window: Window | None = None) -> bytes:
        """The core: a balanced tree of steps for each column and side, summed over columns.

        Raises:
            InvalidInput: it is asked for windows.
        """
        if window is not None:
            raise InvalidInput("ECOD judges single rows: it takes no window")
        width = len(self.columns)
        skewed_left = np.array([one.is_skewed_left for one in self.columns], dtype=np.float32)
        constants: dict[str, NDArray[np.generic]] = {
            "longer_side": np.concatenate([skewed_left, 1 - skewed_left])[None, :],
            "by_side": np.array([-1, 2, width], dtype=np.int64),
            "sides": np.array([1], dtype=np.int64),
            "last": np.array([-1], dtype=np.int64),
        }
        attributes = ensemble_attributes(_forest(self.columns))
        trees = "TreeEnsembleRegressor"
        nodes = [Node(trees, ("features",), "tails", attributes, "ai.onnx.ml"), *_SUMS]
        told = ["score"]
        if self.contributes:
            constants["share"] = np.array([1 / thresholds[0]], dtype=np.float32)
            nodes.append(Node("Mul", ("longer", "share"), "contributions"))
            told.append("contributions")
        nodes.append(Node("Concat", tuple(told), "raw", {"axis": 1}))
        return core_model(Graph(tuple(nodes), constants, width, len(told[1:]) * width + 1))


_SUMS = (
    Node("Reshape", ("tails", "by_side"), "sided"),
    Node("ReduceSum", ("sided", "last"), "of_sides", {"keepdims": 0}),
    Node("Mul", ("tails", "longer_side"), "chosen"),
    Node("Reshape", ("chosen", "by_side"), "chosen_by_side"),
    Node("ReduceSum", ("chosen_by_side", "sides"), "longer", {"keepdims": 0}),
    Node("ReduceSum", ("longer", "last"), "of_longer"),
    Node("Concat", ("of_sides", "of_longer"), "three", {"axis": 1}),
    Node("ReduceMax", ("three", "last"), "score"),
)


@dataclass(frozen=True, slots=True)
class Tails:
    """ECOD.

    Attributes:
        skewed_left: whether the longer tail of each column is the left one; None: as the rows that
            it is fitted on say.
    """

    skewed_left: tuple[bool, ...] | None = None

    def settled(self, features: Features) -> "Tails":
        """With the longer tails of these rows: of a symmetric column chance would choose anew."""
        return Tails(_skewed_left(features))

    def fit(self, features: Features, seed: int, pause: Pause) -> FittedTails:  # noqa: ARG002
        """The tails of each column.

        Raises:
            InvalidInput: there are no rows.
        """
        rows, width = features.shape
        if rows < 2:
            raise InvalidInput(f"{rows} usual row has no distribution: give more rows")
        steps = max(LEAST_STEPS, min(MOST_STEPS, ALL_STEPS // max(width, 1)))
        columns = []
        sides = self.skewed_left or _skewed_left(features)
        for number in range(width):
            pause()
            columns.append(_tails(np.sort(features[:, number]), steps, is_left=sides[number]))
        return FittedTails(tuple(columns))


def _skewed_left(features: Features) -> tuple[bool, ...]:
    """Whether the third moment of each column is negative."""
    deviations = features - features.mean(axis=0, dtype=np.float64)
    return tuple(bool(one) for one in (deviations**3).mean(axis=0) < 0)


def _tails(values: NDArray[np.float32], steps: int, *, is_left: bool) -> ColumnTails:
    """The tails of one column of sorted values."""
    rows = len(values)
    knots = np.unique(values[_ranks(rows, steps)])
    up_to = np.searchsorted(values, knots, side="right")
    from_on = rows - np.searchsorted(values, knots, side="left")
    none = np.log(rows + 1.0)
    left = np.concatenate([[none], none - np.log(up_to + 1.0)])
    right = np.concatenate([none - np.log(from_on + 1.0), [none]])
    return ColumnTails(knots, left, right, is_left)


def _ranks(rows: int, steps: int) -> NDArray[np.int64]:
    """Which of the sorted values are kept: all, or ever fewer from both ends inwards."""
    if rows <= steps:
        return np.arange(rows)
    from_end = np.geomspace(1, rows / 2, steps // 2).astype(np.int64) - 1
    return np.unique(np.concatenate([from_end, rows - 1 - from_end]))


@lru_cache(maxsize=64)
def _balanced(knots: int) -> tuple[NDArray[np.int64], ...]:
    """A balanced tree over knots: for each node its knot or -1, its leaf, and who follows."""
    rows: list[list[int]] = []

    def grow(first: int, last: int) -> int:
        at = len(rows)
        rows.append([-1, first, -1, -1])
        if first < last:
            middle = (first + last) // 2
            rows[at] = [middle, 0, grow(first, middle), grow(middle + 1, last)]
        return at

    grow(0, knots)
    return tuple(np.array(rows, dtype=np.int64).T)


def _forest(columns: tuple[ColumnTails, ...]) -> ForestTables:
    """A tree for the left and one for the right tail of each column, each with its own target."""
    parts = [
        _tree(column, number, number + side * len(columns), side)
        for side in (0, 1)
        for number, column in enumerate(columns)
    ]
    tables = [np.concatenate(table) for table in zip(*parts, strict=True)]
    tree, node, feature, threshold, left, right, value, target = tables
    return ForestTables(
        tree=tree,
        node=node,
        feature=feature,
        threshold=threshold.astype(np.float32),
        left=left,
        right=right,
        missing_left=np.zeros(len(tree), dtype=np.bool_),
        value=value.astype(np.float32),
        target=target,
        base=np.zeros(2 * len(columns)),
        is_strict=False,
        link="none",
    )


def _tree(
    column: ColumnTails, feature: int, target: int, side: int
) -> tuple[NDArray[np.generic], ...]:
    """One tail as the tables of a tree: a row goes left where it is below the knot, or at it."""
    knot, leaf, left, right = _balanced(len(column.knots))
    is_leaf = knot < 0
    # the left tail steps at its knot, the right one after it
    below = np.nextafter(column.knots, np.float32(-np.inf)) if side == 0 else column.knots
    values = column.left if side == 0 else column.right
    count = len(knot)
    return (
        np.full(count, target, dtype=np.int64),
        np.arange(count),
        np.where(is_leaf, -1, feature),
        np.where(is_leaf, np.float32(0), below[np.maximum(knot, 0)]),
        left,
        right,
        np.where(is_leaf, values[leaf], 0.0),
        np.full(count, target, dtype=np.int64),
    )

"""Isolation forest: rows that random cuts set apart early are unlike the others.

Liu, Ting and Zhou, ICDM (2008), as scikit-learn grows it. The statistic is 2^(-mean path / expected
path), 0.5 for a row like any other, up to 1.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.detection.detector import Features, Pause, Statistics, Window
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.onnx_writer import float32_below

_CHUNK = 8192
_EULER = float(np.euler_gamma)


@dataclass(frozen=True, slots=True)
class FittedIsolation:
    """A forest whose leaves hold their share of the exponent.

    Attributes:
        forest: its sum's exponential is the statistic.
        width: features of a row.
        model: scikit-learn's own.
    """

    forest: ForestTables
    width: int
    model: Any

    @property
    def statistics(self) -> tuple[str, ...]:
        """One: the anomaly score."""
        return ("isolation",)

    @property
    def contributes(self) -> bool:
        """A forest of random cuts says nothing of single columns."""
        return False

    def judge(self, features: Features) -> Statistics:
        """The anomaly score of each row: scikit-learn's, with its sign turned."""
        parts = [features[at : at + _CHUNK] for at in range(0, len(features), _CHUNK)]
        scored = [-self.model.score_samples(part) for part in parts if len(part)]
        return np.concatenate(scored or [np.empty(0)])[:, None]

    def onnx(self, thresholds: NDArray[np.float64], window: Window | None = None) -> bytes:  # noqa: ARG002
        """The forest; it needs no thresholds.

        Raises:
            InvalidInput: it is asked for windows.
        """
        if window is not None:
            raise InvalidInput("an isolation forest judges single rows: it takes no window")
        return forest_model(self.forest, self.width)


@dataclass(frozen=True, slots=True)
class Isolation:
    """Isolation forest.

    Attributes:
        trees: how many.
        sample: rows that each tree is grown on, at most.
    """

    trees: int = 100
    sample: int = 256

    def settled(self, features: Features) -> "Isolation":  # noqa: ARG002 - nothing to choose
        """The same."""
        return self

    def fit(self, features: Features, seed: int, pause: Pause) -> FittedIsolation:
        """The forest.

        Raises:
            InvalidInput: there are fewer than 2 rows.
        """
        from sklearn.ensemble import IsolationForest

        if len(features) < 2:
            raise InvalidInput(f"{len(features)} usual row cannot be set apart: give more rows")
        pause()
        sample = min(self.sample, len(features))
        model = IsolationForest(
            n_estimators=self.trees, max_samples=sample, random_state=seed, n_jobs=1
        ).fit(features)
        pause()
        return FittedIsolation(_forest(model, sample), features.shape[1], model)


def _forest(model: Any, sample: int) -> ForestTables:  # noqa: ANN401 - scikit-learn's
    unit = -math.log(2) / (len(model.estimators_) * float(expected_path(np.array([sample]))[0]))
    parts = [
        _tree(number, estimator.tree_, columns, unit)
        for number, (estimator, columns) in enumerate(
            zip(model.estimators_, model.estimators_features_, strict=True)
        )
    ]
    tree, node, feature, threshold, left, right, value, cover = (
        np.concatenate(table) for table in zip(*parts, strict=True)
    )
    return ForestTables(
        tree=tree,
        node=node,
        feature=feature,
        threshold=float32_below(threshold),
        left=left,
        right=right,
        missing_left=np.zeros(len(tree), dtype=np.bool_),
        value=value.astype(np.float32),
        target=np.zeros(len(tree), dtype=np.int64),
        base=np.zeros(1),
        is_strict=False,
        link="exponential",
        cover=cover.astype(np.float32),
    )


def _tree(
    number: int,
    grown: Any,  # noqa: ANN401 - scikit-learn's
    columns: NDArray[np.int64],
    unit: float,
) -> tuple[NDArray[Any], ...]:
    """One tree's tables; a leaf holds the length of the path to it, in units of the exponent."""
    left = np.asarray(grown.children_left, dtype=np.int64)
    right = np.asarray(grown.children_right, dtype=np.int64)
    is_leaf = left < 0
    depth = np.zeros(len(left))
    for at in range(len(left)):  # a node stands before those that follow it
        if not is_leaf[at]:
            depth[left[at]] = depth[right[at]] = depth[at] + 1
    path = depth + expected_path(np.asarray(grown.n_node_samples))
    return (
        np.full(len(left), number, dtype=np.int64),
        np.arange(len(left)),
        np.where(is_leaf, -1, np.asarray(columns)[np.maximum(grown.feature, 0)]),
        np.where(is_leaf, 0.0, grown.threshold),
        left,
        right,
        np.where(is_leaf, path * unit, 0.0),
        np.asarray(grown.n_node_samples),
    )


def expected_path(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean path of an unsuccessful search in a binary tree of so many rows (equation 1)."""
    many = np.maximum(rows, 3).astype(np.float64)
    path = 2.0 * (np.log(many - 1.0) + _EULER) - 2.0 * (many - 1.0) / many
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, path))

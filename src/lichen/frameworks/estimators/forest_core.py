"""A core of averaged trees: one sum of leaves for a number or two classes, vectors for several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.forest_writer import forest_model, votes_model
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.onnx_writer import INPUT, OUTPUT, float32_below

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ForestCore:
    """The mean of trees as scikit-learn grew them.

    Attributes:
        trees: scikit-learn's own.
        width: how many features there are.
        present: the classes that they know; empty for a number.
        classes: how many there are.
    """

    trees: tuple[Any, ...]
    width: int
    present: tuple[int, ...]
    classes: int

    @property
    def link(self) -> str:
        """Leaves of classes say how frequent each was."""
        return "probability" if self.classes else "value"

    def raw(self, features: NDArray[np.float32]) -> Floats:
        """`(rows, outputs)`."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        total: Floats = sum(tree.predict(rows) for tree in self.trees) / len(self.trees)
        return self._of_all(total)

    def onnx(self) -> bytes:
        """The core as an ONNX model; of one output, serving may run it in the compiled form."""
        tables = _joined(self.trees)
        leaf = tables.feature < 0
        values = np.concatenate([_values(tree) for tree in self.trees])[leaf]
        votes = self._of_all(values) / len(self.trees)
        if votes.shape[1] == 1:
            tables.value[leaf] = votes[:, 0]
            return forest_model(tables, self.width, (INPUT, OUTPUT))
        return votes_model(tables, votes.astype(np.float32), self.width, (INPUT, OUTPUT))

    def _of_all(self, values: Floats) -> Floats:
        """Columns of the classes that are present as those of the core."""
        if not self.classes:
            return values
        if self.classes == 2:
            return values[:, 1:]
        answers = np.zeros((len(values), self.classes))
        answers[:, self.present] = values
        return answers


def _values(tree: Any) -> Floats:  # noqa: ANN401 - scikit-learn's own
    return np.asarray(tree.value[:, 0, :], dtype=np.float64)


def _joined(trees: Sequence[Any]) -> ForestTables:
    """The splits of all trees; leaves have no value yet."""
    counts = [tree.node_count for tree in trees]
    left = np.concatenate([tree.children_left for tree in trees]).astype(np.int64)
    right = np.concatenate([tree.children_right for tree in trees]).astype(np.int64)
    feature = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
    threshold = np.concatenate([tree.threshold for tree in trees])
    missing = np.concatenate([tree.missing_go_to_left for tree in trees])
    leaf = left < 0
    return ForestTables(
        tree=np.repeat(np.arange(len(trees)), counts),
        node=np.concatenate([np.arange(count) for count in counts]),
        feature=np.where(leaf, -1, feature),
        threshold=np.where(leaf, 0, float32_below(np.where(leaf, 0, threshold))),
        left=np.where(leaf, 0, left),
        right=np.where(leaf, 0, right),
        missing_left=~leaf & missing.astype(np.bool_),
        value=np.zeros(len(leaf), dtype=np.float32),
        target=np.zeros(len(leaf), dtype=np.int64),
        base=np.zeros(1),
        is_strict=False,
        link="none",
        cover=np.concatenate([tree.weighted_n_node_samples for tree in trees]).astype(np.float32),
    )

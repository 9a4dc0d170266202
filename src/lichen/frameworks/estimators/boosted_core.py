"""A core of boosted trees: the sums of their leaves, one for each class where there are several."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.estimators.rows import ABSENT, Rows
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BoostedCore:
    """Trees as their library grew them, and as tables.

    Attributes:
        tables: of all classes.
        width: how many features there are.
        sums: what the library answers, `(rows,)` or `(rows, classes that are present)`.
        places: the column of each of its answers.
        usual: what the other columns are.
        link: what the sums are.
    """

    tables: ForestTables
    width: int
    sums: Callable[[NDArray[np.float32]], Floats]
    places: tuple[int, ...]
    usual: Floats
    link: str

    def raw(self, features: NDArray[np.float32]) -> Floats:
        """`(rows, outputs)`."""
        sums = self.sums(features).reshape(len(features), -1)
        if len(self.places) == len(self.usual):
            return sums
        answers = np.tile(self.usual, (len(features), 1))
        answers[:, self.places] = sums
        return answers

    def onnx(self) -> bytes:
        """The core as an ONNX model; serving may run it in the compiled form."""
        return forest_model(self.tables, self.width, (INPUT, OUTPUT))


def boosted_core(
    rows: Rows, tables: ForestTables, sums: Callable[[NDArray[np.float32]], Floats]
) -> BoostedCore:
    """The core of trees that were fitted on the rows."""
    width = rows.features.shape[1]
    if len(rows.present) in (0, rows.classes):
        places = tuple(range(len(tables.base)))
        link = "logit" if rows.classes else "value"
        return BoostedCore(tables, width, sums, places, tables.base, link)
    first = len(rows.present) - len(tables.base)  # of two classes the first is the 0 of the other
    places = rows.present[first:]
    usual = np.full(rows.classes, ABSENT)
    usual[list(rows.present[:first])] = 0
    base = usual.copy()
    base[list(places)] = tables.base
    target = np.where(tables.feature < 0, np.array(places)[tables.target], 0)
    spread = _with_leaves(replace(tables, base=base, target=target), set(places))
    return BoostedCore(spread, width, sums, places, usual, "logit")


def _with_leaves(forest: ForestTables, spoken: set[int]) -> ForestTables:
    """A tree of one leaf for each target without trees: ONNX Runtime leaves its base out."""
    silent = np.array([one for one in range(len(forest.base)) if one not in spoken])
    none = np.zeros(len(silent), dtype=np.int64)
    return replace(
        forest,
        tree=np.append(forest.tree, forest.tree.max() + 1 + np.arange(len(silent))),
        node=np.append(forest.node, none),
        feature=np.append(forest.feature, none - 1),
        threshold=np.append(forest.threshold, none.astype(np.float32)),
        left=np.append(forest.left, none),
        right=np.append(forest.right, none),
        missing_left=np.append(forest.missing_left, none.astype(np.bool_)),
        value=np.append(forest.value, forest.base[silent].astype(np.float32)),
        target=np.append(forest.target, silent),
        cover=None
        if forest.cover is None
        else np.append(forest.cover, (none + 1).astype(np.float32)),
        base=np.where(np.isin(np.arange(len(forest.base)), silent), 0, forest.base),
    )

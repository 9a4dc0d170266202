"""Forests that another library grew, and rows that show whether a copy answers as they do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.onnx_trees import ForestTables

CHECKED_ROWS = 512
_SEED = 20260103
_TINY = np.float32(1e-30)
"""LightGBM reads numbers up to 1e-35 as 0, and puts thresholds there."""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ForeignForest:
    """A forest as its library loaded it.

    Attributes:
        tables: the trees, base and link.
        features: the names of its columns, in their order.
        objective: what it was trained for, in the library's words.
        library: the library and its version.
        predict: what the library answers for rows, `(rows,)` or `(rows, targets)`.
    """

    tables: ForestTables
    features: tuple[str, ...]
    objective: str
    library: str
    predict: Callable[[Rows], NDArray[np.float64]]


def rows_for(forest: ForestTables, width: int) -> Rows:
    """Rows that try every feature: at its thresholds, just beside them, far away, and missing."""
    random = np.random.default_rng(_SEED)
    rows = (3 * random.standard_normal((CHECKED_ROWS, width))).astype(np.float32)
    splits = forest.feature >= 0
    for feature in np.unique(forest.feature[splits]).tolist():
        tried = forest.threshold[splits & (forest.feature == feature)]
        drawn = random.choice(tried, CHECKED_ROWS)
        towards = random.choice(np.array([-np.inf, np.inf], dtype=np.float32), CHECKED_ROWS)
        beside = np.nextafter(drawn, towards)
        kind = random.integers(0, 4, CHECKED_ROWS)
        rows[:, feature] = np.select([kind == 0, kind == 1], [drawn, beside], rows[:, feature])
    rows[np.abs(rows) < _TINY] = 0
    missing = random.random(rows.shape) < 0.1
    missing[: CHECKED_ROWS // 2] = False
    rows[missing] = np.nan
    return rows

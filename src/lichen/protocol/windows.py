"""Rows that follow each other as windows: a row with those before it, the oldest first.

An input of shape (-1, n, k) whose k columns are named takes windows of n rows. A table, and rows in
JSON, hold single rows in their order: each becomes the last of a window.
"""

import numpy as np

from lichen.core.batch import Array
from lichen.core.tensors import TensorSpec

_WINDOW = 3


def window_rows(spec: TensorSpec) -> int:
    """Rows of the windows that an input takes; 0: it takes none."""
    is_window = len(spec.shape) == _WINDOW and spec.shape[1] > 0
    return spec.shape[1] if is_window and len(spec.columns) == spec.shape[2] else 0


def windows(rows: Array, length: int) -> Array:
    """`(rows, length, columns)` from `(rows, columns)`; before the first row it stands repeated."""
    here = np.arange(len(rows))[:, None]
    back = np.arange(length - 1, -1, -1)[None, :]
    found: Array = rows[np.maximum(here - back, 0)]
    return found

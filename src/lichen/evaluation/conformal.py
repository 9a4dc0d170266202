"""Intervals and sets that hold the truth as often as they say, whatever the model.

Both take what was said of rows that were not fitted on (Vovk, Gammerman and Shafer, 2005); of the
folds of a cross-validation they are cross-conformal (Vovk, 2015).
"""

from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
ROUNDING = 1e-5
"""Share by which a threshold is lowered: a tie must not fall out of the set by single precision,
and trees say few different probabilities."""


def half_width(residuals: Floats, confidence: float) -> float | None:
    """Half the width of intervals that hold `confidence` of truths.

    The `ceil((n + 1) * confidence)`-th smallest absolute residual; None where `n` rows are too few
    for so much confidence.
    """
    rows = len(residuals)
    place = ceil((rows + 1) * confidence - 1e-9)
    if place > rows:
        return None
    return float(np.sort(np.abs(residuals))[place - 1])


def set_threshold(of_truth: Floats, confidence: float) -> float:
    """What a class's probability must reach to be in the set: least ambiguous sets (LAC).

    Sadinle, Lei and Wasserman (2019): the `floor((n + 1) * (1 - confidence))`-th smallest of the
    probabilities given to the truth; 0, so that every class is in, where `n` are too few.

    Args:
        of_truth: `(rows,)` probability given to each row's own class.
        confidence: share of truths in the set.
    """
    place = floor((len(of_truth) + 1) * (1.0 - confidence) + 1e-9)
    return float(np.sort(of_truth)[place - 1]) * (1.0 - ROUNDING) if place >= 1 else 0.0


def sets(probability: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which classes `(rows, classes)` are in each row's set; the most probable one always."""
    held = np.asarray(probability >= threshold)
    held[np.arange(len(held)), np.argmax(probability, axis=1)] = True
    return held

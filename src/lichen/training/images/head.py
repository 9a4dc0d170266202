"""Scores of classes into probabilities that mean what they say, and sets that hold the truth."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.evaluation.calibration import Scaling, fit_scaling, unflattered
from lichen.evaluation.conformal import set_threshold
from lichen.pipeline.classes import ClassesAnswer
from lichen.pipeline.declaration import Classes

FEWEST_TO_CALIBRATE = 100
"""Images held back: of fewer the scores are taken as they are."""
FEWEST_FOR_SETS = 20

Raw = NDArray[np.floating[Any]]


def class_head(
    labels: tuple[str, ...], raw: Raw, truth: NDArray[np.int64], *, calibrates: bool
) -> Classes:
    """A head without sets, calibrated on images that were not fitted on where that is wanted."""
    if not calibrates or len(truth) < FEWEST_TO_CALIBRATE:
        return Classes(labels=list(labels))
    # One temperature, as is best of networks (Guo et al., 2017): the scores to choose by stay.
    return _scaled(labels, fit_scaling(raw, truth, is_shared=True))


def with_sets(head: Classes, raw: Raw, truth: NDArray[np.int64], confidence: float) -> Classes:
    """The head with conformal sets, their threshold of rows that no scaling was fitted on."""
    if len(truth) < FEWEST_FOR_SETS:
        return head
    shown = unflattered(raw, truth, is_shared=True) if head.slopes else probabilities(head, raw)
    threshold = set_threshold(shown[np.arange(len(truth)), truth], confidence)
    return msgspec.structs.replace(head, set_threshold=threshold, confidence=confidence)


def probabilities(head: Classes, raw: Raw) -> NDArray[np.float64]:
    """`(rows, classes)`, as they are answered."""
    return np.asarray(ClassesAnswer(head).probabilities(raw), dtype=np.float64)


def _scaled(labels: tuple[str, ...], scaling: Scaling) -> Classes:
    return Classes(labels=list(labels), slopes=list(scaling.slopes), offsets=list(scaling.offsets))

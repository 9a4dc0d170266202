"""Scores or probabilities of classes into the class, calibrated probabilities and sets.

Calibration is Platt's (1999), for several classes vector scaling (Guo et al., 2017); sets are split
conformal (Sadinle, Lei and Wasserman, 2019).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Classes

Floats = NDArray[np.float64]
_LEAST = 1e-12
"""Of a probability whose logarithm is taken."""


class ClassesAnswer:
    """A `Classes`, prepared."""

    def __init__(self, said: Classes) -> None:
        """Prepare it.

        Raises:
            InvalidInput: it contradicts itself.
        """
        classes = len(said.labels)
        if classes < 2:
            raise InvalidInput("there are fewer than two classes: train it again")
        if len(said.slopes) != len(said.offsets) or len(said.slopes) not in _lengths(classes):
            raise InvalidInput("calibration needs a slope and an offset a class: train it again")
        self._cuts = np.array(said.cuts)
        if said.cuts and (len(said.cuts) != classes or (self._cuts <= 0).any()):
            raise InvalidInput("classes need one cut over 0 each, or none: train it again")
        self._has_cuts = bool(said.cuts)
        self._labels = np.empty(classes, dtype=np.object_)
        self._labels[:] = [label.encode() for label in said.labels]
        self._link, self._threshold = said.link, said.set_threshold
        self._slopes, self._offsets = np.array(said.slopes), np.array(said.offsets)

    def answer(self, raw: NDArray[np.floating[Any]]) -> dict[str, Array]:
        """The class, its probabilities, and the classes of the set, of each row."""
        probability = self.probabilities(raw)
        weighed = probability / self._cuts if self._has_cuts else probability
        chosen = weighed.argmax(axis=1)
        answers: dict[str, Array] = {
            "prediction": self._labels[chosen],
            "probability": probability.astype(np.float32),
        }
        if self._threshold is not None:
            first = probability.max(axis=1, keepdims=True)
            in_set = probability >= np.minimum(first, self._threshold)
            if self._has_cuts:
                in_set[np.arange(len(raw)), chosen] = True
            answers["in_set"] = in_set
        return answers

    def probabilities(self, raw: NDArray[np.floating[Any]]) -> Floats:
        """Of each class `(rows, classes)`, calibrated; of a row they sum to 1."""
        said = raw.astype(np.float64)
        return self._of_one(said[:, 0]) if said.shape[1] == 1 else self._of_all(said)

    def _of_one(self, said: Floats) -> Floats:
        """From what is said of the second of two classes."""
        if self._link == "probability" and not len(self._slopes):
            second = np.minimum(np.maximum(said, 0.0), 1.0)
        else:
            score = _log_odds(said) if self._link == "probability" else said
            if len(self._slopes):
                score = score * self._slopes[-1] + self._offsets[-1]
            second = _logistic(score)
        found = np.empty((len(said), 2))
        found[:, 1] = second
        found[:, 0] = 1.0 - second
        return found

    def _of_all(self, said: Floats) -> Floats:
        """From what is said of every class."""
        if self._link == "probability" and not len(self._slopes):
            return _shares(np.maximum(said, _LEAST))
        score = np.log(np.maximum(said, _LEAST)) if self._link == "probability" else said
        if len(self._slopes):
            score = score * self._slopes + self._offsets
        return _shares(np.exp(score - score.max(axis=1, keepdims=True)))


def _lengths(classes: int) -> tuple[int, ...]:
    """How many slopes there may be."""
    return (0, 1, classes) if classes == 2 else (0, classes)


def _shares(parts: Floats) -> Floats:
    """Each as a share of its row."""
    found: Floats = parts / parts.sum(axis=1, keepdims=True)
    return found


def _log_odds(probability: Floats) -> Floats:
    within = np.minimum(np.maximum(probability, _LEAST), 1.0 - _LEAST)
    odds: Floats = np.log(within) - np.log1p(-within)
    return odds


def _logistic(score: Floats) -> Floats:
    """`1 / (1 + exp(-score))` by the hyperbolic tangent, which does not overflow."""
    found: Floats = np.tanh(score * 0.5) * 0.5 + 0.5
    return found

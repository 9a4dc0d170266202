"""A core's raw output as one number that can be parted: the log-odds of a class, or the value.

A linear or differentiable core says its classes' scores; what is answered are probabilities. Their
logarithms, one class's less the mean of the others', are again a weighted sum of the scores, so
contributions to it are exact and mean the same for two classes and for many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.pipeline.declaration import Classes, Groups, Heads, Value

Floats = NDArray[np.float64]
_LEAST = 1e-300
LOG_ODDS, VALUE, LOGARITHM, SCORE = "log-odds", "value", "logarithm", "score"


@dataclass(frozen=True, slots=True)
class Margin:
    """`raw @ towards + offset`.

    Attributes:
        towards: `(columns of the core,)`.
        offset: what is added.
        space: what it is, as `Explanation.space`.
        is_of_logarithms: whether `raw` is probabilities or memberships: then their logarithms are
            summed.
    """

    towards: Floats
    offset: float
    space: str
    is_of_logarithms: bool = False

    def of(self, raw: Floats) -> Floats:
        """The margin of each row `(rows,)`."""
        flat = raw.reshape(len(raw), -1)
        if self.is_of_logarithms:
            flat = np.log(np.maximum(flat, _LEAST))
        return np.asarray(flat @ self.towards + self.offset)

    def slopes(self, raw: Floats) -> Floats:
        """How the margin changes with `raw`, and shaped as it is."""
        slopes = np.broadcast_to(self.towards, (len(raw), self.towards.size)).reshape(raw.shape)
        return slopes / np.maximum(raw, _LEAST) if self.is_of_logarithms else slopes


def margin_of(head: Heads | None, width: int, output: int) -> Margin | None:
    """The margin of one output; None where the head is none that can be parted so.

    Args:
        head: what becomes of the core's output; None: it is answered as it is.
        width: columns of the core.
        output: which class, or which column.
    """
    match head:
        case None:
            return Margin(np.eye(width)[output], 0.0, SCORE)
        case Classes():
            return _of_classes(head, width, output)
        case Groups():
            return Margin(_less_others(width, output), 0.0, LOG_ODDS, is_of_logarithms=True)
        case Value():
            space = LOGARITHM if head.is_logarithm else VALUE
            return Margin(np.array([head.scale]), head.centre, space)
        case _:
            return None


def _of_classes(head: Classes, width: int, output: int) -> Margin | None:
    """`ln p` of the class less the mean `ln p` of the others; of two, the log-odds."""
    is_of_logarithms = head.link == "probability"
    if is_of_logarithms and width == 1:
        return None
    slopes, offsets = _calibration(head.slopes, 1.0, width), _calibration(head.offsets, 0.0, width)
    if width == 1:
        sign = 1.0 if output == 1 else -1.0
        return Margin(sign * slopes, sign * float(offsets[0]), LOG_ODDS)
    towards = _less_others(width, output)
    return Margin(towards * slopes, float(towards @ offsets), LOG_ODDS, is_of_logarithms)


def _less_others(width: int, output: int) -> Floats:
    """1 for one column, and the mean of the others taken off."""
    towards = np.full(width, -1.0 / max(width - 1, 1))
    towards[output] = 1.0
    return towards


def _calibration(said: Sequence[float], usual: float, width: int) -> Floats:
    if not said:
        return np.full(width, usual)
    return np.array(said[-1:] if width == 1 else said, dtype=np.float64)

"""A core's raw output as one number that can be parted: the log-odds of a class, or the value.

A linear or differentiable core says its classes' scores; what is answered are probabilities. Their
logarithms, one class's less the mean of the others', are again a weighted sum of the scores, so
contributions to it are exact and mean the same for two classes and for many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.pipeline.declaration import Classes, Heads, Value

Floats = NDArray[np.float64]
LOG_ODDS, VALUE, LOGARITHM, SCORE = "log-odds", "value", "logarithm", "score"


@dataclass(frozen=True, slots=True)
class Margin:
    """`raw @ towards + offset`.

    Attributes:
        towards: `(columns of the core,)`.
        offset: what is added.
        space: what it is, as `Explanation.space`.
    """

    towards: Floats
    offset: float
    space: str

    def of(self, raw: Floats) -> Floats:
        """The margin of each row `(rows,)`."""
        return np.asarray(raw.reshape(len(raw), -1) @ self.towards + self.offset)


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
        case Value():
            space = LOGARITHM if head.is_logarithm else VALUE
            return Margin(np.array([head.scale]), head.centre, space)
        case _:
            return None


def _of_classes(head: Classes, width: int, output: int) -> Margin | None:
    """`ln p` of the class less the mean `ln p` of the others; of two, the log-odds."""
    if head.link != "logit":
        return None
    slopes, offsets = _calibration(head.slopes, 1.0, width), _calibration(head.offsets, 0.0, width)
    if width == 1:
        sign = 1.0 if output == 1 else -1.0
        return Margin(sign * slopes, sign * float(offsets[0]), LOG_ODDS)
    others = np.full(width, -1.0 / (width - 1))
    others[output] = 1.0
    return Margin(others * slopes, float(others @ offsets), LOG_ODDS)


def _calibration(said: Sequence[float], usual: float, width: int) -> Floats:
    if not said:
        return np.full(width, usual)
    return np.array(said[-1:] if width == 1 else said, dtype=np.float64)

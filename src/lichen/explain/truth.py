"""How wrong answers are beside the truth: one number, lower is better, for permutation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.explain.answers import answers_of

Floats = NDArray[np.float64]
_LEAST = 1e-15
"""Of a probability whose logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth of some rows, and how answers are held against it.

    Attributes:
        metric: what the number is.
        output: the output that is scored.
        unit: of the number.
        error: of the answers to the rows.
    """

    metric: str
    output: str
    unit: str | None
    error: Callable[[Batch], float]


def truth_of(signature: Signature, column: str, cells: Array) -> Truth:
    """The truth in a column of a dataset: numbers, or classes by their names.

    Raises:
        InvalidInput: the model answers nothing that the column says.
    """
    answers = answers_of(signature)
    if answers is None:
        raise InvalidInput("the model answers no numbers: its errors cannot be scored")
    if answers.space == "probability":
        return _of_classes(answers.tensor, answers.names, column, cells)
    if len(answers.names) != 1:
        raise InvalidInput(
            f"the model answers {len(answers.names)} numbers a row, and the truth is one column"
        )
    try:
        meant = np.asarray(cells, dtype=np.float64)
    except (ValueError, TypeError) as wrong:
        raise InvalidInput(
            f"column {column!r} holds texts, and the model answers numbers"
        ) from wrong

    def error(said: Batch) -> float:
        return float(np.sqrt(np.mean(np.square(answers.of(said)[:, 0] - meant))))

    return Truth("RMSE", answers.names[0], answers.unit, error)


def _of_classes(tensor: str, labels: tuple[str, ...], column: str, cells: Array) -> Truth:
    place = {label: at for at, label in enumerate(labels)}
    told = [_label(cell) for cell in cells.tolist()]
    strange = next((one for one in told if one not in place), None)
    if strange is not None:
        raise InvalidInput(
            f"column {column!r} holds {strange!r}, which is no class of the model: there are "
            f"{', '.join(labels[:20])}"
        )
    classes = np.array([place[one] for one in told])

    def error(said: Batch) -> float:
        shares = np.asarray(said.arrays[tensor], dtype=np.float64)
        of_truth = shares[np.arange(len(classes)), classes]
        return float(-np.log(np.maximum(of_truth, _LEAST)).mean())

    return Truth("log loss", tensor, None, error)


def _label(cell: object) -> str:
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.decode() if isinstance(cell, bytes) else str(cell)

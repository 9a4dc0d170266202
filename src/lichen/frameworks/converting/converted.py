"""What becomes of a fitted model: ONNX, and what it says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx import OnnxPredictor

INPUT, OUTPUT = "x", "prediction"
TOLERANCE = 1e-4
"""Most that the ONNX, which computes in float32, may differ by: a share of the largest answer, or
of 1 if that is more."""
CHECKED_ROWS = 256
_SEED = 20260717

Answers = Callable[[NDArray[np.float64]], NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A model as ONNX.

    Attributes:
        content: the ONNX model.
        algorithm: what it is, in its library's words.
        task: `regression` or `classification` where that is known, else `inference`.
        columns: names of its input's values, where the model knows them.
        labels: its classes in the order of its output, where it has them.
        parameters: more about it, as JSON.
    """

    content: bytes
    algorithm: str
    task: str = "inference"
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)


def same_answers(content: bytes, width: int, answers: Answers, library: str) -> float:
    """The largest difference of the ONNX from the library's own answers on random rows.

    Args:
        content: the ONNX model, `x` float32 `(rows, width)` in and one output.
        width: how many values a row has.
        answers: what the library says to float64 rows, `(rows,)` or `(rows, k)`.
        library: its name, for the message.

    Raises:
        InvalidInput: they differ by more than `TOLERANCE`.
    """
    random = np.random.default_rng(_SEED)
    spread = np.array([[0.3], [1.0], [3.0], [30.0]])[np.arange(CHECKED_ROWS) % 4]
    rows = (spread * random.standard_normal((CHECKED_ROWS, width))).astype(np.float32)
    expected = np.asarray(answers(rows.astype(np.float64)), dtype=np.float64)
    predictor = OnnxPredictor(content)
    found = next(iter(predictor.predict(Batch({INPUT: rows})).arrays.values()))
    predictor.close()
    expected = expected.reshape(len(rows), -1)
    scale = max(1.0, float(np.max(np.abs(expected))))
    same_shape = expected.shape == found.shape
    worst = float(np.max(np.abs(expected - found))) / scale if same_shape else np.inf
    if not worst <= TOLERANCE:
        raise InvalidInput(
            f"as ONNX the model would answer otherwise than {library} does (by {worst:.1e} of the "
            "largest answer): export it as ONNX yourself, and register that"
        )
    return worst

"""Layers of plain numbers as a version, with what NumPy answers in doubles."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.dense_writer import INPUT, OUTPUT, DenseLayer, dense_model
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.onnx_writer import OPSET

TOLERANCE = 1e-3
"""The graph adds in float32, what cancels as well; ONNX of others is held to no less."""
_SEED, _FARTHEST = 20260717, 1e30
_SPREADS = (0.1, 0.3, 1.0, 3.0)
Floats = NDArray[np.float64]


def conversion_of(layers: Sequence[DenseLayer], algorithm: str, task: str) -> Conversion:
    """The layers one after another.

    Raises:
        InvalidInput: they do not fit each other.
    """
    content = dense_model(layers)
    rows = _rows(layers[0])
    return Conversion(
        files={MODEL_FILE: content},
        trial=Trial(
            inputs={INPUT: rows}, outputs={OUTPUT: _said(layers, rows)}, tolerance=TOLERANCE
        ),
        algorithm=algorithm,
        library=f"NumPy {np.__version__}",
        task=task,
        opset=OPSET,
    )


def _rows(first: DenseLayer) -> NDArray[np.float32]:
    """Rows whose sums in the first layer are about 0.1 to 3, whatever the units of the columns."""
    weight = np.abs(first.weights).max(axis=1).astype(np.float64)
    size = np.where(weight > 0, weight, 1.0) * np.sqrt(len(weight))
    drawn = np.random.default_rng(_SEED).standard_normal((CHECKED_ROWS, len(weight)))
    rows = drawn * np.resize(_SPREADS, CHECKED_ROWS)[:, np.newaxis] / size
    found: NDArray[np.float32] = np.clip(rows, -_FARTHEST, _FARTHEST).astype(np.float32)
    return found


def _said(layers: Sequence[DenseLayer], rows: NDArray[np.float32]) -> Floats:
    values = rows.astype(np.float64)
    with np.errstate(over="ignore"):
        for layer in layers:
            values = _ACTIVATIONS[layer.activation](values @ layer.weights + layer.bias)
    return values


def _softmax(values: Floats) -> Floats:
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


_ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "linear": lambda said: said,
    "relu": lambda said: np.maximum(said, 0),
    "leaky-relu": lambda said: np.where(said > 0, said, 0.01 * said),
    "elu": lambda said: np.where(said > 0, said, np.expm1(said)),
    "tanh": np.tanh,
    "sigmoid": lambda said: 1 / (1 + np.exp(-said)),
    "softplus": lambda said: np.logaddexp(0, said),
    "softmax": _softmax,
    "exp": np.exp,
}

"""A core of Gaussian kernels: how near a row is to each support vector, weighed and summed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.estimators.graph import Wire, model_of
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

_BLOCK_VALUES = 4_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KernelCore:
    """`exp(-|z - s|^2) @ weights + bias` with `z = (features - centre) * stretch`.

    It is computed in float64, as ONNX too: weights of either sign cancel over thousands of
    vectors, and float32 would lose the digits that are left.

    Attributes:
        centre, stretch: `(features,)`; the stretch holds the root of the kernel's gamma.
        vectors: `(vectors, features)`, stretched.
        weights: `(vectors, outputs)`.
        bias: `(outputs,)`.
        link: what the outputs are.
    """

    centre: NDArray[np.float32]
    stretch: NDArray[np.float32]
    vectors: Floats
    weights: Floats
    bias: Floats
    link: str

    def raw(self, features: NDArray[np.float32]) -> Floats:
        """`(rows, outputs)`."""
        at_once = max(1, _BLOCK_VALUES // max(1, len(self.vectors)))
        blocks = [
            self._block(features[start : start + at_once])
            for start in range(0, len(features), at_once)
        ]
        return np.concatenate(blocks)

    def _block(self, features: NDArray[np.float32]) -> Floats:
        near = self._stretched(features)
        exponent = 2 * near @ self.vectors.T - (self.vectors**2).sum(axis=1)
        exponent -= (near**2).sum(axis=1, keepdims=True)
        answers: Floats = np.exp(exponent) @ self.weights + self.bias
        return answers

    def _stretched(self, features: NDArray[np.float32]) -> Floats:
        return ((features - self.centre) * self.stretch).astype(np.float64)

    def onnx(self) -> bytes:
        """The core as an ONNX model."""
        wires: list[Wire] = [
            ("Sub", [INPUT, "centre"], "centred"),
            ("Mul", ["centred", "stretch"], "stretched"),
            ("Cast:DOUBLE", ["stretched"], "near"),
            ("Gemm", ["near", "vectors", "lengths"], "likeness"),
            ("ReduceSumSquare", ["near", "across"], "length"),
            ("Sub", ["likeness", "length"], "exponent"),
            ("Exp", ["exponent"], "kernel"),
            ("Gemm", ["kernel", "weights", "bias"], "summed"),
            ("Cast:FLOAT", ["summed"], OUTPUT),
        ]
        constants: dict[str, NDArray[Any]] = {
            "centre": self.centre,
            "stretch": self.stretch,
            "vectors": np.ascontiguousarray(2 * self.vectors.T),
            "lengths": -(self.vectors**2).sum(axis=1),
            "across": np.array([1], dtype=np.int64),
            "weights": self.weights,
            "bias": self.bias,
        }
        return model_of(wires, constants, width=len(self.centre), outputs=len(self.bias))

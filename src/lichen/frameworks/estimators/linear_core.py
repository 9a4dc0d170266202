"""A linear core: one matrix product, and a shift before it where float32 would lose digits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimators.graph import model_of
from lichen.frameworks.estimators.rows import ABSENT, Rows
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

_SHIFTED_FROM = 30.0
"""A mean so many deviations from 0 costs the product over a digit: it is taken off first."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """The centre and the scale of each feature; the scale of a constant is 0."""

    centre: Floats
    scale: Floats

    def inverse(self) -> Floats:
        """What a centred feature is multiplied by: 0 for a constant."""
        return np.divide(1.0, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)

    def common(self) -> "Scaling":
        """One scale for all features: the root of their mean variance; constants keep 0."""
        varied = self.scale > 0
        mean = np.sqrt((self.scale**2).sum() / max(1, np.count_nonzero(varied)))
        return Scaling(self.centre, np.where(varied, mean, 0.0))

    def applied(self, features: NDArray[np.float32]) -> Floats:
        """The features, centred and divided; a constant is 0."""
        scaled = features - self.centre
        scaled *= self.inverse()
        return scaled


def scaling_of(rows: Rows) -> Scaling:
    """The weighted mean and standard deviation of each feature."""
    centre = rows.shares @ rows.features
    square = np.einsum("i,ij,ij->j", rows.shares, rows.features, rows.features, dtype=np.float64)
    variance = square - centre**2
    near = variance <= 1e-6 * square
    if near.any():  # the difference has lost its digits: once more, centred
        variance[near] = rows.shares @ (rows.features[:, near] - centre[near]) ** 2
    scale = np.sqrt(np.maximum(variance, 0))
    scale[scale <= 1e-7 * np.abs(centre)] = 0
    return Scaling(centre, scale)


@dataclass(frozen=True, slots=True)
class LinearCore:
    """`(features - shift) @ weights + bias`.

    Attributes:
        weights: float32 `(features, outputs)`.
        bias: float32 `(outputs,)`.
        shift: float32 `(features,)`; None: none.
        link: what the outputs are.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    shift: NDArray[np.float32] | None
    link: str

    def raw(self, features: NDArray[np.float32]) -> Floats:
        """`(rows, outputs)`."""
        taken = features if self.shift is None else features - self.shift
        answers: Floats = taken.astype(np.float64) @ self.weights + self.bias
        return answers

    def onnx(self) -> bytes:
        """The core as an ONNX model."""
        constants: dict[str, NDArray[Any]] = {"weights": self.weights, "bias": self.bias}
        source, wires = INPUT, []
        if self.shift is not None:
            constants["shift"] = self.shift
            wires = [("Sub", [INPUT, "shift"], "centred")]
            source = "centred"
        wires.append(("Gemm", [source, "weights", "bias"], OUTPUT))
        return model_of(wires, constants, width=len(self.weights), outputs=len(self.bias))


def linear_core_of(rows: Rows, scaling: Scaling, weights: Floats, bias: Floats) -> LinearCore:
    """The core of weights `(features, fitted outputs)` of scaled features.

    Raises:
        InvalidInput: a weight is not finite.
    """
    raw = weights * scaling.inverse()[:, None]
    if not np.isfinite(raw).all() or not np.isfinite(bias).all():
        raise InvalidInput("the fit broke down: its weights are not finite; regularise it more")
    raw, bias = _of_all_classes(rows, raw, bias)
    is_far = np.abs(scaling.centre) > _SHIFTED_FROM * scaling.scale
    moved = np.where(is_far & (scaling.scale > 0), scaling.centre, 0).astype(np.float32)
    bias = bias - (scaling.centre - moved) @ raw
    return LinearCore(
        raw.astype(np.float32),
        bias.astype(np.float32),
        moved if moved.any() else None,
        "logit" if rows.classes else "value",
    )


def _of_all_classes(rows: Rows, weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Columns for the classes that no row has as well."""
    if len(rows.present) in (0, rows.classes):
        return weights, bias
    all_weights = np.zeros((len(weights), rows.classes))
    all_bias = np.full(rows.classes, ABSENT)
    first = len(rows.present) - weights.shape[1]  # of two classes the first is the 0 of the other
    all_bias[list(rows.present[:first])] = 0
    all_weights[:, list(rows.present[first:])] = weights
    all_bias[list(rows.present[first:])] = bias
    return all_weights, all_bias

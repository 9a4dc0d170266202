"""Cores of clusterings: how far a row belongs to each cluster, the same here and as ONNX.

They compute in float64, as ONNX too: differences of squares lose digits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.estimators.graph import Wire, model_of
from lichen.frameworks.onnx_writer import INPUT, OUTPUT

Floats = NDArray[np.float64]
_DOUBLED = ("Cast:DOUBLE", [INPUT], "rows")
_ANSWERED = ("Cast:FLOAT", ["membership"], OUTPUT)


class ClusterCore(Protocol):
    """Rows into memberships `(rows, clusters)`; a row is of the cluster with the largest."""

    @property
    def clusters(self) -> int:
        """How many."""
        ...

    @property
    def least(self) -> float:
        """Rows whose memberships are all under this are of no cluster; 0: every row is of one."""
        ...

    @property
    def operations(self) -> float:
        """Multiplications of one row, about."""
        ...

    def raw(self, features: NDArray[np.floating[Any]]) -> Floats:
        """Memberships `(rows, clusters)`, 0 to 1."""
        ...

    def onnx(self) -> bytes:
        """The core as an ONNX model; equal cores give equal bytes."""
        ...


def groups_of(core: ClusterCore, features: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The number of each row's cluster, -1 of none."""
    said = core.raw(features)
    return np.where(said.max(axis=1) < core.least, -1, said.argmax(axis=1)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class CentreCore:
    """Nearest of several centres; memberships as of round Gaussians of one width.

    Attributes:
        centres: `(clusters, features)`.
        variance: mean squared distance of a row from its centre, along one feature.
    """

    centres: Floats
    variance: float
    least: float = 0.0

    @property
    def clusters(self) -> int:
        """How many."""
        return len(self.centres)

    @property
    def operations(self) -> float:
        """Multiplications of one row."""
        return float(self.centres.size)

    def raw(self, features: NDArray[np.floating[Any]]) -> Floats:
        """Memberships `(rows, clusters)`."""
        weights, bias = self._linear()
        return softmax(features.astype(np.float64) @ weights + bias)

    def onnx(self) -> bytes:
        """The core as an ONNX model."""
        weights, bias = self._linear()
        wires: list[Wire] = [
            _DOUBLED,
            ("Gemm", ["rows", "weights", "bias"], "scores"),
            ("Softmax", ["scores"], "membership"),
            _ANSWERED,
        ]
        return _model(wires, {"weights": weights, "bias": bias}, self.centres.shape)

    def _linear(self) -> tuple[Floats, Floats]:
        """`-|x - c|^2 / (2 variance)` without the part that is equal for all centres."""
        weights = np.ascontiguousarray(self.centres.T / self.variance)
        return weights, -np.square(self.centres).sum(axis=1) / (2 * self.variance)


@dataclass(frozen=True, slots=True)
class MixtureCore:
    """Posterior probabilities of a mixture of Gaussians.

    Attributes:
        means: `(clusters, features)`.
        roots: `(clusters, features, features)`: `roots @ roots.T` is the inverse of a covariance.
        shares: of the clusters.
    """

    means: Floats
    roots: Floats
    shares: Floats
    least: float = 0.0

    @property
    def clusters(self) -> int:
        """How many."""
        return len(self.means)

    @property
    def operations(self) -> float:
        """Multiplications of one row."""
        return float(self.roots.size)

    def raw(self, features: NDArray[np.floating[Any]]) -> Floats:
        """Memberships `(rows, clusters)`."""
        said = self._constants()
        along = features.astype(np.float64) @ said["roots"] + said["shift"]
        return softmax(np.square(along) @ said["summed"] + said["bias"])

    def onnx(self) -> bytes:
        """The core as an ONNX model."""
        wires: list[Wire] = [
            _DOUBLED,
            ("Gemm", ["rows", "roots", "shift"], "along"),
            ("Mul", ["along", "along"], "squares"),
            ("Gemm", ["squares", "summed", "bias"], "scores"),
            ("Softmax", ["scores"], "membership"),
            _ANSWERED,
        ]
        return _model(wires, self._constants(), self.means.shape)

    def _constants(self) -> dict[str, Floats]:
        clusters, width = self.means.shape
        halves = np.einsum("kii->ki", self.roots)
        return {
            "roots": np.ascontiguousarray(self.roots.transpose(1, 0, 2).reshape(width, -1)),
            "shift": -np.einsum("kf,kfg->kg", self.means, self.roots).reshape(-1),
            "summed": np.repeat(np.eye(clusters), width, axis=0) * -0.5,
            "bias": np.log(self.shares) + np.log(np.abs(halves)).sum(axis=1),
        }


@dataclass(frozen=True, slots=True)
class ExemplarCore:
    """Nearest of several exemplars of each cluster, measured by how far the cluster reaches.

    A membership is `2^-(d / reach)^2`, `d` the distance to the cluster's nearest exemplar: 1 at an
    exemplar, a half where the cluster ends.

    Attributes:
        exemplars: `(clusters, exemplars, features)`; a cluster of fewer has some twice.
        reaches: of the clusters.
    """

    exemplars: Floats
    reaches: Floats
    least: float = 0.5

    @property
    def clusters(self) -> int:
        """How many."""
        return len(self.exemplars)

    @property
    def operations(self) -> float:
        """Multiplications of one row."""
        return float(self.exemplars.size)

    def raw(self, features: NDArray[np.floating[Any]]) -> Floats:
        """Memberships `(rows, clusters)`."""
        rows, said = features.astype(np.float64), self._constants()
        far = rows @ said["weights"] + said["lengths"] + np.square(rows).sum(axis=1, keepdims=True)
        near = far.reshape(len(rows), *self.exemplars.shape[:2]).min(axis=2)
        return np.asarray(np.exp(np.maximum(near, 0.0) * said["scales"]))

    def onnx(self) -> bytes:
        """The core as an ONNX model."""
        wires: list[Wire] = [
            _DOUBLED,
            ("Gemm", ["rows", "weights", "lengths"], "partly"),
            ("ReduceSumSquare", ["rows", "across"], "length"),
            ("Add", ["partly", "length"], "far"),
            ("Reshape", ["far", "grouped"], "groups"),
            ("ReduceMin", ["groups", "within"], "nearest"),
            ("Reshape", ["nearest", "flat"], "near"),
            ("Max", ["near", "nothing"], "distance"),
            ("Mul", ["distance", "scales"], "scores"),
            ("Exp", ["scores"], "membership"),
            _ANSWERED,
        ]
        clusters, each, width = self.exemplars.shape
        constants = {
            **self._constants(),
            "across": np.array([1], dtype=np.int64),
            "within": np.array([2], dtype=np.int64),
            "grouped": np.array([-1, clusters, each], dtype=np.int64),
            "flat": np.array([-1, clusters], dtype=np.int64),
            "nothing": np.zeros(1),
        }
        return _model(wires, constants, (clusters, width))

    def _constants(self) -> dict[str, Floats]:
        flat = self.exemplars.reshape(-1, self.exemplars.shape[2])
        return {
            "weights": np.ascontiguousarray(-2 * flat.T),
            "lengths": np.square(flat).sum(axis=1),
            "scales": -log(2) / np.square(self.reaches),
        }


def softmax(scores: Floats) -> Floats:
    """Shares of each row, their sum 1."""
    risen = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(risen / risen.sum(axis=1, keepdims=True))


def _model(
    wires: Sequence[Wire], constants: Mapping[str, NDArray[Any]], shape: tuple[int, ...]
) -> bytes:
    clusters, width = shape
    return model_of(wires, constants, width=width, outputs=clusters)

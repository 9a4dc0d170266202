"""Principal components: Hotelling's T2 in their plane, the squared prediction error beside it.

T2 (Hotelling, 1947) and SPE, also Q (Jackson and Mudholkar, Technometrics 21, 1979), as Russell,
Chiang and Braatz use them (Chemometrics and Intelligent Laboratory Systems 51, 2000). On windows of
rows it is dynamic PCA (Ku, Storer and Georgakis, ibid. 30, 1995).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.detection.detector import (
    MOST_CONTRIBUTIONS,
    Features,
    Graph,
    Node,
    Pause,
    Statistics,
    Window,
    core_model,
)
from lichen.frameworks.estimation import no_pause

Matrix = NDArray[np.float64]
_EXACT = 1500
"""Rows or columns up to which the eigenvectors are computed whole."""
_SOUGHT = 64
"""Components that are looked for beyond that."""
_ROUNDS = 6
_LEAST_SHARE = 1e-6
"""Of the largest eigenvalue: a direction of less says nothing but rounding."""
_ROUNDING = 1e-10
_CHUNK = 8192
MOST_PER_ROW = 2
"""Rows that there must be for each component."""


@dataclass(frozen=True, slots=True)
class FittedComponents:
    """A plane that usual rows lie near.

    Attributes:
        mean, spread: of each feature; a feature that is constant has spread 1.
        loadings: `(features, components)`, orthonormal.
        variances: of the scores of each component, falling.
        has_residual: whether there is anything beside the plane.
    """

    mean: Matrix
    spread: Matrix
    loadings: Matrix
    variances: Matrix
    has_residual: bool

    @property
    def statistics(self) -> tuple[str, ...]:
        """`T2`, and `SPE` where there is anything beside the plane."""
        return ("T2", "SPE") if self.has_residual else ("T2",)

    @property
    def contributes(self) -> bool:
        """Whether its core says what each column contributed to the combined index."""
        return len(self.mean) <= MOST_CONTRIBUTIONS

    def judge(self, features: Features) -> Statistics:
        """T2 and SPE of each row."""
        parts = [features[at : at + _CHUNK] for at in range(0, len(features), _CHUNK)]
        return np.concatenate([self._judge(part) for part in parts] or [self._judge(features)])

    def _judge(self, features: Features) -> Statistics:
        scaled = (features.astype(np.float64) - self.mean) / self.spread
        scores = scaled @ self.loadings
        inside = np.square(scores) @ (1 / self.variances)
        if not self.has_residual:
            return inside[:, None]
        beside = np.square(scaled - scores @ self.loadings.T).sum(axis=1)
        # what single precision leaves of nothing must not be told from nothing
        return np.column_stack([inside, beside + _ROUNDING * len(self.mean)])

    def onnx(self, thresholds: Matrix, window: Window | None = None) -> bytes:
        """The core; contributions are to the combined index `SPE / its threshold + T2 / its own`.

        Yue and Qin, Industrial and Engineering Chemistry Research 40 (2001). Those of a window are
        summed over its rows.
        """
        nodes, constants = self._plane()
        told = ["t2", "spe"] if self.has_residual else ["t2"]
        outputs = len(told)
        columns = window.columns if window else len(self.mean)
        if self.contributes:
            nodes += self._contributions(window)
            constants |= self._shares(thresholds, window)
            told.append("contributions")
            outputs += columns
        nodes.append(Node("Concat", tuple(told), "raw", {"axis": 1}))
        return core_model(Graph(tuple(nodes), constants, len(self.mean), outputs), window)

    def _plane(self) -> tuple[list[Node], dict[str, NDArray[np.generic]]]:
        single = np.float32
        constants: dict[str, NDArray[np.generic]] = {
            "mean": self.mean.astype(single),
            "inverse": (1 / self.spread).astype(single),
            "loadings": self.loadings.astype(single),
            "precision": (1 / self.variances).astype(single)[:, None],
        }
        nodes = [
            Node("Sub", ("features", "mean"), "centred_features"),
            Node("Mul", ("centred_features", "inverse"), "z"),
            Node("MatMul", ("z", "loadings"), "scores"),
            Node("Mul", ("scores", "scores"), "squares"),
            Node("MatMul", ("squares", "precision"), "t2"),
        ]
        if self.has_residual:
            constants |= {
                "back": np.ascontiguousarray(self.loadings.T).astype(single),
                "across": np.array([1], dtype=np.int64),
                "rounding": np.array([_ROUNDING * len(self.mean)], dtype=single),
            }
            nodes += [
                Node("MatMul", ("scores", "back"), "plane"),
                Node("Sub", ("z", "plane"), "residual"),
                Node("Mul", ("residual", "residual"), "beside"),
                Node("ReduceSum", ("beside", "across"), "sum"),
                Node("Add", ("sum", "rounding"), "spe"),
            ]
        return nodes, constants

    def _contributions(self, window: Window | None) -> list[Node]:
        nodes = [
            Node("MatMul", ("scores", "pull"), "pulled"),
            Node("Mul", ("z", "pulled"), "within"),
        ]
        last = "within"
        if self.has_residual:
            nodes += [
                Node("Mul", ("beside", "share"), "outside"),
                Node("Add", ("within", "outside"), "combined"),
            ]
            last = "combined"
        if window is None:
            return [*nodes, Node("Identity", (last,), "contributions")]
        return [
            *nodes,
            Node("Reshape", (last, "parted"), "by_row"),
            Node("ReduceSum", ("by_row", "rows_axis"), "contributions", {"keepdims": 0}),
        ]

    def _shares(self, thresholds: Matrix, window: Window | None) -> dict[str, NDArray[np.generic]]:
        pull = (self.loadings / self.variances).T / thresholds[0]
        constants: dict[str, NDArray[np.generic]] = {"pull": pull.astype(np.float32)}
        if self.has_residual:
            constants["share"] = np.array([1 / thresholds[1]], dtype=np.float32)
        if window is not None:
            constants["parted"] = np.array([-1, window.lags + 1, window.columns], dtype=np.int64)
            constants["rows_axis"] = np.array([1], dtype=np.int64)
        return constants


@dataclass(frozen=True, slots=True)
class Components:
    """PCA.

    Attributes:
        explained: share of the variance that the plane is to hold.
        components: how many it has instead; None: as the share says.
    """

    explained: float = 0.99
    components: int | None = None

    def settled(self, features: Features) -> "Components":
        """With as many components as the share is on these rows, and a half of them can have.

        Raises:
            InvalidInput: there are fewer than 3 rows, or all are equal.
        """
        fitted = self.fit(features, 0, no_pause)
        most = max(1, len(features) // (2 * MOST_PER_ROW))
        return Components(self.explained, min(most, fitted.loadings.shape[1]))

    def fit(self, features: Features, seed: int, pause: Pause) -> FittedComponents:
        """The plane that the rows lie nearest.

        Raises:
            InvalidInput: there are fewer than 3 rows, or all are equal.
        """
        rows, width = features.shape
        if rows < 3 or width < 1:
            raise InvalidInput(f"{rows} usual rows of {width} columns make no plane: give more")
        wide = features.astype(np.float64)
        mean, spread = wide.mean(axis=0), wide.std(axis=0, ddof=1)
        if not (spread > 0).any():
            raise InvalidInput("all usual rows are equal: there is nothing to be unlike")
        spread = np.where(spread > 0, spread, 1.0)
        wide = (wide - mean) / spread
        pause()
        variances, loadings = _principal(wide, seed, pause)
        whole = float(np.square(wide).sum()) / (rows - 1)
        kept = self._kept(variances, whole, rows, width)
        return FittedComponents(mean, spread, loadings[:, :kept], variances[:kept], kept < width)

    def _kept(self, variances: Matrix, whole: float, rows: int, width: int) -> int:
        """How many components: at least one, and one direction is left beside the plane.

        No more than half of the rows: else each row would be a direction of its own.
        """
        usable = int((variances > _LEAST_SHARE * variances[0]).sum())
        reached = int((np.cumsum(variances) < self.explained * whole).sum()) + 1
        wanted = self.components or reached
        return max(1, min(wanted, usable, rows // MOST_PER_ROW, max(1, width - 1)))


def _principal(scaled: Matrix, seed: int, pause: Pause) -> tuple[Matrix, Matrix]:
    """Variances, falling, and loadings of the components of centred rows."""
    rows, width = scaled.shape
    if width <= min(rows, _EXACT):
        values, vectors = np.linalg.eigh(scaled.T @ scaled / (rows - 1))
        return _falling(values, vectors)
    if rows <= _EXACT:
        values, left = np.linalg.eigh(scaled @ scaled.T / (rows - 1))
        values, left = _falling(values, left)
        real = values > _LEAST_SHARE * values[0]
        loadings = scaled.T @ left[:, real] / np.sqrt(values[real] * (rows - 1))
        return values[real], loadings
    return _sought(scaled, seed, pause)


def _sought(scaled: Matrix, seed: int, pause: Pause) -> tuple[Matrix, Matrix]:
    """The first components by subspace iteration (Halko, Martinsson and Tropp, 2011)."""
    rows, width = scaled.shape
    drawn = np.random.default_rng(seed).standard_normal((width, _SOUGHT))
    basis = np.linalg.qr(drawn)[0]
    for _ in range(_ROUNDS):
        pause()
        basis = np.linalg.qr(scaled.T @ (scaled @ basis))[0]
    scores = scaled @ basis
    values, turn = _falling(*np.linalg.eigh(scores.T @ scores / (rows - 1)))
    return values, basis @ turn


def _falling(values: Matrix, vectors: Matrix) -> tuple[Matrix, Matrix]:
    """Eigenvalues in falling order; each vector's largest entry is positive, so signs are fixed."""
    vectors = vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return np.maximum(values[::-1], 0.0), vectors * np.where(signs == 0, 1.0, signs)

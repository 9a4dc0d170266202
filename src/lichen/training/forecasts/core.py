"""A fitted forecaster: a specification, and a core that turns features into raw forecasts."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.forecasting.fitting import Rows, assembled_at
from lichen.forecasting.inputs import restore
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.boosting import Boosted
from lichen.frameworks.onnx_writer import Ensemble, StepRows, linear_core, tree_core

_AT_ONCE = 256
"""Windows assembled at a time: bounds the memory a backtest takes."""


class Core(Protocol):
    """What stands between `assemble` and `restore`; the same computation here and as ONNX."""

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """`(rows, horizon)` from `(rows, features)`."""
        ...

    def onnx(self) -> bytes:
        """The core as an ONNX model; equal cores give equal bytes."""
        ...


@dataclass(frozen=True, slots=True)
class LinearCore:
    """One matrix `(features, horizon)`."""

    weights: NDArray[np.float32]

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The product of features and weights."""
        return np.asarray(features @ self.weights)

    def onnx(self) -> bytes:
        """One MatMul."""
        return linear_core(self.weights)


@dataclass(frozen=True, slots=True)
class GatedTrees:
    """The trees of one of a model's parts: they answer the rows whose feature `gate` is 1."""

    boosted: Boosted
    steps: StepRows
    gate: int


@dataclass(frozen=True, slots=True)
class TreeCore:
    """A matrix `(features, horizon)` for what is plain, and trees for what differs from it."""

    base: NDArray[np.float32]
    parts: tuple[GatedTrees, ...]

    def raw(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """The base and, of the part that applies, the trees' sum for every step."""
        answers = np.asarray(features @ self.base, dtype=np.float64)
        for part in self.parts:
            mine = np.flatnonzero(features[:, part.gate])
            if mine.size:
                steps = part.steps.expand(features[mine])
                answers[mine] += part.boosted.predict(steps).reshape(len(mine), -1)
        return answers

    def onnx(self) -> bytes:
        """One gated tree ensemble a part, added to one MatMul."""
        return tree_core(
            [Ensemble(part.boosted.trees, part.steps, part.gate) for part in self.parts],
            self.base,
        )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A forecaster that can forecast."""

    specification: Specification
    core: Core

    def forecast(self, panel: Panel, origins: Rows) -> NDArray[np.float64]:
        """Forecasts `(origins, horizon, series)`; an origin is the row of the first step."""
        parts = [
            self._forecast(panel, origins[first : first + _AT_ONCE])
            for first in range(0, len(origins), _AT_ONCE)
        ]
        shape = (0, self.specification.horizon, len(self.specification.targets))
        return np.concatenate(parts) if parts else np.empty(shape)

    def _forecast(self, panel: Panel, origins: Rows) -> NDArray[np.float64]:
        assembled = assembled_at(self.specification, panel, origins)
        return restore(self.specification, assembled, self.core.raw(assembled.features))

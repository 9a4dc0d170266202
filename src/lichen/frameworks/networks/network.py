"""A network that was trained: it answers here, and is written as ONNX."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.networks.computation import Computation, torch_module
from lichen.frameworks.networks.determinism import settled
from lichen.frameworks.networks.graph import network_model
from lichen.frameworks.networks.layers import Layers, Linear, Shape, Sum
from lichen.frameworks.networks.rows import parts_of
from lichen.frameworks.networks.weights import Arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """Layers and their weights, and how the training went.

    Attributes:
        layers: of the network.
        weights: by name.
        shape: of the rows it takes.
        losses: of each pass over the rows trained on.
        validation_losses: of each pass, on the rows validated by; empty: there were none.
        stopped_early: whether it ended for want of better validations.
    """

    layers: Layers
    weights: Arrays
    shape: Shape
    losses: tuple[float, ...] = ()
    validation_losses: tuple[float, ...] = ()
    stopped_early: bool = False

    @property
    def epochs(self) -> int:
        """Passes that were made."""
        return len(self.losses)

    @property
    def best_epoch(self) -> int:
        """The pass, counted from 1, whose weights these are."""
        if not self.validation_losses:
            return self.epochs
        return int(np.argmin(self.validation_losses)) + 1

    def raw(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """`(rows, outputs)` of features `(rows, *shape)`; nothing is dropped out."""
        torch = torch_module()
        tensors = {name: torch.from_numpy(values) for name, values in self.weights.items()}
        run = Computation(torch, tensors)
        with settled(torch), torch.no_grad():
            made = [
                run.run(self.layers, torch.from_numpy(part.astype(np.float32, copy=False))).numpy()
                for part in parts_of(features)
            ]
        if not made:
            made = [np.empty((0, len(self._bias())), dtype=np.float32)]
        return np.concatenate(made).astype(np.float64)

    def beside(self, matrix: NDArray[np.floating[Any]]) -> "TrainedNetwork":
        """The same, added to what a linear model `(features, outputs)` says of flat rows."""
        outputs = matrix.shape[1]
        linear = {
            "0.shortcut.0.weight": np.ascontiguousarray(matrix.T, dtype=np.float32),
            "0.shortcut.0.bias": np.zeros(outputs, dtype=np.float32),
        }
        inner = {f"0.inner.{name}": values for name, values in self.weights.items()}
        return replace(
            self, layers=(Sum(self.layers, (Linear(outputs),)),), weights={**inner, **linear}
        )

    def onnx(self) -> bytes:
        """The network as an ONNX model; equal networks give equal bytes."""
        return network_model(self.layers, self.weights, self.shape)

    def _bias(self) -> NDArray[np.float32]:
        return self.weights[[name for name in self.weights if name.endswith("bias")][-1]]

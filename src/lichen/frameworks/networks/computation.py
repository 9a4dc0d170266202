"""Layers run by PyTorch, which loads when it is asked: one function a layer, weights by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lichen.core.errors import Unavailable
from lichen.frameworks.networks.layers import (
    Activation,
    Attention,
    Beside,
    Convolution,
    Dropout,
    Flatten,
    Layers,
    Linear,
    MaxPool,
    MeanPool,
    MeanTokens,
    Normalisation,
    Patches,
    Positions,
    Scaled,
    Steps,
    Sum,
)

Tensor = Any
"""A `torch.Tensor`: PyTorch's types are not read."""

Torch = Any
"""The module `torch` itself."""

FOLLOWS = 0.1
"""How much of each batch goes into the running moments of a batch normalisation."""

EPSILON = 1e-5
SLOPE = 0.01
"""Of a leaky ReLU below 0."""


def torch_module() -> Torch:
    """PyTorch.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        import torch
    except ImportError as missing:
        raise Unavailable(
            "PyTorch is not installed: install lichen[torch], or take an algorithm without it"
        ) from missing
    return torch


@dataclass(frozen=True, slots=True)
class Computation:
    """Runs layers.

    Attributes:
        torch: the module.
        weights: tensors by name, as `weights.first_weights` names them.
        is_training: whether dropout drops, and batch normalisations look at the batch.
    """

    torch: Torch
    weights: Mapping[str, Tensor]
    is_training: bool = False

    def run(self, layers: Layers, rows: Tensor, path: str = "") -> Tensor:
        """What the layers give for rows."""
        for place, layer in enumerate(layers):
            rows = _RUN[type(layer)](self, layer, rows, f"{path}{place}.")
        return rows

    @property
    def functional(self) -> Any:  # noqa: ANN401 - a module of PyTorch
        """PyTorch's functions."""
        return self.torch.nn.functional


def _scaled(run: Computation, _: Scaled, rows: Tensor, path: str) -> Tensor:
    form = (-1, *(1,) * (rows.dim() - 2))
    centre, factor = (run.weights[f"{path}{name}"].view(form) for name in ("centre", "factor"))
    return (rows - centre) * factor


def _linear(run: Computation, _: Linear, rows: Tensor, path: str) -> Tensor:
    weights = run.weights
    return run.functional.linear(rows, weights[f"{path}weight"], weights[f"{path}bias"])


def _activation(run: Computation, layer: Activation, rows: Tensor, _: str) -> Tensor:
    functional = run.functional
    match layer.name:
        case "tanh":
            return run.torch.tanh(rows)
        case "sigmoid":
            return run.torch.sigmoid(rows)
        case "leaky-relu":
            return functional.leaky_relu(rows, SLOPE)
        case name:
            return getattr(functional, name)(rows)


def _dropout(run: Computation, layer: Dropout, rows: Tensor, _: str) -> Tensor:
    return run.functional.dropout(rows, layer.share, training=run.is_training)


def _convolution(run: Computation, layer: Convolution, rows: Tensor, path: str) -> Tensor:
    own = run.weights
    # Channels beside each other: a residual network trains in three quarters of the time.
    rows = rows.contiguous(memory_format=run.torch.channels_last)
    convolved = run.functional.conv2d(
        rows, own[f"{path}weight"], own.get(f"{path}bias"), layer.stride, layer.padding
    )
    if not layer.is_normalised:
        return convolved
    return run.functional.batch_norm(
        convolved,
        own[f"{path}mean"],
        own[f"{path}variance"],
        own[f"{path}scale"],
        own[f"{path}shift"],
        run.is_training,
        FOLLOWS,
        EPSILON,
    )


def _max_pool(run: Computation, layer: MaxPool, rows: Tensor, _: str) -> Tensor:
    return run.functional.max_pool2d(rows, layer.size)


def _mean_pool(_run: Computation, _: MeanPool, rows: Tensor, _path: str) -> Tensor:
    return rows.mean(dim=(2, 3))


def _mean_tokens(_run: Computation, _: MeanTokens, rows: Tensor, _path: str) -> Tensor:
    return rows.mean(dim=1)


def _flatten(_run: Computation, _: Flatten, rows: Tensor, _path: str) -> Tensor:
    return rows.flatten(1)


def _patches(_run: Computation, layer: Patches, rows: Tensor, _: str) -> Tensor:
    count, channels, height, width = rows.shape
    size = layer.size
    cut = rows.reshape(count, channels, height // size, size, width // size, size)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(count, -1, channels * size * size)


def _steps(_run: Computation, layer: Steps, rows: Tensor, _: str) -> Tensor:
    return rows.reshape(len(rows), -1, layer.length)


def _positions(run: Computation, _: Positions, rows: Tensor, path: str) -> Tensor:
    return rows + run.weights[f"{path}place"]


def _normalisation(run: Computation, _: Normalisation, rows: Tensor, path: str) -> Tensor:
    scale, shift = run.weights[f"{path}scale"], run.weights[f"{path}shift"]
    return run.functional.layer_norm(rows, scale.shape, scale, shift, EPSILON)


def _attention(run: Computation, layer: Attention, rows: Tensor, path: str) -> Tensor:
    own = run.weights
    count, tokens, width = rows.shape
    looked = run.functional.linear(rows, own[f"{path}weight_in"], own[f"{path}bias_in"])
    parted = looked.reshape(count, tokens, 3, layer.heads, width // layer.heads)
    query, key, value = parted.permute(2, 0, 3, 1, 4).unbind(0)
    likeness = query @ key.transpose(2, 3) * (width // layer.heads) ** -0.5
    mixed = (likeness.softmax(dim=3) @ value).transpose(1, 2).reshape(count, tokens, width)
    return run.functional.linear(mixed, own[f"{path}weight_out"], own[f"{path}bias_out"])


def _sum(run: Computation, layer: Sum, rows: Tensor, path: str) -> Tensor:
    inner = run.run(layer.inner, rows, f"{path}inner.")
    return inner + run.run(layer.shortcut, rows, f"{path}shortcut.")


def _beside(run: Computation, layer: Beside, rows: Tensor, path: str) -> Tensor:
    series = rows[:, : layer.first]
    if layer.again is not None:
        series = series + rows[:, layer.again : layer.again + layer.first]
    inner = run.run(layer.inner, series, f"{path}inner.")
    return run.torch.cat([inner, rows[:, layer.first :]], dim=1)


_RUN: Mapping[type, Callable[[Computation, Any, Tensor, str], Tensor]] = {
    Scaled: _scaled,
    Linear: _linear,
    Activation: _activation,
    Dropout: _dropout,
    Convolution: _convolution,
    MaxPool: _max_pool,
    MeanPool: _mean_pool,
    MeanTokens: _mean_tokens,
    Flatten: _flatten,
    Patches: _patches,
    Steps: _steps,
    Positions: _positions,
    Normalisation: _normalisation,
    Attention: _attention,
    Sum: _sum,
    Beside: _beside,
}

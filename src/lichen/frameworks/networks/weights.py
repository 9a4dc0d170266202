"""The weights of layers: their first values, and which are trained."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.networks.layers import (
    Attention,
    Beside,
    Convolution,
    Layer,
    Layers,
    Linear,
    Normalisation,
    Positions,
    Scaled,
    Shape,
    Sum,
    walk,
)

Arrays = dict[str, NDArray[np.float32]]

SHRUNK = ("weight", "weight_in", "weight_out")
"""What l1 and l2 hold small."""

FOLLOWED = ("mean", "variance", "centre", "factor")
"""What is not trained: it follows the rows."""


def first_weights(layers: Layers, shape: Shape, random: np.random.Generator) -> Arrays:
    """Weights to begin with; the same generator gives the same."""
    made: Arrays = {}
    for path, layer, taken in walk(layers, shape):
        for name, values in _of(layer, taken, random).items():
            made[f"{path}{name}"] = np.asarray(values, dtype=np.float32)
    return made


def kind_of(name: str) -> str:
    """What a weight is to its layer: the last part of its name."""
    return name.rpartition(".")[2]


def rescaled(
    layers: Layers,
    weights: Arrays,
    factor: float,
    centre: NDArray[np.float64],
    path: str = "",
) -> Arrays:
    """Weights whose outputs are `out * factor + centre`, of layers that end in sums."""
    last, at = layers[-1], f"{path}{len(layers) - 1}."
    if isinstance(last, Sum):
        changed = rescaled(last.inner, weights, factor, centre, f"{at}inner.")
        return rescaled(last.shortcut, changed, factor, np.zeros_like(centre), f"{at}shortcut.")
    bias = weights[f"{at}bias"].astype(np.float64) * factor + centre
    return {
        **weights,
        f"{at}weight": (weights[f"{at}weight"] * factor).astype(np.float32),
        f"{at}bias": bias.astype(np.float32),
    }


def _of(layer: Layer, shape: Shape, random: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    match layer:
        case Linear():
            weight = _drawn(random, (layer.units, shape[-1]), shape[-1], layer.gain)
            return {"weight": weight, "bias": np.zeros(layer.units)}
        case Convolution():
            return _convolution(layer, shape, random)
        case Sum() | Beside():
            return _within(layer, shape, random)
        case Attention():
            return _attention(shape[-1], random)
        case _:
            return _plain(layer, shape, random)


def _plain(
    layer: Layer, shape: Shape, random: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    match layer:
        case Scaled():
            return {name: getattr(layer, name).astype(np.float64) for name in ("centre", "factor")}
        case Positions():
            return {"place": random.normal(0.0, 0.02, shape)}
        case Normalisation():
            return {"scale": np.ones(shape[-1]), "shift": np.zeros(shape[-1])}
        case _:
            return {}


def _drawn(
    random: np.random.Generator, shape: Shape, inputs: int, gain: float
) -> NDArray[np.float64]:
    """Uniform, of a spread that sums of so many inputs keep (Glorot and Bengio, 2010)."""
    most = gain * sqrt(3.0 / inputs)
    return random.uniform(-most, most, shape)


def _convolution(
    layer: Convolution, shape: Shape, random: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    inputs = shape[0] * layer.size**2
    form = (layer.channels, shape[0], layer.size, layer.size)
    made = {"weight": _drawn(random, form, inputs, sqrt(2.0))}
    each = np.zeros(layer.channels)
    if layer.is_normalised:
        return made | {"scale": each + 1, "shift": each, "mean": each, "variance": each + 1}
    return made | {"bias": each}


def _attention(width: int, random: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    return {
        "weight_in": _drawn(random, (3 * width, width), width, 1.0),
        "bias_in": np.zeros(3 * width),
        "weight_out": _drawn(random, (width, width), width, 1.0),
        "bias_out": np.zeros(width),
    }


def _within(
    layer: Sum | Beside, shape: Shape, random: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    parts: dict[str, Layers]
    if isinstance(layer, Sum):
        parts = {"inner": layer.inner, "shortcut": layer.shortcut}
    else:
        parts, shape = {"inner": layer.inner}, (layer.first,)
    return {
        f"{part}.{name}": values.astype(np.float64)
        for part, layers in parts.items()
        for name, values in first_weights(layers, shape, random).items()
    }

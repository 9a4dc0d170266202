"""What a network is made of: plain records, run by `computation` and written by `graph`.

A layer takes rows of some shape and gives rows of another; shapes are without the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Shape = tuple[int, ...]
Weights = Mapping[str, Any]
"""Arrays or tensors by name: the path of their layer and what they are to it."""

ACTIVATIONS = ("relu", "tanh", "gelu", "sigmoid", "elu", "leaky-relu")


@dataclass(frozen=True, slots=True)
class Scaled:
    """`(x - centre) * factor`, fixed, along the first dimension of the shape."""

    centre: NDArray[np.float32] = field(compare=False)
    factor: NDArray[np.float32] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Linear:
    """Weighted sums of the last dimension. `gain`: of the spread of the first weights."""

    units: int
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Activation:
    """One of `ACTIVATIONS`, element by element."""

    name: str


@dataclass(frozen=True, slots=True)
class Dropout:
    """Leaves a share of elements out while training (Srivastava et al., 2014)."""

    share: float


@dataclass(frozen=True, slots=True)
class Convolution:
    """Of images `(channels, height, width)`, and batch normalisation where it is normalised.

    Ioffe and Szegedy (2015); as ONNX the normalisation is folded into the weights.
    """

    channels: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    is_normalised: bool = True


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The largest of each square of `size` pixels a side."""

    size: int = 2


@dataclass(frozen=True, slots=True)
class MeanPool:
    """The mean of each channel of an image, `(channels,)`."""


@dataclass(frozen=True, slots=True)
class MeanTokens:
    """The mean of `(tokens, width)` over its tokens."""


@dataclass(frozen=True, slots=True)
class Flatten:
    """All in one dimension."""


@dataclass(frozen=True, slots=True)
class Patches:
    """An image `(channels, height, width)` cut into squares: `(patches, numbers in each)`."""

    size: int


@dataclass(frozen=True, slots=True)
class Steps:
    """A flat series cut into stretches: `(stretches, steps in each)`."""

    length: int


@dataclass(frozen=True, slots=True)
class Positions:
    """Adds what is learnt of each place to `(tokens, width)`."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Of the last dimension of `(tokens, width)` (Ba, Kiros and Hinton, 2016)."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Each token looks at all of `(tokens, width)` (Vaswani et al., 2017)."""

    heads: int


@dataclass(frozen=True, slots=True)
class Sum:
    """What `inner` gives plus what `shortcut` gives; an empty shortcut is the input itself."""

    inner: "Layers"
    shortcut: "Layers" = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """`inner` on the first features of a flat row, the others beside what it gives.

    `again`: where as many stand that are added to the first: rows of two parts, of which one is 0.
    """

    first: int
    inner: "Layers"
    again: int | None = None


Layer = (
    Scaled
    | Linear
    | Activation
    | Dropout
    | Convolution
    | MaxPool
    | MeanPool
    | MeanTokens
    | Flatten
    | Patches
    | Steps
    | Positions
    | Normalisation
    | Attention
    | Sum
    | Beside
)
Layers = tuple[Layer, ...]


def walk(layers: Layers, shape: Shape, path: str = "") -> Iterator[tuple[str, Layer, Shape]]:
    """Each layer with the prefix of its weights and the shape it takes."""
    for place, layer in enumerate(layers):
        yield f"{path}{place}.", layer, shape
        shape = shape_after(layer, shape)


def shape_through(layers: Layers, shape: Shape) -> Shape:
    """The shape of what layers give for rows of a shape.

    Raises:
        InvalidInput: they do not fit it.
    """
    for layer in layers:
        shape = shape_after(layer, shape)
    return shape


def shape_after(layer: Layer, shape: Shape) -> Shape:
    """The shape of what one layer gives.

    Raises:
        InvalidInput: it does not fit.
    """
    match layer:
        case Linear():
            return (*shape[:-1], layer.units)
        case Convolution() | MaxPool():
            return _image_after(layer, shape)
        case Patches() | Steps():
            return _tokens_after(layer, shape)
        case Sum() | Beside():
            return _within_after(layer, shape)
        case _:
            return _fewer_after(layer, shape)


def _fewer_after(layer: Layer, shape: Shape) -> Shape:
    """Of layers that keep the shape, or let a dimension go."""
    match layer:
        case MeanPool():
            return shape[:1]
        case MeanTokens():
            return shape[1:]
        case Flatten():
            return (prod(shape),)
        case _:
            return shape


def _within_after(layer: Sum | Beside, shape: Shape) -> Shape:
    if isinstance(layer, Sum):
        return shape_through(layer.inner, shape)
    inner = shape_through(layer.inner, (layer.first,))
    return (inner[0] + shape[0] - layer.first,)


def _image_after(layer: Convolution | MaxPool, shape: Shape) -> Shape:
    channels, *sides = shape
    if isinstance(layer, MaxPool):
        left = tuple(side // layer.size for side in sides)
    else:
        channels = layer.channels
        left = tuple((side + 2 * layer.padding - layer.size) // layer.stride + 1 for side in sides)
    if min(left) < 1:
        raise InvalidInput(
            f"images of {sides[0]}x{sides[1]} pixels are too small for so many stages: "
            "take fewer, or larger images"
        )
    return (channels, *left)


def _tokens_after(layer: Patches | Steps, shape: Shape) -> Shape:
    sides, size = (shape[1:], layer.size) if isinstance(layer, Patches) else (shape, layer.length)
    if any(side % size for side in sides):
        raise InvalidInput(
            f"a patch of {size} does not divide {'x'.join(str(side) for side in sides)}: "
            "take one that does"
        )
    tokens = prod(side // size for side in sides)
    return (tokens, prod(shape) // tokens)

"""Structures to choose from, checked and laid out as layers."""

from dataclasses import dataclass
from math import prod, sqrt

from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.layers import (
    ACTIVATIONS,
    Activation,
    Attention,
    Beside,
    Convolution,
    Dropout,
    Flatten,
    Layer,
    Layers,
    Linear,
    MaxPool,
    MeanPool,
    MeanTokens,
    Normalisation,
    Patches,
    Positions,
    Shape,
    Steps,
    Sum,
    shape_through,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Hidden layers one after the other; none: linear regression, or logistic.

    Attributes:
        layers: units of each.
        activation: one of `layers.ACTIVATIONS`.
        dropout: share left out after each, 0 to 1.
        has_shortcut: whether a linear model is added, so that layers learn what differs from it.
    """

    layers: tuple[int, ...] = (128, 64)
    activation: str = "relu"
    dropout: float = 0.0
    has_shortcut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutional:
    """Stages of convolutions, each halving the image, then dense layers.

    Attributes:
        channels: of each stage.
        depth: convolutions a stage.
        layers: units of the dense layers.
        activation: one of `layers.ACTIVATIONS`.
        dropout: share left out after each stage and dense layer.
    """

    channels: tuple[int, ...] = (32, 64)
    depth: int = 2
    layers: tuple[int, ...] = (128,)
    activation: str = "relu"
    dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """A small residual network (He et al., 2015): every stage but the first halves the image.

    Attributes:
        channels: of each stage.
        depth: blocks of two convolutions a stage.
        activation: one of `layers.ACTIVATIONS`.
        dropout: share left out before the last layer.
    """

    channels: tuple[int, ...] = (16, 32, 64)
    depth: int = 1
    activation: str = "relu"
    dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer:
    """A transformer encoder over patches of an image, or of the first steps of flat features.

    Normalised before each block (Xiong et al., 2020); patches as Dosovitskiy et al. (2020) for
    images and Nie et al. (2022) for series.

    Attributes:
        patch: pixels a side, or steps.
        window: how many of a row's first features are a series; None: the rows are images.
        again: where the series stands else, as rows of two parts have it; None: nowhere.
        width: numbers a token.
        heads: of attention; they divide the width.
        depth: blocks.
        activation: one of `layers.ACTIVATIONS`.
        dropout: share left out of what each block adds.
        has_shortcut: whether a linear model is added (of a series).
    """

    patch: int
    window: int | None = None
    again: int | None = None
    width: int = 64
    heads: int = 4
    depth: int = 2
    activation: str = "gelu"
    dropout: float = 0.0
    has_shortcut: bool = False


Architecture = Dense | Convolutional | Residual | Transformer


def laid_out(architecture: Architecture, shape: Shape, outputs: int) -> Layers:
    """The layers that turn rows of a shape into so many outputs.

    Raises:
        InvalidInput: an option is not usable, or the shape does not fit; one sentence says why.
    """
    _check(architecture)
    match architecture:
        case Dense():
            made = _dense(architecture, shape, outputs)
        case Convolutional():
            made = _convolutional(architecture, _image(shape), outputs)
        case Residual():
            made = _residual(architecture, _image(shape), outputs)
        case Transformer(window=None):
            made = _image_transformer(architecture, _image(shape), outputs)
        case Transformer():
            made = _series_transformer(architecture, shape, outputs)
    shape_through(made, shape)
    return made


def _check(architecture: Architecture) -> None:
    if architecture.activation not in ACTIVATIONS:
        raise InvalidInput(
            f"activation {architecture.activation!r} is unknown: take {', '.join(ACTIVATIONS)}"
        )
    if not 0 <= architecture.dropout < 1:
        raise InvalidInput(
            f"dropout is {architecture.dropout:g}: it is a share, from 0 to less than 1"
        )
    for name in ("layers", "channels", "depth", "patch", "width", "heads"):
        given = getattr(architecture, name, ())
        for size in given if isinstance(given, tuple) else (given,):
            if size < 1:
                raise InvalidInput(f"{name} holds {size}: each is at least 1")
    if getattr(architecture, "channels", (1,)) == ():
        raise InvalidInput("channels is empty: name those of at least one stage")


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise InvalidInput(
            f"rows of shape {list(shape)} are no images (channels, height, width): "
            "take dense layers for them"
        )
    return shape


def _gain(activation: str) -> float:
    """Spread of the first weights that keeps that of a layer's output (He et al., 2015)."""
    return 1.0 if activation in ("tanh", "sigmoid") else sqrt(2.0)


def _hidden(layers: tuple[int, ...], activation: str, dropout: float) -> Layers:
    made: list[Layer] = []
    for units in layers:
        made += [Linear(units, _gain(activation)), Activation(activation)]
        if dropout:
            made.append(Dropout(dropout))
    return tuple(made)


def _dense(asked: Dense, shape: Shape, outputs: int) -> Layers:
    flat: Layers = (Flatten(),) if len(shape) > 1 else ()
    hidden = _hidden(asked.layers, asked.activation, asked.dropout)
    return (
        *flat,
        *_with_shortcut((*hidden, Linear(outputs)), outputs, is_asked=asked.has_shortcut),
    )


def _with_shortcut(layers: Layers, outputs: int, *, is_asked: bool) -> Layers:
    return (Sum(layers, (Linear(outputs),)),) if is_asked else layers


def _convolved(channels: int, activation: str, stride: int = 1) -> Layers:
    return (Convolution(channels, stride=stride), Activation(activation))


def _convolutional(asked: Convolutional, shape: Shape, outputs: int) -> Layers:
    made: list[Layer] = []
    for channels in asked.channels:
        made += _convolved(channels, asked.activation) * asked.depth
        made.append(MaxPool())
        if asked.dropout:
            made.append(Dropout(asked.dropout))
    left = shape_through(tuple(made), shape)
    made.append(Flatten() if prod(left) <= 64 * left[0] else MeanPool())
    return (*made, *_hidden(asked.layers, asked.activation, asked.dropout), Linear(outputs))


def _residual(asked: Residual, shape: Shape, outputs: int) -> Layers:
    made: list[Layer] = [*_convolved(asked.channels[0], asked.activation)]
    now = asked.channels[0]
    for stage, channels in enumerate(asked.channels):
        for block in range(asked.depth):
            stride = 2 if stage and not block else 1
            inner = (*_convolved(channels, asked.activation, stride), Convolution(channels))
            turned = stride > 1 or channels != now
            bridge = Convolution(channels, size=1, stride=stride, padding=0)
            made += [Sum(inner, (bridge,) if turned else ()), Activation(asked.activation)]
            now = channels
    shape_through(tuple(made), shape)
    dropped: Layers = (Dropout(asked.dropout),) if asked.dropout else ()
    return (*made, MeanPool(), *dropped, Linear(outputs))


def _blocks(asked: Transformer) -> Layers:
    """Each token as so many numbers, its place, and the encoder's blocks."""
    if asked.width % asked.heads:
        raise InvalidInput(
            f"a width of {asked.width} does not part into {asked.heads} heads: take a multiple"
        )
    dropped: Layers = (Dropout(asked.dropout),) if asked.dropout else ()
    looks = (Normalisation(), Attention(asked.heads), *dropped)
    wide = Linear(2 * asked.width, _gain(asked.activation))
    thinks = (
        Normalisation(),
        wide,
        Activation(asked.activation),
        Linear(asked.width),
        *dropped,
    )
    block = (Sum(looks), Sum(thinks))
    return (Linear(asked.width), Positions(), *block * asked.depth, Normalisation())


def _image_transformer(asked: Transformer, shape: Shape, outputs: int) -> Layers:
    layers = (Patches(asked.patch), *_blocks(asked), MeanTokens(), Linear(outputs))
    shape_through(layers, shape)
    return layers


def _series_transformer(asked: Transformer, shape: Shape, outputs: int) -> Layers:
    window = asked.window or 0
    if len(shape) != 1 or not 0 < window <= shape[0]:
        raise InvalidInput(
            f"a window of {window} steps does not fit rows of {shape[0]} features: take less"
        )
    inner = (Steps(asked.patch), *_blocks(asked), Flatten())
    layers = (Beside(window, inner, asked.again), Linear(outputs))
    return _with_shortcut(layers, outputs, is_asked=asked.has_shortcut)

"""How much work a network is, counted: multiplications of one row."""

from math import prod

from lichen.frameworks.networks.layers import (
    Attention,
    Beside,
    Convolution,
    Layer,
    Layers,
    Linear,
    Shape,
    Sum,
    shape_after,
    walk,
)


def multiplications(layers: Layers, shape: Shape) -> int:
    """Of one row of a shape through all layers; those of single elements are not counted."""
    return sum(_of(layer, taken) for _, layer, taken in walk(layers, shape))


def _of(layer: Layer, shape: Shape) -> int:
    made = 0
    match layer:
        case Linear():
            made = prod(shape) * layer.units
        case Convolution():
            made = prod(shape_after(layer, shape)) * shape[0] * layer.size**2
        case Attention():
            tokens, width = shape
            made = 4 * tokens * width**2 + 2 * tokens**2 * width
        case Sum():
            made = multiplications(layer.inner, shape) + multiplications(layer.shortcut, shape)
        case Beside():
            made = multiplications(layer.inner, (layer.first,))
        case _:
            pass
    return made

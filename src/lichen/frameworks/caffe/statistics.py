"""Layers that normalise by means and variances, and those that answer with one of many."""

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.graph import Graph, axis_of, blob_of
from lichen.frameworks.caffe.network import Layer, Shape

_ONE_OF = {"SUM": "ReduceSum", "1": "ReduceSum", "ASUM": "ReduceL1", "2": "ReduceL1"} | {
    "SUMSQ": "ReduceSumSquare", "3": "ReduceSumSquare", "MEAN": "ReduceMean", "4": "ReduceMean",
}  # fmt: skip


def batch_norm(graph: Graph, layer: Layer) -> None:
    """`BatchNorm`, by the means and variances of training, which it keeps times a third blob."""
    settings = layer.settings.message("batch_norm_param")
    settings.check({"use_global_stats", "moving_average_fraction", "eps"})
    if not settings.truth("use_global_stats", default=True):
        raise InvalidInput("it normalises by the batch at hand: set use_global_stats: true")
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    if len(shape) < 2:
        raise InvalidInput(f"it needs channels, and gets a blob of shape {list(shape)}")
    channels = (shape[1],)
    kept = float(blob_of(layer, 2, (1,))[0])
    share = 1 / kept if kept else 0.0
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    mean, variance = (blob_of(layer, at, channels) * np.float32(share) for at in (0, 1))
    inputs = [value, *(graph.constant(one) for one in (ones, zeros, mean, variance))]
    epsilon = settings.number("eps", 1e-5)
    graph.give(layer, graph.node("BatchNormalization", inputs, shape, epsilon=epsilon))


def mean_variance(graph: Graph, layer: Layer) -> None:
    """`MVN`: each image, or each of its channels, to mean 0 and, if asked, variance 1."""
    settings = layer.settings.message("mvn_param")
    settings.check({"normalize_variance", "across_channels", "eps"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    first = 1 if settings.truth("across_channels", default=False) else 2
    axes = list(range(first, len(shape)))
    if not axes:
        raise InvalidInput(f"it needs images, and gets a blob of shape {list(shape)}")
    mean = _reduced(graph, "ReduceMean", value, axes)
    centred = graph.node("Sub", [value, mean], shape)
    if not settings.truth("normalize_variance", default=True):
        graph.give(layer, centred)
        return
    squares = graph.node("Mul", [centred, centred], shape)
    variance = _reduced(graph, "ReduceMean", squares, axes)
    deviation = graph.node("Sqrt", [variance], graph.shape(variance))
    epsilon = graph.number(settings.number("eps", 1e-9))
    divisor = graph.node("Add", [deviation, epsilon], graph.shape(deviation))
    graph.give(layer, graph.node("Div", [centred, divisor], shape))


def normalize(graph: Graph, layer: Layer) -> None:
    """`Normalize` of SSD: to length 1, over all or at each place, times weights."""
    settings = layer.settings.message("norm_param")
    settings.check({"across_spatial", "scale_filler", "channel_shared", "eps"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    if len(shape) != 4:
        raise InvalidInput(f"it needs images, and gets a blob of shape {list(shape)}")
    axes = [1, 2, 3] if settings.truth("across_spatial", default=True) else [1]
    squares = _reduced(graph, "ReduceSumSquare", value, axes)
    placed = graph.shape(squares)
    moved = graph.node("Add", [squares, graph.number(settings.number("eps", 1e-10))], placed)
    length = graph.node("Sqrt", [moved], placed)
    unit = graph.node("Div", [value, length], shape)
    count = 1 if settings.truth("channel_shared", default=True) else shape[1]
    weights = graph.constant(blob_of(layer, 0, (count, 1, 1)))
    graph.give(layer, graph.node("Mul", [unit, weights], shape))


def softmax(graph: Graph, layer: Layer) -> None:
    """`Softmax` along an axis."""
    settings = layer.settings.message("softmax_param")
    settings.check({"axis", "engine"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    axis = axis_of(settings.integer("axis", 1), shape)
    graph.give(layer, graph.node("Softmax", [value], shape, axis=axis))


def reduction(graph: Graph, layer: Layer) -> None:
    """`Reduction`: one number of everything from an axis on."""
    settings = layer.settings.message("reduction_param")
    settings.check({"operation", "axis", "coeff"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    axis = axis_of(settings.integer("axis", 0), shape)
    operation = settings.text("operation", "SUM")
    if operation not in _ONE_OF:
        raise InvalidInput(f"its operation is {operation}")
    made = _reduced(graph, _ONE_OF[operation], value, list(range(axis, len(shape))), keep=False)
    factor = graph.number(settings.number("coeff", 1.0))
    graph.give(layer, graph.node("Mul", [made, factor], graph.shape(made)))


def arg_max(graph: Graph, layer: Layer) -> None:
    """`ArgMax`: where the largest are, as numbers, and, if asked, what they are.

    Of equal ones Caffe takes the last first, and so it is done here.
    """
    settings = layer.settings.message("argmax_param")
    settings.check({"out_max_val", "top_k", "axis"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    top, has_values = settings.integer("top_k", 1), settings.truth("out_max_val", default=False)
    has_axis = bool(settings.texts("axis"))
    if has_axis:
        axis = axis_of(settings.integer("axis", 0), shape)
    else:
        width = int(np.prod(shape[1:]))
        value, axis = graph.reshaped(value, (shape[0], width)), 1
    flat = graph.shape(value)
    if not 1 <= top <= flat[axis]:
        raise InvalidInput(f"it wants {top} of {flat[axis]}")
    places, numbers = _largest(graph, value, axis, top)
    if has_axis:
        graph.give(layer, numbers if has_values else places)
        return
    ones = (1,) * max(0, len(shape) - 3)
    if not has_values:
        graph.give(layer, graph.reshaped(places, (shape[0], 1, top, *ones)))
        return
    both = graph.node("Concat", [places, numbers], (shape[0], 2 * top), axis=1)
    graph.give(layer, graph.reshaped(both, (shape[0], 2, top, *ones)))


def _largest(graph: Graph, value: str, axis: int, top: int) -> tuple[str, str]:
    """Places and values of the largest, found from the end on: TopK prefers the first of equals."""
    shape = graph.shape(value)
    found: Shape = (*shape[:axis], top, *shape[axis + 1 :])
    last = shape[axis] - 1
    backwards = graph.integers(range(last, -1, -1))
    turned = graph.node("Gather", [value, backwards], shape, axis=axis)
    numbers, counted = graph.pair("TopK", [turned, graph.integers([top])], found, axis=axis)
    as_float = graph.node("Cast", [counted], found, to=1)
    return graph.node("Sub", [graph.number(last), as_float], found), numbers


def _reduced(graph: Graph, operator: str, value: str, axes: list[int], *, keep: bool = True) -> str:
    shape = graph.shape(value)
    if keep:
        made = tuple(1 if at in axes else length for at, length in enumerate(shape))
    else:
        made = tuple(length for at, length in enumerate(shape) if at not in axes)
    inputs = [value, graph.integers(axes)]
    return graph.node(operator, inputs, made, keepdims=int(keep))

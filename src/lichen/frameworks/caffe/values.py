"""Layers that look at each value alone, or at those of one place: activations and arithmetic."""

from math import log

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.graph import Graph, axis_of, blob_of
from lichen.frameworks.caffe.network import Layer

_PLAIN = {
    "Sigmoid": "Sigmoid", "TanH": "Tanh", "AbsVal": "Abs", "BNLL": "Softplus",
    "Dropout": "Identity",
}  # fmt: skip


def plain(graph: Graph, layer: Layer) -> None:
    """A layer that is one operator of ONNX; `Dropout` is none, once trained."""
    (value,) = graph.taken(layer)
    graph.give(layer, graph.node(_PLAIN[layer.kind], [value], graph.shape(value)))


def relu(graph: Graph, layer: Layer) -> None:
    """`ReLU`, with or without a slope below zero."""
    settings = layer.settings.message("relu_param")
    settings.check({"negative_slope", "engine"})
    (value,) = graph.taken(layer)
    slope = settings.number("negative_slope", 0.0)
    operator, told = ("LeakyRelu", {"alpha": slope}) if slope else ("Relu", {})
    graph.give(layer, graph.node(operator, [value], graph.shape(value), **told))


def prelu(graph: Graph, layer: Layer) -> None:
    """`PReLU`: a slope below zero for each channel, or one for all."""
    settings = layer.settings.message("prelu_param")
    settings.check({"filler", "channel_shared"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    if len(shape) < 2:
        raise InvalidInput(f"it needs channels, and gets a blob of shape {list(shape)}")
    count = 1 if settings.truth("channel_shared", default=False) else shape[1]
    slopes = blob_of(layer, 0, (count, *(1,) * (len(shape) - 2)))
    graph.give(layer, graph.node("PRelu", [value, graph.constant(slopes)], shape))


def elu(graph: Graph, layer: Layer) -> None:
    """`ELU`."""
    settings = layer.settings.message("elu_param")
    settings.check({"alpha"})
    (value,) = graph.taken(layer)
    alpha = settings.number("alpha", 1.0)
    graph.give(layer, graph.node("Elu", [value], graph.shape(value), alpha=alpha))


def swish(graph: Graph, layer: Layer) -> None:
    """`Swish`: x times the sigmoid of beta x."""
    settings = layer.settings.message("swish_param")
    settings.check({"beta"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    scaled = _moved(graph, value, settings.number("beta", 1.0), 0.0)
    gate = graph.node("Sigmoid", [scaled], shape)
    graph.give(layer, graph.node("Mul", [value, gate], shape))


def clip(graph: Graph, layer: Layer) -> None:
    """`Clip`, and `ReLU6`, which clips to 0 and 6."""
    (value,) = graph.taken(layer)
    low, high = 0.0, 6.0
    if layer.kind == "Clip":
        settings = layer.settings.message("clip_param")
        settings.check({"min", "max"})
        low, high = settings.number("min", -np.inf), settings.number("max", np.inf)
    bounds = [graph.number(low), graph.number(high)]
    graph.give(layer, graph.node("Clip", [value, *bounds], graph.shape(value)))


def threshold(graph: Graph, layer: Layer) -> None:
    """`Threshold`: 1 above it, else 0."""
    settings = layer.settings.message("threshold_param")
    settings.check({"threshold"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    border = graph.number(settings.number("threshold", 0.0))
    above = graph.node("Greater", [value, border], shape)
    graph.give(layer, graph.node("Cast", [above], shape, to=1))


def power(graph: Graph, layer: Layer) -> None:
    """`Power`: (shift + scale x) ^ power."""
    settings = layer.settings.message("power_param")
    settings.check({"power", "scale", "shift"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    moved = _moved(graph, value, settings.number("scale", 1.0), settings.number("shift", 0.0))
    exponent = settings.number("power", 1.0)
    if exponent != 1:
        moved = graph.node("Pow", [moved, graph.number(exponent)], shape)
    graph.give(layer, _own(graph, value, moved))


def exponential(graph: Graph, layer: Layer) -> None:
    """`Exp`: base ^ (shift + scale x); a base of -1 means e."""
    settings = layer.settings.message("exp_param")
    settings.check({"base", "scale", "shift"})
    (value,) = graph.taken(layer)
    rate = _log_of_base(settings.number("base", -1.0))
    scale, shift = settings.number("scale", 1.0), settings.number("shift", 0.0)
    moved = _moved(graph, value, scale * rate, shift * rate)
    graph.give(layer, graph.node("Exp", [moved], graph.shape(value)))


def logarithm(graph: Graph, layer: Layer) -> None:
    """`Log`: the logarithm of shift + scale x to a base; -1 means e."""
    settings = layer.settings.message("log_param")
    settings.check({"base", "scale", "shift"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    moved = _moved(graph, value, settings.number("scale", 1.0), settings.number("shift", 0.0))
    logs = graph.node("Log", [moved], shape)
    graph.give(layer, _moved(graph, logs, 1 / _log_of_base(settings.number("base", -1.0)), 0.0))


def elementwise(graph: Graph, layer: Layer) -> None:
    """`Eltwise`: the product, the largest, or a weighted sum of blobs of one shape."""
    settings = layer.settings.message("eltwise_param")
    settings.check({"operation", "coeff", "stable_prod_grad"})
    values = graph.taken(layer, None)
    shape = graph.shape(values[0])
    if any(graph.shape(one) != shape for one in values) or len(values) < 2:
        raise InvalidInput("it takes two or more blobs of one shape, and does not get them")
    operation = settings.text("operation", "SUM")
    coefficients = settings.numbers("coeff")
    if coefficients and (len(coefficients) != len(values) or operation not in ("SUM", "1")):
        raise InvalidInput("its coeff are not one for each blob of a sum")
    if coefficients:
        values = [_moved(graph, one, by, 0.0) for one, by in zip(values, coefficients, strict=True)]
    operators = {"PROD": "Mul", "0": "Mul", "SUM": "Add", "1": "Add", "MAX": "Max", "2": "Max"}
    if operation not in operators:
        raise InvalidInput(f"its operation is {operation}")
    whole = values[0]
    for one in values[1:]:
        whole = graph.node(operators[operation], [whole, one], shape)
    graph.give(layer, whole)


def scale(graph: Graph, layer: Layer) -> None:
    """`Scale` and `Bias`: times weights or another blob, and plus, along some axes."""
    is_scale = layer.kind == "Scale"
    settings = layer.settings.message("scale_param" if is_scale else "bias_param")
    settings.check({"axis", "num_axes", "filler", "bias_term", "bias_filler"})
    values = graph.taken(layer, len(layer.bottoms) if len(layer.bottoms) in (1, 2) else 1)
    shape = graph.shape(values[0])
    if len(values) == 2:
        axis = axis_of(settings.integer("axis", 1), shape, may_be_rows=True)
        along = graph.shape(values[1])
    else:
        axis = axis_of(settings.integer("axis", 1), shape)
        count = settings.integer("num_axes", 1)
        along = shape[axis:] if count == -1 else shape[axis : axis + count]
    if along != shape[axis : axis + len(along)]:
        raise InvalidInput(f"a blob of shape {list(along)} does not fit {list(shape)} at {axis}")
    placed = (*(1,) * axis, *along, *(1,) * (len(shape) - axis - len(along)))
    if len(values) == 2:
        factor = graph.reshaped(values[1], placed)
    else:
        factor = graph.constant(blob_of(layer, 0, placed))
    made = graph.node("Mul" if is_scale else "Add", [values[0], factor], shape)
    if is_scale and settings.truth("bias_term", default=False):
        added = graph.constant(blob_of(layer, len(layer.blobs) - 1, placed))
        made = graph.node("Add", [made, added], shape)
    graph.give(layer, made)


def _log_of_base(base: float) -> float:
    if base == -1:
        return 1.0
    if base <= 0 or base == 1:
        raise InvalidInput(f"its base is {base}")
    return log(base)


def _moved(graph: Graph, value: str, by: float, shift: float) -> str:
    """By times x, plus shift."""
    shape = graph.shape(value)
    if by != 1:
        value = graph.node("Mul", [value, graph.number(by)], shape)
    if shift:
        value = graph.node("Add", [value, graph.number(shift)], shape)
    return value


def _own(graph: Graph, before: str, value: str) -> str:
    """A value of the layer's own, where nothing was done to the one that it took."""
    return graph.node("Identity", [value], graph.shape(value)) if value == before else value

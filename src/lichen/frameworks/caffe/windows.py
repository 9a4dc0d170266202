"""Layers that slide a window over images: convolution, deconvolution, pooling, and LRN."""

from math import prod

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.caffe.graph import Graph, blob_of, size
from lichen.frameworks.caffe.network import Layer, Shape
from lichen.frameworks.caffe.text import Message

_KERNEL = {
    "num_output", "bias_term", "pad", "pad_h", "pad_w", "kernel_size", "kernel_h", "kernel_w",
    "dilation", "stride", "stride_h", "stride_w", "group", "weight_filler", "bias_filler",
    "engine", "axis", "force_nd_im2col",
}  # fmt: skip
_POOL = {
    "pool", "pad", "pad_h", "pad_w", "kernel_size", "kernel_h", "kernel_w", "stride", "stride_h",
    "stride_w", "engine", "global_pooling", "round_mode", "ceil_mode",
}  # fmt: skip
_LRN = {"local_size", "alpha", "beta", "norm_region", "k", "engine"}


def convolution(graph: Graph, layer: Layer) -> None:
    """`Convolution`, and `Deconvolution`, which runs it backwards."""
    settings = layer.settings.message("convolution_param")
    settings.check(_KERNEL)
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    spatial = len(shape) - 2
    if spatial < 1 or settings.integer("axis", 1) not in (1, 1 - len(shape)):
        raise InvalidInput(f"it slides over a blob of shape {list(shape)}, as cannot be done here")
    kernel = _sizes(settings, "kernel", spatial, None, "kernel_size")
    pad = _sizes(settings, "pad", spatial, 0)
    strides = _sizes(settings, "stride", spatial, 1)
    dilations = _sizes(settings, "dilation", spatial, 1)
    made, groups = settings.integer("num_output", 0), settings.integer("group", 1)
    if groups < 1 or made < 1 or shape[1] % groups or made % groups:
        raise InvalidInput(f"it makes {made} channels of {shape[1]} in {groups} groups")
    is_backwards = layer.kind == "Deconvolution"
    sides = (shape[1], made // groups) if is_backwards else (made, shape[1] // groups)
    lengths = [
        _length(*one, is_backwards=is_backwards)
        for one in zip(shape[2:], kernel, strides, pad, dilations, strict=True)
    ]
    weights = blob_of(layer, 0, (*sides, *kernel))
    inputs = [value, graph.constant(weights)]
    if settings.truth("bias_term", default=True):
        inputs.append(graph.constant(blob_of(layer, 1, (made,))))
    graph.multiply_adds += weights.size * prod(shape[2:] if is_backwards else lengths)
    told = {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "group": groups}
    operator = "ConvTranspose" if is_backwards else "Conv"
    out = (shape[0], made, *lengths)
    graph.give(layer, graph.node(operator, inputs, out, pads=[*pad, *pad], **told))


def _length(
    length: int, kernel: int, stride: int, pad: int, dilation: int, *, is_backwards: bool
) -> int:
    """How long one side of what a convolution makes is."""
    reach = dilation * (kernel - 1) + 1
    if is_backwards:
        return stride * (length - 1) + reach - 2 * pad
    return (length + 2 * pad - reach) // stride + 1


def pooling(graph: Graph, layer: Layer) -> None:
    """`Pooling`: the largest or the mean, with Caffe's own rounding at the right and lower edge."""
    settings = layer.settings.message("pooling_param")
    settings.check(_POOL)
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    method = settings.text("pool", "MAX")
    if method not in ("MAX", "AVE", "0", "1") or len(shape) != 4:
        raise InvalidInput(f"it pools by {method} a blob of shape {list(shape)}")
    if settings.truth("global_pooling", default=False):
        kernel = list(shape[2:])
    else:
        kernel = _sizes(settings, "kernel", 2, None, "kernel_size")
    stride, pad = _sizes(settings, "stride", 2, 1), _sizes(settings, "pad", 2, 0)
    rounds_up = settings.text("round_mode", "CEIL") in ("CEIL", "0")
    rounds_up = rounds_up and settings.truth("ceil_mode", default=True)
    sides = [
        _Side(*one, rounds_up=rounds_up) for one in zip(shape[2:], kernel, stride, pad, strict=True)
    ]
    graph.give(layer, _pooled(graph, value, sides, is_mean=method in ("AVE", "1")))


class _Side:
    """One direction of a pooling: how many windows, and where the last one ends."""

    def __init__(self, length: int, kernel: int, stride: int, pad: int, *, rounds_up: bool) -> None:
        self.kernel, self.stride, self.pad = kernel, stride, pad
        room = length + 2 * pad - kernel
        if room < 0 or pad >= kernel:
            raise InvalidInput(f"its window of {kernel} with pad {pad} does not fit {length}")
        self.windows = (-(-room // stride) if rounds_up else room // stride) + 1
        if pad and (self.windows - 1) * stride >= length + pad:
            self.windows -= 1
        if (self.windows - 1) * stride >= length + pad:
            raise InvalidInput(f"its last window of {kernel} lies outside the {length} given")
        self.after = max(0, (self.windows - 1) * stride + kernel - length - pad)
        starts = np.arange(self.windows) * stride - pad
        self.counted: NDArray[np.int64] = np.minimum(starts + kernel, length + pad) - starts
        """Of each window, how much Caffe divides by: within the image and its padding."""


def _pooled(graph: Graph, value: str, sides: list[_Side], *, is_mean: bool) -> str:
    shape = graph.shape(value)
    out = (*shape[:2], *(side.windows for side in sides))
    attributes: dict[str, object] = {
        "kernel_shape": [side.kernel for side in sides],
        "strides": [side.stride for side in sides],
        "pads": [*(side.pad for side in sides), *(side.after for side in sides)],
    }
    if not is_mean:
        return graph.node("MaxPool", [value], out, **attributes)
    mean = graph.node("AveragePool", [value], out, count_include_pad=1, **attributes)
    counted = np.outer(sides[0].counted, sides[1].counted)
    whole = sides[0].kernel * sides[1].kernel
    if (counted == whole).all():
        return mean
    factors = (whole / counted).astype(np.float32)[None, None]
    return graph.node("Mul", [mean, graph.constant(factors)], out)


def normalisation(graph: Graph, layer: Layer) -> None:
    """`LRN`: local response normalisation, over channels or over neighbours within one."""
    settings = layer.settings.message("lrn_param")
    settings.check(_LRN)
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    reach = settings.integer("local_size", 5)
    alpha, beta = settings.number("alpha", 1.0), settings.number("beta", 0.75)
    if reach < 1 or reach % 2 == 0 or len(shape) != 4:
        raise InvalidInput(f"its local_size is {reach} for a blob of shape {list(shape)}")
    if settings.text("norm_region", "ACROSS_CHANNELS") in ("ACROSS_CHANNELS", "0"):
        told = {"alpha": alpha, "beta": beta, "bias": settings.number("k", 1.0)}
        graph.give(layer, graph.node("LRN", [value], shape, size=reach, **told))
        return
    squares = graph.node("Mul", [value, value], shape)
    sides = [_Side(length, reach, 1, reach // 2, rounds_up=True) for length in shape[2:]]
    mean = _pooled(graph, squares, sides, is_mean=True)
    scaled = graph.node("Mul", [mean, graph.number(alpha)], shape)
    moved = graph.node("Add", [scaled, graph.number(1.0)], shape)
    divisor = graph.node("Pow", [moved, graph.number(beta)], shape)
    graph.give(layer, graph.node("Div", [value, divisor], shape))


def inner_product(graph: Graph, layer: Layer) -> None:
    """`InnerProduct`: everything from an axis on, times weights."""
    settings = layer.settings.message("inner_product_param")
    settings.check({"num_output", "bias_term", "weight_filler", "bias_filler", "axis", "transpose"})
    (value,) = graph.taken(layer)
    shape = graph.shape(value)
    made, axis = settings.integer("num_output", 0), settings.integer("axis", 1)
    axis += len(shape) if axis < 0 else 0
    if not 1 <= axis < len(shape) or made < 1:
        raise InvalidInput(f"it makes {made} of a blob of shape {list(shape)} from axis {axis} on")
    before: Shape = shape[:axis]
    width = prod(shape[axis:])
    if settings.truth("transpose", default=False):
        weights = blob_of(layer, 0, (width, made))
    else:
        weights = blob_of(layer, 0, (made, width)).T
    flat = graph.reshaped(value, (*before, width))
    inputs = [flat, graph.constant(weights)]
    graph.multiply_adds += weights.size * size(before)
    if not settings.truth("bias_term", default=True):
        graph.give(layer, graph.node("MatMul", inputs, (*before, made)))
        return
    bias = graph.constant(blob_of(layer, 1, (made,)))
    if axis == 1:
        graph.give(layer, graph.node("Gemm", [*inputs, bias], (*before, made)))
        return
    product = graph.node("MatMul", inputs, (*before, made))
    graph.give(layer, graph.node("Add", [product, bias], (*before, made)))


def _sizes(
    settings: Message, name: str, spatial: int, default: int | None, repeated: str | None = None
) -> list[int]:
    """One length for each direction, from `NAME`, repeated or not, or `NAME_h` and `NAME_w`."""
    sides = settings.texts(f"{name}_h") or settings.texts(f"{name}_w")
    if sides:
        if spatial != 2:
            raise InvalidInput(f"it has {name}_h and {name}_w, and not two directions")
        found = [settings.integer(f"{name}_{side}", default or 0) for side in "hw"]
    else:
        found = list(settings.integers(repeated or name))
        if not found and default is None:
            raise InvalidInput(f"its {name}_size is not given")
        found = found or [default or 0]
        found = found * spatial if len(found) == 1 else found
    least = 0 if name == "pad" else 1
    if len(found) != spatial or any(not least <= one < 2**20 for one in found):
        raise InvalidInput(f"its {name} is {found}, for {spatial} directions")
    return found

"""Write layers and their weights as ONNX, `features` to `raw`; batch normalisations are folded.

By hand: `torch.onnx` needs further packages and seconds where this takes milliseconds, and it names
what it writes by its own release, so that bytes would change with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.networks.computation import EPSILON, SLOPE
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
    Shape,
    Steps,
    Sum,
    shape_through,
    walk,
)
from lichen.frameworks.networks.weights import Arrays
from lichen.frameworks.onnx_writer import INPUT, IR_VERSION, OPSET, OUTPUT

_PLAIN = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "elu": "Elu"}


def network_model(layers: Layers, weights: Arrays, shape: Shape) -> bytes:
    """An ONNX model: `features` float32 `(rows, *shape)` in, `raw` float32 `(rows, outputs)` out.

    Equal layers and weights give equal bytes.

    Raises:
        InvalidInput: a weight is not finite.
    """
    from onnx import TensorProto, checker, helper

    if not all(np.isfinite(values).all() for values in weights.values()):
        raise InvalidInput("the network's weights are not all finite: lower the learning rate")
    draft = _Draft(weights)
    last = draft.write(layers, INPUT, shape, "")
    draft.nodes.append(helper.make_node("Identity", [last], [OUTPUT]))
    outputs = shape_through(layers, shape)
    graph = helper.make_graph(
        draft.named_last(),
        "network",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", *shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", *outputs])],
        initializer=draft.kept(),
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="lichen",
        ir_version=IR_VERSION,
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


@dataclass(slots=True)
class _Draft:
    """A graph while it is written."""

    weights: Arrays
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def write(self, layers: Layers, rows: str, shape: Shape, path: str) -> str:
        """The nodes of some layers; the name of what they give."""
        for own, layer, taken in walk(layers, shape, path):
            rows = _WRITE[type(layer)](self, layer, rows, _Place(own, taken))
        return rows

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:  # noqa: ANN401 - ONNX's
        """One node; the name of what it gives."""
        from onnx import helper

        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A constant; its name."""
        self.constants[name] = np.array(values, order="C")
        return name

    def shape(self, *sides: int) -> str:
        """A shape as a constant: 0 keeps a side, -1 is what is left."""
        name = "shape_" + "_".join(str(side).replace("-", "m") for side in sides)
        return self.constant(name, np.array(sides, dtype=np.int64))

    def named_last(self) -> list[Any]:
        """The nodes, the last of them giving the model's output without a copy."""
        *nodes, identity = self.nodes
        if nodes and list(nodes[-1].output) == list(identity.input):
            nodes[-1].output[0] = OUTPUT
            return nodes
        return self.nodes

    def kept(self) -> list[Any]:
        """The constants as ONNX keeps them."""
        from onnx import numpy_helper

        return [numpy_helper.from_array(values, name) for name, values in self.constants.items()]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a layer stands: the prefix of its weights, and the shape it takes."""

    path: str
    shape: Shape

    def of(self, name: str) -> str:
        return f"{self.path}{name}"


def _scaled(draft: _Draft, _: Scaled, rows: str, place: _Place) -> str:
    form = (-1, *(1,) * (len(place.shape) - 1))
    for kind, name in (("Sub", "centre"), ("Mul", "factor")):
        own = place.of(name)
        rows = draft.node(kind, [rows, draft.constant(own, draft.weights[own].reshape(form))])
    return rows


def _linear(draft: _Draft, _: Linear, rows: str, place: _Place) -> str:
    return _summed(draft, rows, place, ("weight", "bias"))


def _summed(draft: _Draft, rows: str, place: _Place, names: tuple[str, str]) -> str:
    """Weighted sums: one Gemm of flat rows, else a product of each token."""
    weight, bias = (place.of(name) for name in names)
    turned = draft.constant(weight, draft.weights[weight].T)
    added = draft.constant(bias, draft.weights[bias])
    if len(place.shape) == 1:
        return draft.node("Gemm", [rows, turned, added])
    return draft.node("Add", [draft.node("MatMul", [rows, turned]), added])


def _activation(draft: _Draft, layer: Activation, rows: str, _: _Place) -> str:
    if layer.name == "gelu":
        return _gelu(draft, rows)
    if layer.name == "leaky-relu":
        return draft.node("LeakyRelu", [rows], alpha=SLOPE)
    return draft.node(_PLAIN[layer.name], [rows])


def _gelu(draft: _Draft, rows: str) -> str:
    """`x (1 + erf(x / sqrt 2)) / 2` (Hendrycks and Gimpel, 2016), in the form that is fused."""
    root, one, half = (
        draft.constant(name, np.array(value, dtype=np.float32))
        for name, value in (("root_2", sqrt(2.0)), ("one", 1.0), ("half", 0.5))
    )
    gate = draft.node("Add", [draft.node("Erf", [draft.node("Div", [rows, root])]), one])
    return draft.node("Mul", [draft.node("Mul", [rows, gate]), half])


def _passed(_draft: _Draft, _: Dropout, rows: str, _place: _Place) -> str:
    return rows


def _convolution(draft: _Draft, layer: Convolution, rows: str, place: _Place) -> str:
    weight, bias = _folded(draft.weights, layer, place.path)
    kept = [draft.constant(place.of("weight"), weight), draft.constant(place.of("bias"), bias)]
    return draft.node(
        "Conv",
        [rows, *kept],
        kernel_shape=[layer.size] * 2,
        strides=[layer.stride] * 2,
        pads=[layer.padding] * 4,
    )


def _folded(
    weights: Arrays, layer: Convolution, path: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights and biases of a convolution that does what its normalisation does after it."""
    weight = weights[f"{path}weight"]
    if not layer.is_normalised:
        return weight, weights[f"{path}bias"]
    scale, shift, mean, variance = (
        weights[f"{path}{name}"].astype(np.float64)
        for name in ("scale", "shift", "mean", "variance")
    )
    factor = scale / np.sqrt(variance + EPSILON)
    folded = (weight * factor[:, None, None, None]).astype(np.float32)
    return folded, (shift - mean * factor).astype(np.float32)


def _max_pool(draft: _Draft, layer: MaxPool, rows: str, _: _Place) -> str:
    sides = [layer.size] * 2
    return draft.node("MaxPool", [rows], kernel_shape=sides, strides=sides)


def _mean_pool(draft: _Draft, _: MeanPool, rows: str, _place: _Place) -> str:
    return draft.node("Flatten", [draft.node("GlobalAveragePool", [rows])])


def _mean_tokens(draft: _Draft, _: MeanTokens, rows: str, _place: _Place) -> str:
    axis = draft.constant("axis_1", np.array([1], dtype=np.int64))
    return draft.node("ReduceMean", [rows, axis], keepdims=0)


def _flatten(draft: _Draft, _: Flatten, rows: str, _place: _Place) -> str:
    return draft.node("Flatten", [rows])


def _patches(draft: _Draft, layer: Patches, rows: str, place: _Place) -> str:
    channels, height, width = place.shape
    size = layer.size
    down, across = height // size, width // size
    cut = draft.node("Reshape", [rows, draft.shape(-1, channels, down, size, across, size)])
    turned = draft.node("Transpose", [cut], perm=[0, 2, 4, 1, 3, 5])
    return draft.node("Reshape", [turned, draft.shape(-1, down * across, channels * size * size)])


def _steps(draft: _Draft, layer: Steps, rows: str, place: _Place) -> str:
    count = place.shape[0] // layer.length
    return draft.node("Reshape", [rows, draft.shape(-1, count, layer.length)])


def _positions(draft: _Draft, _: Positions, rows: str, place: _Place) -> str:
    own = place.of("place")
    return draft.node("Add", [rows, draft.constant(own, draft.weights[own])])


def _normalisation(draft: _Draft, _: Normalisation, rows: str, place: _Place) -> str:
    kept = [
        draft.constant(place.of(name), draft.weights[place.of(name)]) for name in ("scale", "shift")
    ]
    return draft.node("LayerNormalization", [rows, *kept], axis=-1, epsilon=EPSILON)


def _attention(draft: _Draft, layer: Attention, rows: str, place: _Place) -> str:
    tokens, width = place.shape
    each = width // layer.heads
    looked = _summed(draft, rows, place, ("weight_in", "bias_in"))
    parted = draft.node("Reshape", [looked, draft.shape(-1, tokens, 3, layer.heads, each)])
    parts = [
        draft.node(
            "Gather",
            [parted, draft.constant(f"part_{number}", np.array(number, dtype=np.int64))],
            axis=2,
        )
        for number in range(3)
    ]
    query = draft.node("Transpose", [parts[0]], perm=[0, 2, 1, 3])
    key = draft.node("Transpose", [parts[1]], perm=[0, 2, 3, 1])
    value = draft.node("Transpose", [parts[2]], perm=[0, 2, 1, 3])
    factor = draft.constant(f"factor_{each}", np.array(each**-0.5, dtype=np.float32))
    likeness = draft.node("Mul", [draft.node("MatMul", [query, key]), factor])
    mixed = draft.node("MatMul", [draft.node("Softmax", [likeness], axis=-1), value])
    turned = draft.node("Transpose", [mixed], perm=[0, 2, 1, 3])
    together = draft.node("Reshape", [turned, draft.shape(-1, tokens, width)])
    return _summed(draft, together, place, ("weight_out", "bias_out"))


def _sum(draft: _Draft, layer: Sum, rows: str, place: _Place) -> str:
    inner = draft.write(layer.inner, rows, place.shape, place.of("inner."))
    shortcut = draft.write(layer.shortcut, rows, place.shape, place.of("shortcut."))
    return draft.node("Add", [inner, shortcut])


def _beside(draft: _Draft, layer: Beside, rows: str, place: _Place) -> str:
    first, width = layer.first, place.shape[0]
    series = _slice(draft, rows, 0, first)
    if layer.again is not None:
        more = _slice(draft, rows, layer.again, layer.again + first)
        series = draft.node("Add", [series, more])
    inner = draft.write(layer.inner, series, (first,), place.of("inner."))
    if first == width:
        return inner
    return draft.node("Concat", [inner, _slice(draft, rows, first, width)], axis=1)


def _slice(draft: _Draft, rows: str, first: int, last: int) -> str:
    """Some of the features of flat rows."""
    start, end, axis = (
        draft.constant(f"border_{border}", np.array([border], dtype=np.int64))
        for border in (first, last, 1)
    )
    return draft.node("Slice", [rows, start, end, axis])


_WRITE: Mapping[type, Callable[[_Draft, Any, str, _Place], str]] = {
    Scaled: _scaled,
    Linear: _linear,
    Activation: _activation,
    Dropout: _passed,
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

"""Dense layers one after another as ONNX: linear models, logistic ones, perceptrons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import IR_VERSION, OPSET

INPUT, OUTPUT = "x", "prediction"

ACTIVATIONS: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "linear": (),
    "relu": (("Relu", {}),),
    "leaky-relu": (("LeakyRelu", {"alpha": 0.01}),),
    "elu": (("Elu", {"alpha": 1.0}),),
    "tanh": (("Tanh", {}),),
    "sigmoid": (("Sigmoid", {}),),
    "softplus": (("Softplus", {}),),
    "softmax": (("Softmax", {"axis": -1}),),
    "exp": (("Exp", {}),),
}
"""The operators that each activation is."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """`activation(x @ weights + bias)`; weights `(inputs, units)`, bias `(units,)`."""

    weights: Floats
    bias: Floats
    activation: str = "linear"


def dense_layer(weights: ArrayLike, bias: ArrayLike, activation: str = "linear") -> DenseLayer:
    """A layer of whatever numbers are given; weights of one unit may be `(inputs,)`.

    Raises:
        InvalidInput: shapes do not fit, a number is not finite, or there is no such activation.
    """
    matrix = np.asarray(weights, dtype=np.float32)
    if matrix.ndim == 1:
        matrix = matrix[:, np.newaxis]
    if matrix.ndim != 2 or not matrix.size:
        raise InvalidInput(
            f"weights of shape {matrix.shape} are no layer: give them as (inputs, units)"
        )
    offsets = np.broadcast_to(np.asarray(bias, dtype=np.float32).ravel(), (matrix.shape[1],))
    if not (np.isfinite(matrix).all() and np.isfinite(offsets).all()):
        raise InvalidInput(
            "a weight is NaN or infinite: the training diverged; take a smaller learning rate, or "
            "scale the columns"
        )
    if activation not in ACTIVATIONS:
        raise InvalidInput(
            f"there is no activation {activation!r} here: take one of {', '.join(ACTIVATIONS)}"
        )
    return DenseLayer(matrix, offsets, activation)


def dense_model(
    layers: Sequence[DenseLayer], centre: ArrayLike | None = None, scale: ArrayLike | None = None
) -> bytes:
    """`x` float32 `(rows, inputs)` in, `prediction` float32 `(rows, units)` out.

    Args:
        layers: at least one, each as wide as the one before has units.
        centre: subtracted from each row first.
        scale: each row is divided by it then.

    Returns:
        The ONNX model; equal layers give equal bytes.

    Raises:
        InvalidInput: the layers do not fit each other.
    """
    if not layers:
        raise InvalidInput("a network without layers answers nothing: give one or more")
    for number, (before, after) in enumerate(pairwise(layers), 2):
        if before.weights.shape[1] != after.weights.shape[0]:
            raise InvalidInput(
                f"layer {number} takes {after.weights.shape[0]} values and the one before gives "
                f"{before.weights.shape[1]}: give the layers in their order"
            )
    graph = _Graph()
    for operator, values in (("Sub", centre), ("Div", scale)):
        if values is not None:
            graph.add(operator, [graph.keep(np.asarray(values, dtype=np.float32).ravel())])
    for layer in layers:
        graph.add("Gemm", [graph.keep(layer.weights), graph.keep(layer.bias)])
        for operator, attributes in ACTIVATIONS[layer.activation]:
            graph.add(operator, [], **attributes)
    return graph.model(layers[0].weights.shape[0], layers[-1].weights.shape[1])


class _Graph:
    """A chain of operators, each of what the one before answers."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, list[str], dict[str, Any]]] = []
        self._kept: list[Floats] = []

    def keep(self, values: Floats) -> str:
        """The name of a constant."""
        self._kept.append(np.ascontiguousarray(values, dtype=np.float32))
        return f"w{len(self._kept)}"

    def add(self, operator: str, constants: list[str], **attributes: Any) -> None:  # noqa: ANN401 - as ONNX has them
        """One more step."""
        self._steps.append((operator, constants, attributes))

    def model(self, inputs: int, units: int) -> bytes:
        from onnx import TensorProto, checker, helper, numpy_helper

        nodes, at = [], INPUT
        steps = self._steps
        for number, (operator, constants, attributes) in enumerate(steps, 1):
            to = OUTPUT if number == len(steps) else f"h{number}"
            nodes.append(helper.make_node(operator, [at, *constants], [to], **attributes))
            at = to
        graph = helper.make_graph(
            nodes,
            "dense",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", inputs])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", units])],
            initializer=[
                numpy_helper.from_array(values, f"w{number}")
                for number, values in enumerate(self._kept, 1)
            ],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
        )
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

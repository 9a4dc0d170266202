"""A small transformer encoder on a window of hourly load, written as ONNX: for benchmarks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WINDOW, WIDTH, HEADS, LAYERS, FEED_FORWARD, HORIZON = 168, 64, 4, 2, 128, 24


@dataclass(slots=True)
class _Graph:
    """Nodes and weights in the order in which they were written."""

    random: np.random.Generator
    nodes: list[Any]
    weights: list[Any]

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, values: NDArray[Any]) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def linear(self, value: str, rows: int, columns: int) -> str:
        drawn = self.random.normal(size=(rows, columns)) / np.sqrt(rows)
        product = self.node("MatMul", [value, self.weight(drawn.astype(np.float32))])
        return self.node("Add", [product, self.weight(np.zeros(columns, dtype=np.float32))])

    def normalised(self, value: str) -> str:
        scale = self.weight(np.ones(WIDTH, dtype=np.float32))
        shift = self.weight(np.zeros(WIDTH, dtype=np.float32))
        return self.node("LayerNormalization", [value, scale, shift], axis=-1)

    def reshaped(self, value: str, *shape: int) -> str:
        return self.node("Reshape", [value, self.weight(np.array(shape, dtype=np.int64))])

    def attention(self, value: str) -> str:
        deep = WIDTH // HEADS
        parts = []
        for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
            heads = self.reshaped(self.linear(value, WIDTH, WIDTH), 0, WINDOW, HEADS, deep)
            parts.append(self.node("Transpose", [heads], perm=order))
        scores = self.node("MatMul", parts[:2])
        scaled = self.node("Mul", [scores, self.weight(np.array(deep**-0.5, dtype=np.float32))])
        mixed = self.node("MatMul", [self.node("Softmax", [scaled], axis=-1), parts[2]])
        together = self.node("Transpose", [mixed], perm=[0, 2, 1, 3])
        return self.linear(self.reshaped(together, 0, WINDOW, WIDTH), WIDTH, WIDTH)

    def block(self, value: str) -> str:
        attended = self.node("Add", [value, self.attention(self.normalised(value))])
        wide = self.node("Relu", [self.linear(self.normalised(attended), WIDTH, FEED_FORWARD)])
        return self.node("Add", [attended, self.linear(wide, FEED_FORWARD, WIDTH)])


def transformer(seed: int = 0) -> bytes:
    """`window` float32 `(rows, 168)` in, `forecast` `(rows, 24)` out; random weights."""
    graph = _Graph(np.random.default_rng(seed), [], [])
    value = graph.linear(graph.reshaped("window", 0, WINDOW, 1), 1, WIDTH)
    places = graph.random.normal(size=(WINDOW, WIDTH)).astype(np.float32)
    value = graph.node("Add", [value, graph.weight(places)])
    for _ in range(LAYERS):
        value = graph.block(value)
    pooled = graph.node("ReduceMean", [value, graph.weight(np.array([1]))], keepdims=0)
    graph.nodes.append(
        helper.make_node("Identity", [graph.linear(pooled, WIDTH, HORIZON)], ["forecast"])
    )
    made = helper.make_graph(
        graph.nodes,
        "transformer",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["rows", WINDOW])],
        [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, ["rows", HORIZON])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString(deterministic=True))

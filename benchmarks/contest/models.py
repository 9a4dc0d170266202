"""The three ONNX models that are served: boosted trees, a small MLP, a small transformer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

INPUT, OUTPUT = "x", "y"
Floats = NDArray[np.float32]

FEATURES, TREES, DEPTH = 20, 100, 5
LAYERS = (100, 128, 64, 1)
STEPS, HORIZON, WIDE, HEADS, BLOCKS = 168, 24, 64, 4, 2
_SEED = 20261122


@dataclass(frozen=True)
class Model:
    """A model to be served: rows of `features` numbers in, `answers` numbers a row out."""

    name: str
    features: int
    answers: int
    build: Callable[[], bytes]
    shown: str

    def file(self, folder: Path) -> Path:
        """The model as a file in `folder`, written if it is not there."""
        path = folder / f"{self.name}.onnx"
        if not path.exists():
            path.write_bytes(self.build())
        return path


def gbdt() -> bytes:
    """100 complete trees of depth 5 over 20 features, as boosting libraries export them."""
    random = np.random.default_rng(_SEED)
    inner = 2**DEPTH - 1
    nodes = 2 * inner + 1
    ids = np.arange(nodes)
    is_leaf = ids >= inner
    leaves = ids[is_leaf]
    told: dict[str, Any] = {
        "nodes_treeids": np.repeat(np.arange(TREES), nodes),
        "nodes_nodeids": np.tile(ids, TREES),
        "nodes_featureids": random.integers(0, FEATURES, TREES * nodes),
        "nodes_values": random.normal(size=TREES * nodes).astype(np.float32),
        "nodes_modes": [("LEAF" if leaf else "BRANCH_LEQ") for leaf in is_leaf] * TREES,
        "nodes_truenodeids": np.tile(np.where(is_leaf, 0, 2 * ids + 1), TREES),
        "nodes_falsenodeids": np.tile(np.where(is_leaf, 0, 2 * ids + 2), TREES),
        "target_treeids": np.repeat(np.arange(TREES), len(leaves)),
        "target_nodeids": np.tile(leaves, TREES),
        "target_ids": np.zeros(TREES * len(leaves), dtype=np.int64),
        "target_weights": random.normal(size=TREES * len(leaves)).astype(np.float32) / TREES,
    }
    node = helper.make_node(
        "TreeEnsembleRegressor", [INPUT], [OUTPUT], domain="ai.onnx.ml", n_targets=1, **told
    )
    return _written("gbdt", [node], {}, FEATURES, 1)


def mlp(seed: int = _SEED) -> bytes:
    """Layers of 100, 128, 64 and 1 with ReLU between them."""
    graph, name = _Graph(seed), INPUT
    for number, (wide, narrow) in enumerate(pairwise(LAYERS)):
        name = graph.dense(name, wide, narrow)
        if number < len(LAYERS) - 2:
            name = graph.node("Relu", name)
    return graph.written("mlp", name, LAYERS[0], LAYERS[-1])


def transformer() -> bytes:
    """A week of hourly load in, the next day out: two encoder blocks of width 64 with 4 heads."""
    graph = _Graph()
    told = graph.node("Unsqueeze", INPUT, graph.constant(np.array([2])))
    tokens = graph.dense(told, 1, WIDE)
    tokens = graph.node("Add", tokens, graph.constant(graph.drawn(1, STEPS, WIDE)))
    for _ in range(BLOCKS):
        mixed = _attention(graph, graph.normed(tokens))
        tokens = graph.node("Add", tokens, mixed)
        hidden = graph.node("Relu", graph.dense(graph.normed(tokens), WIDE, 2 * WIDE))
        tokens = graph.node("Add", tokens, graph.dense(hidden, 2 * WIDE, WIDE))
    pooled = graph.node("ReduceMean", tokens, graph.constant(np.array([1])), keepdims=0)
    return graph.written("transformer", graph.dense(pooled, WIDE, HORIZON), STEPS, HORIZON)


def _attention(graph: "_Graph", tokens: str) -> str:
    """Self-attention of `HEADS` heads over the steps."""
    split = graph.constant(np.array([0, STEPS, HEADS, WIDE // HEADS]))
    whole = graph.constant(np.array([0, STEPS, WIDE]))

    def heads(order: Sequence[int]) -> str:
        parted = graph.node("Reshape", graph.dense(tokens, WIDE, WIDE), split)
        return graph.node("Transpose", parted, perm=order)

    asked, keyed, said = heads((0, 2, 1, 3)), heads((0, 2, 3, 1)), heads((0, 2, 1, 3))
    scale = graph.constant(np.array((WIDE // HEADS) ** -0.5, dtype=np.float32))
    weight = graph.node("Softmax", graph.node("Mul", graph.node("MatMul", asked, keyed), scale))
    mixed = graph.node("Transpose", graph.node("MatMul", weight, said), perm=(0, 2, 1, 3))
    return graph.dense(graph.node("Reshape", mixed, whole), WIDE, WIDE)


class _Graph:
    """Nodes and constants of one graph, named by their number."""

    def __init__(self, seed: int = _SEED) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def drawn(self, *shape: int) -> Floats:
        """Weights at which signals keep their size."""
        return np.asarray(self._random.normal(size=shape) / np.sqrt(shape[-2]), dtype=np.float32)

    def constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = values
        return name

    def node(self, kind: str, *given: str, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's own
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, given, [name], **attributes))
        return name

    def dense(self, name: str, wide: int, narrow: int) -> str:
        multiplied = self.node("MatMul", name, self.constant(self.drawn(wide, narrow)))
        return self.node("Add", multiplied, self.constant(np.zeros(narrow, dtype=np.float32)))

    def normed(self, name: str) -> str:
        ones, zeros = np.ones(WIDE, dtype=np.float32), np.zeros(WIDE, dtype=np.float32)
        return self.node("LayerNormalization", name, self.constant(ones), self.constant(zeros))

    def written(self, title: str, last: str, features: int, answers: int) -> bytes:
        nodes = [*self._nodes, helper.make_node("Identity", [last], [OUTPUT])]
        return _written(title, nodes, self._constants, features, answers)


def _written(
    title: str,
    nodes: Sequence[Any],
    constants: dict[str, NDArray[Any]],
    features: int,
    answers: int,
) -> bytes:
    forms = ((INPUT, features), (OUTPUT, answers))
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in forms
    )
    kept = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, title, [given], [made], kept)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


MODELS = (
    Model("gbdt", FEATURES, 1, gbdt, "100 trees of depth 5 over 20 features"),
    Model("mlp", LAYERS[0], LAYERS[-1], mlp, "MLP 100-128-64-1"),
    Model("transformer", STEPS, HORIZON, transformer, "2 blocks of width 64, 168 steps to 24"),
)

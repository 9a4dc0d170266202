"""Write fitted forecasters as ONNX: one MatMul, or tree ensembles asked once for each step.

Both graphs have the same door: `features` float32 `(rows, features)` in, `raw` float32
`(rows, horizon)` out, so whoever serves them need not know which it is. Equal input gives equal
bytes: versions are pinned and no name or time of the machine goes in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

INPUT = "features"
OUTPUT = "raw"
OPSET = 18
ML_OPSET = 3
IR_VERSION = 9

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Tree:
    """One regression tree; node 0 is the root, and a row goes left where `x <= threshold`.

    Attributes:
        feature: the feature each node splits on; -1 for a leaf.
        threshold: where it splits; 0 for a leaf.
        left, right: the nodes that follow; -1 for a leaf.
        value: what a leaf answers; 0 for a split.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StepRows:
    """How one row of features becomes one row per step of the horizon.

    Attributes:
        columns: `(horizon, chosen)`: which feature stands at each place of a step's row.
        mixed: `(features, horizon, added)`: weights of what is appended to it: weighted sums of
            features, rounded to whole numbers, so that no tree can tip between two runtimes
            that add in another order. Scale them to keep the digits that matter.
    """

    columns: NDArray[np.int64]
    mixed: NDArray[np.float32]

    def expand(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(rows * horizon, chosen + added)` from `(rows, features)`, steps fastest."""
        width, horizon, added = self.mixed.shape
        appended = np.rint(features @ self.mixed.reshape(width, -1))
        appended = appended.reshape(len(features), horizon, added)
        together = np.concatenate([features[:, self.columns], appended], axis=2)
        return together.reshape(len(features) * horizon, -1)


def linear_core(weights: Floats) -> bytes:
    """An ONNX model of one MatMul with `weights` `(features, horizon)`.

    Raises:
        InvalidInput: a weight is not finite.
    """
    from onnx import helper, numpy_helper

    if not np.isfinite(weights).all():
        raise InvalidInput("the weights are not all finite: the fit broke down; check the data")
    stored = np.ascontiguousarray(weights, dtype=np.float32)
    node = helper.make_node("MatMul", [INPUT, "weights"], [OUTPUT])
    kept = [numpy_helper.from_array(stored, "weights")]
    return _model([node], kept, features=stored.shape[0], horizon=stored.shape[1])


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees summed over every step; they count where the feature `gate` is 1, not where it is 0."""

    trees: tuple[Tree, ...]
    steps: StepRows
    gate: int


def tree_core(ensembles: Sequence[Ensemble], base: Floats) -> bytes:
    """An ONNX model of `features @ base` `(features, horizon)` plus the ensembles' sums."""
    from onnx import helper, numpy_helper

    constants: dict[str, NDArray[Any]] = {"base": np.asarray(base, dtype=np.float32)}
    nodes = [helper.make_node("MatMul", [INPUT, "base"], ["sum_0"])]
    for number, ensemble in enumerate(ensembles):
        more, needed = _gated(ensemble, f"_{number}")
        last = number == len(ensembles) - 1
        total = OUTPUT if last else f"sum_{number + 1}"
        nodes += [*more, helper.make_node("Add", [f"sum_{number}", f"gated_{number}"], [total])]
        constants |= needed
    kept = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return _model(nodes, kept, features=len(base), horizon=base.shape[1])


def _gated(ensemble: Ensemble, mark: str) -> tuple[list[Any], dict[str, NDArray[Any]]]:
    """The nodes that compute `gated<mark>`, and the constants they need."""
    from onnx import helper

    steps = ensemble.steps
    features, horizon, added = steps.mixed.shape
    constants: dict[str, NDArray[Any]] = {
        "columns": steps.columns.astype(np.int64),
        "mixed": steps.mixed.reshape(features, -1).astype(np.float32),
        "spread": np.array([-1, horizon, added], dtype=np.int64),
        "flat": np.array([-1, steps.columns.shape[1] + added], dtype=np.int64),
        "folded": np.array([-1, horizon], dtype=np.int64),
        "gate": np.array([ensemble.gate], dtype=np.int64),
    }
    wires = [
        ("Gather", [INPUT, "columns"], "chosen", {"axis": 1}),
        ("MatMul", [INPUT, "mixed"], "mixture", {}),
        ("Round", ["mixture"], "rounded", {}),
        ("Reshape", ["rounded", "spread"], "appended", {}),
        ("Concat", ["chosen", "appended"], "together", {"axis": 2}),
        ("Reshape", ["together", "flat"], "steps", {}),
        ("TreeEnsembleRegressor", ["steps"], "summed", _attributes(ensemble.trees)),
        ("Reshape", ["summed", "folded"], "answers", {}),
        ("Gather", [INPUT, "gate"], "open", {"axis": 1}),
        ("Mul", ["answers", "open"], "gated", {}),
    ]
    nodes = [
        helper.make_node(
            kind,
            [name if name == INPUT else name + mark for name in inputs],
            [output + mark],
            domain="ai.onnx.ml" if kind == "TreeEnsembleRegressor" else None,
            **attributes,
        )
        for kind, inputs, output, attributes in wires
    ]
    return nodes, {name + mark: value for name, value in constants.items()}


def float32_below(values: Floats) -> NDArray[np.float32]:
    """The largest float32 not above each value: `x <= value` is then the same for float32 `x`."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _attributes(trees: Sequence[Tree]) -> dict[str, Any]:
    """All trees as the attributes of a TreeEnsembleRegressor that sums their leaves."""
    counts = [len(tree.feature) for tree in trees]
    tree_ids = np.repeat(np.arange(len(trees)), counts)
    node_ids = np.concatenate([np.arange(count) for count in counts])
    feature = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
    leaf = feature < 0
    threshold = float32_below(np.concatenate([tree.threshold for tree in trees]))
    left = np.concatenate([tree.left for tree in trees]).astype(np.int64)
    right = np.concatenate([tree.right for tree in trees]).astype(np.int64)
    value = np.concatenate([tree.value for tree in trees])
    return {
        "n_targets": 1,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": node_ids.tolist(),
        "nodes_featureids": np.where(leaf, 0, feature).tolist(),
        "nodes_modes": ["LEAF" if is_leaf else "BRANCH_LEQ" for is_leaf in leaf],
        "nodes_values": np.where(leaf, 0, threshold).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
        "nodes_missing_value_tracks_true": np.zeros(len(feature), dtype=np.int64).tolist(),
        "target_treeids": tree_ids[leaf].tolist(),
        "target_nodeids": node_ids[leaf].tolist(),
        "target_ids": np.zeros(int(leaf.sum()), dtype=np.int64).tolist(),
        "target_weights": value[leaf].astype(np.float32).tolist(),
    }


def _model(nodes: Sequence[Any], kept: Sequence[Any], *, features: int, horizon: int) -> bytes:
    """The serialised, checked model around the nodes."""
    from onnx import TensorProto, checker, helper

    graph = helper.make_graph(
        list(nodes),
        "forecast",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", features])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", horizon])],
        initializer=list(kept),
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))

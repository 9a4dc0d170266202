"""scikit-learn's trees and forests as ONNX."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lichen.frameworks.converting.converted import INPUT, OUTPUT
from lichen.frameworks.onnx_trees import COVERS
from lichen.frameworks.onnx_writer import IR_VERSION, ML_OPSET, OPSET, float32_below


def averaged_trees(trees: Sequence[Any], width: int, *, is_classifier: bool) -> bytes:
    """The mean of what fitted trees answer: a value, or the share of each class.

    Args:
        trees: the `tree_` of each.
        width: how many values a row has.
        is_classifier: whether leaves hold classes.

    Returns:
        The ONNX model, `x` float32 `(rows, width)` in, `prediction` `(rows, 1 or classes)` out.
    """
    from onnx import TensorProto, checker, helper

    attributes = _attributes(trees, is_classifier=is_classifier)
    node = helper.make_node(
        "TreeEnsembleRegressor", [INPUT], [OUTPUT], domain="ai.onnx.ml", **attributes
    )
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", width])],
        [
            helper.make_tensor_value_info(
                OUTPUT, TensorProto.FLOAT, ["rows", attributes["n_targets"]]
            )
        ],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _attributes(trees: Sequence[Any], *, is_classifier: bool) -> dict[str, Any]:
    counts = [tree.node_count for tree in trees]
    numbers = np.repeat(np.arange(len(trees)), counts)
    nodes = np.concatenate([np.arange(count) for count in counts])
    left = np.concatenate([tree.children_left for tree in trees])
    right = np.concatenate([tree.children_right for tree in trees])
    leaf = left < 0
    feature = np.where(leaf, 0, np.concatenate([tree.feature for tree in trees]))
    threshold = float32_below(np.concatenate([tree.threshold for tree in trees]))
    value = np.concatenate([tree.value[:, 0, :] for tree in trees])[leaf]
    if is_classifier:  # counts before scikit-learn 1.3, shares since
        value = value / value.sum(axis=1, keepdims=True)
    targets = value.shape[1]
    return {
        COVERS: np.concatenate([tree.weighted_n_node_samples for tree in trees]).tolist(),
        "n_targets": targets,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": numbers.tolist(),
        "nodes_nodeids": nodes.tolist(),
        "nodes_featureids": feature.tolist(),
        "nodes_modes": ["LEAF" if is_leaf else "BRANCH_LEQ" for is_leaf in leaf],
        "nodes_values": np.where(leaf, 0, threshold).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
        "nodes_missing_value_tracks_true": [0] * len(nodes),
        "target_treeids": np.repeat(numbers[leaf], targets).tolist(),
        "target_nodeids": np.repeat(nodes[leaf], targets).tolist(),
        "target_ids": np.tile(np.arange(targets), len(value)).tolist(),
        "target_weights": (value / len(trees)).astype(np.float32).ravel().tolist(),
    }

"""Write a forest as ONNX: one tree ensemble, and the link function that its objective asks for."""

from typing import Any

import numpy as np

from lichen.frameworks.onnx_trees import LINKS, ForestTables
from lichen.frameworks.onnx_writer import IR_VERSION, ML_OPSET, OPSET

INPUT = "x"
OUTPUT = "prediction"


def forest_model(forest: ForestTables, width: int) -> bytes:
    """An ONNX model: `x` float32 `(rows, width)` in, `prediction` float32 `(rows, targets)` out.

    Equal forests give equal bytes.
    """
    from onnx import TensorProto, checker, helper

    operator = LINKS[forest.link]
    summed = "sum" if operator else OUTPUT
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor", [INPUT], [summed], domain="ai.onnx.ml", **_attributes(forest)
        )
    ]
    if operator:
        axis: dict[str, Any] = {"axis": -1} if operator == "Softmax" else {}
        nodes.append(helper.make_node(operator, [summed], [OUTPUT], **axis))
    targets = len(forest.base)
    graph = helper.make_graph(
        nodes,
        "forest",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", targets])],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _attributes(forest: ForestTables) -> dict[str, Any]:
    leaf = forest.feature < 0
    branch = "BRANCH_LT" if forest.is_strict else "BRANCH_LEQ"
    return {
        "n_targets": len(forest.base),
        "base_values": [float(one) for one in forest.base],
        "nodes_treeids": forest.tree.tolist(),
        "nodes_nodeids": forest.node.tolist(),
        "nodes_featureids": np.where(leaf, 0, forest.feature).tolist(),
        "nodes_modes": ["LEAF" if is_leaf else branch for is_leaf in leaf],
        "nodes_values": np.where(leaf, 0, forest.threshold).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, forest.left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, forest.right).tolist(),
        "nodes_missing_value_tracks_true": forest.missing_left.astype(np.int64).tolist(),
        "target_treeids": forest.tree[leaf].tolist(),
        "target_nodeids": forest.node[leaf].tolist(),
        "target_ids": forest.target[leaf].tolist(),
        "target_weights": forest.value[leaf].tolist(),
    }

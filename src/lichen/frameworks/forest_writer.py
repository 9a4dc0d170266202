"""Write a forest as ONNX: one tree ensemble, and the link function that its objective asks for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.onnx_trees import COVERS, LINKS, ForestTables
from lichen.frameworks.onnx_writer import IR_VERSION, ML_OPSET, OPSET

INPUT = "x"
OUTPUT = "prediction"


def forest_model(
    forest: ForestTables, width: int, names: tuple[str, str] = (INPUT, OUTPUT)
) -> bytes:
    """An ONNX model: `x` float32 `(rows, width)` in, `prediction` float32 `(rows, targets)` out.

    Equal forests give equal bytes. Others than `x` and `prediction` may be named.
    """
    return _model(ensemble_attributes(forest), LINKS[forest.link], width, names)


def ensemble_attributes(forest: ForestTables) -> dict[str, Any]:
    """The forest as the attributes of a TreeEnsembleRegressor."""
    leaf = forest.feature < 0
    weights = {
        "n_targets": len(forest.base),
        "base_values": [float(one) for one in forest.base],
        "target_treeids": forest.tree[leaf].tolist(),
        "target_nodeids": forest.node[leaf].tolist(),
        "target_ids": forest.target[leaf].tolist(),
        "target_weights": forest.value[leaf].tolist(),
    }
    return _splits(forest) | weights


def votes_model(
    forest: ForestTables, votes: NDArray[np.float32], width: int, names: tuple[str, str]
) -> bytes:
    """An ONNX model of the sum of the leaves' `votes` `(leaves, targets)`, whatever their values.

    Votes of 0 are not written. Equal forests give equal bytes.
    """
    leaf = np.flatnonzero(forest.feature < 0)
    place, target = np.nonzero(votes)
    weights = {
        "n_targets": votes.shape[1],
        "target_treeids": forest.tree[leaf][place].tolist(),
        "target_nodeids": forest.node[leaf][place].tolist(),
        "target_ids": target.tolist(),
        "target_weights": votes[place, target].tolist(),
    }
    return _model(_splits(forest) | weights, "", width, names)


def _model(ensemble: dict[str, Any], operator: str, width: int, names: tuple[str, str]) -> bytes:
    from onnx import TensorProto, checker, helper

    source, answer = names
    summed = "sum" if operator else answer
    nodes = [
        helper.make_node(
            "TreeEnsembleRegressor", [source], [summed], domain="ai.onnx.ml", **ensemble
        )
    ]
    if operator:
        axis: dict[str, Any] = {"axis": -1} if operator == "Softmax" else {}
        nodes.append(helper.make_node(operator, [summed], [answer], **axis))
    targets = ensemble["n_targets"]
    graph = helper.make_graph(
        nodes,
        "forest",
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, ["rows", targets])],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _splits(forest: ForestTables) -> dict[str, Any]:
    leaf = forest.feature < 0
    branch = "BRANCH_LT" if forest.is_strict else "BRANCH_LEQ"
    covers = {} if forest.cover is None else {COVERS: forest.cover.tolist()}
    return covers | {
        "nodes_treeids": forest.tree.tolist(),
        "nodes_nodeids": forest.node.tolist(),
        "nodes_featureids": np.where(leaf, 0, forest.feature).tolist(),
        "nodes_modes": ["LEAF" if is_leaf else branch for is_leaf in leaf],
        "nodes_values": np.where(leaf, 0, forest.threshold).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, forest.left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, forest.right).tolist(),
        "nodes_missing_value_tracks_true": forest.missing_left.astype(np.int64).tolist(),
    }

"""How much work one answer of an ONNX model is, counted from its graph and never timed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

_PRODUCTS = ("MatMul", "Gemm", "Conv", "MatMulInteger", "ConvInteger")
NODE_OPERATIONS = 4.0
"""A node of a tree that is passed, in multiplications: a load, a compare and a jump."""


def operations_of(model: bytes) -> float:
    """Multiplications and comparisons of one row's answer.

    Weights of products count once each (of convolutions, once: they are chosen among networks
    elsewhere), a tree as deep as a balanced one of its leaves.
    """
    import onnx

    graph = onnx.load_model_from_string(model).graph
    sizes = {one.name: float(np.prod(one.dims)) for one in graph.initializer}
    return float(sum(_of_node(node, sizes) for node in graph.node))


def _of_node(node: Any, sizes: Mapping[str, float]) -> float:  # noqa: ANN401 - ONNX's own
    if node.op_type in _PRODUCTS:
        return max((sizes.get(name, 0.0) for name in node.input), default=0.0)
    if node.op_type.startswith("TreeEnsemble"):
        return _of_trees(node)
    if node.op_type.startswith("SVM"):
        vectors = _attribute(node, "support_vectors")
        return float(len(vectors.floats)) if vectors is not None else 0.0
    return sum(sizes.get(name, 0.0) for name in node.input)


def _of_trees(node: Any) -> float:  # noqa: ANN401 - ONNX's own
    trees, modes = _attribute(node, "nodes_treeids"), _attribute(node, "nodes_modes")
    if trees is None or modes is None:
        return 0.0
    is_leaf = np.array([mode == b"LEAF" for mode in modes.strings])
    leaves = np.bincount(np.array(trees.ints, dtype=np.int64)[is_leaf])
    return NODE_OPERATIONS * float(np.log2(np.maximum(leaves, 1)).sum())


def _attribute(node: Any, name: str) -> Any:  # noqa: ANN401 - ONNX's own
    return next((one for one in node.attribute if one.name == name), None)

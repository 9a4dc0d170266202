"""Detectors of outliers: a score, and on which side of its threshold a row is."""

from collections.abc import Callable, Mapping

import numpy as np

from lichen.frameworks.importing.scikit.kernels import support_value
from lichen.frameworks.importing.scikit.linear import weighted
from lichen.frameworks.importing.scikit.trees import anchored, as_trees_read, of_tree, summed
from lichen.frameworks.importing.scikit.writing import Fitted, Floats, Given, Writing

Scores = Callable[[Writing, Fitted, Given], str]
"""The decision function, `(rows, 1)`: below 0 is an outlier."""


def _isolated(writing: Writing, fitted: Fitted, given: Given) -> str:
    """How soon random splits part a row from the others: Liu, Ting and Zhou, 2008."""
    flow, graph = as_trees_read(writing, given), writing.graph
    trees = []
    for estimator, features in zip(fitted.estimators_, fitted.estimators_features_, strict=True):
        tree = estimator.tree_
        grown = of_tree(tree, _path_lengths(tree)[:, np.newaxis])
        places = np.asarray(features, dtype=np.int64)
        inner = grown.feature >= 0
        grown.feature[inner] = places[grown.feature[inner]]
        trees.append(grown)
    anchored(writing, flow, trees)
    depth = summed(graph, flow.name, trees)
    usual = len(trees) * float(_average_path(np.array([fitted._max_samples]))[0])  # noqa: SLF001
    share = graph.op("Neg", graph.op("Div", depth, usual)) if usual else graph.op("Sub", depth, 1.0)
    score = graph.op("Neg", graph.op("Exp", graph.op("Mul", share, float(np.log(2)))))
    return graph.op("Sub", score, float(fitted.offset_))


def _path_lengths(tree: Fitted) -> Floats:
    """Of each node how far it is from the root, and how far a row would yet have to go."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    found: Floats = depth + _average_path(tree.n_node_samples)
    return found


def _average_path(rows: Floats) -> Floats:
    """Of an unsuccessful search in a binary tree of so many rows."""
    count = np.asarray(rows, dtype=np.float64)
    many = np.maximum(count, 3)
    usual = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    found: Floats = np.where(count <= 1, 0.0, np.where(count == 2, 1.0, usual))
    return found


def _elliptic(writing: Writing, fitted: Fitted, given: Given) -> str:
    """The squared Mahalanobis distance from a robust centre."""
    flow, graph = writing.flow(given), writing.graph
    location, precision = fitted.location_, fitted.get_precision()
    writing.anchor_rows(flow, np.asarray(location)[np.newaxis])
    apart = graph.op("Sub", flow.name, location)
    turned = graph.op("Mul", graph.op("MatMul", apart, precision), apart)
    distance = graph.op("ReduceSum", turned, [1], keepdims=1)
    return graph.op("Neg", graph.op("Add", distance, float(fitted.offset_)))


def _one_class(writing: Writing, fitted: Fitted, given: Given) -> str:
    return support_value(writing, fitted, given)


def _descended(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow = writing.flow(given)
    return weighted(writing, flow, fitted.coef_, -np.asarray(fitted.offset_))


DETECTORS: Mapping[str, Scores] = {
    "IsolationForest": _isolated,
    "EllipticEnvelope": _elliptic,
    "OneClassSVM": _one_class,
    "SGDOneClassSVM": _descended,
}

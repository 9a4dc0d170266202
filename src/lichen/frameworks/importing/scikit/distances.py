"""Distances from each row to rows that a model keeps."""

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.writing import Floats

_FEATURE_BY_FEATURE = 64
"""Features up to which differences are squared and summed, which loses no digit; more are
multiplied out, as NumPy does it."""


def squared(graph: Graph, name: str, kept: Floats) -> str:
    """Squared Euclidean distances, doubles `(rows, kept)`."""
    rows = np.asarray(kept, dtype=np.float64)
    if rows.shape[1] <= _FEATURE_BY_FEATURE:
        parts = [graph.op("Mul", apart, apart) for apart in _apart(graph, name, rows)]
        return graph.total(parts)
    own = graph.op("ReduceSumSquare", name, [1], keepdims=1)
    product = graph.op("MatMul", name, -2.0 * rows.T)
    total = graph.total([graph.op("Add", own, product)])
    moved = graph.op("Add", total, (rows**2).sum(axis=1))
    return graph.op("Max", moved, 0.0)


def euclidean(graph: Graph, name: str, kept: Floats) -> str:
    """Euclidean distances, doubles `(rows, kept)`."""
    return graph.op("Sqrt", squared(graph, name, kept))


def minkowski(graph: Graph, name: str, kept: Floats, power: float) -> str:
    """Distances whose powers are sums of powers: 1 is Manhattan, 2 Euclidean, infinite the most."""
    if power == 2:
        return euclidean(graph, name, kept)
    rows = np.asarray(kept, dtype=np.float64)
    parts = [graph.op("Abs", apart) for apart in _apart(graph, name, rows)]
    if power == 1:
        return graph.total(parts)
    if np.isinf(power):
        return parts[0] if len(parts) == 1 else graph.op("Max", *parts)
    total = graph.total([graph.op("Pow", part, float(power)) for part in parts])
    return graph.op("Pow", total, 1.0 / power)


def by_metric(graph: Graph, name: str, kept: Floats, metric: str, power: float) -> str:
    """Distances by a name of scikit-learn.

    Raises:
        InvalidInput: there is none of this name here.
    """
    powers = {"minkowski": power, "euclidean": 2, "l2": 2, "manhattan": 1, "cityblock": 1, "l1": 1}
    powers |= {"chebyshev": np.inf, "infinity": np.inf, "p": power}
    if metric in powers:
        return minkowski(graph, name, kept, float(powers[metric]))
    if metric == "sqeuclidean":
        return squared(graph, name, kept)
    if metric == "cosine":
        rows = np.asarray(kept, dtype=np.float64)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        own = graph.op("Sqrt", graph.op("ReduceSumSquare", name, [1], keepdims=1))
        product = graph.op("MatMul", name, (rows / np.where(norms == 0, 1, norms)).T)
        is_none = graph.op("Equal", own, 0.0)
        return graph.op("Sub", 1.0, graph.op("Div", product, graph.chosen(is_none, 1.0, own)))
    raise InvalidInput(
        f"neighbours by the metric {metric!r} cannot be converted: fit it with minkowski, "
        "euclidean, manhattan, chebyshev or cosine"
    )


def _apart(graph: Graph, name: str, rows: Floats) -> list[str]:
    """Of each feature the differences `(rows, kept)`."""
    width = rows.shape[1]
    columns = [name] if width == 1 else [graph.column(name, at) for at in range(width)]
    return [
        graph.op("Sub", column, np.ascontiguousarray(rows[np.newaxis, :, at]))
        for at, column in enumerate(columns)
    ]

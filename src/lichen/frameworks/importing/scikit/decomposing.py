"""Components: linear maps of rows."""

from collections.abc import Mapping

import numpy as np

from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Flow,
    Given,
    Transforms,
    Writing,
)


def _principal(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, graph = writing.flow(given), writing.graph
    components = np.asarray(fitted.components_, dtype=np.float64)
    mean = getattr(fitted, "mean_", None)
    if mean is not None:
        spread = 3 * np.sqrt(fitted.explained_variance_)[:, np.newaxis] * components
        writing.anchor_rows(flow, np.concatenate([[mean], mean + spread, mean - spread]))
    name = flow.name if mean is None else graph.op("Sub", flow.name, np.asarray(mean))
    if getattr(fitted, "whiten", False):
        scale = np.sqrt(np.maximum(fitted.explained_variance_, np.finfo(np.float64).eps))
        components = components / scale[:, np.newaxis]
    return Flow(graph.op("MatMul", name, components.T.copy()), len(components))


def _truncated(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow = writing.flow(given)
    components = np.asarray(fitted.components_, dtype=np.float64)
    return Flow(writing.graph.op("MatMul", flow.name, components.T.copy()), len(components))


def _linear(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    """A linear map, found by asking for the rows of the identity."""
    flow, graph = writing.flow(given), writing.graph
    origin = np.asarray(fitted.transform(np.zeros((1, flow.width))), dtype=np.float64)
    matrix = np.asarray(fitted.transform(np.eye(flow.width)), dtype=np.float64) - origin
    product = graph.op("MatMul", flow.name, matrix)
    return Flow(graph.op("Add", product, origin[0]), matrix.shape[1])


TRANSFORMERS: Mapping[str, Transforms] = {
    **dict.fromkeys(("PCA", "IncrementalPCA"), _principal),
    "TruncatedSVD": _truncated,
    **dict.fromkeys(
        (
            *("FastICA", "FactorAnalysis", "FeatureAgglomeration", "PLSRegression", "CCA"),
            *("PLSCanonical", "NeighborhoodComponentsAnalysis"),
        ),
        _linear,
    ),
}

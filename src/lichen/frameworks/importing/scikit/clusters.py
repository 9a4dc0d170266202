"""Clusters and mixtures: which one a row is of, and how near or how probable each is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.choosing import largest, smallest, softmax
from lichen.frameworks.importing.scikit.distances import euclidean
from lichen.frameworks.importing.scikit.neighbours import nearest
from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Floats,
    Flow,
    Given,
    Transforms,
    Writing,
)


@dataclass(frozen=True, slots=True)
class Grouped:
    """INT64 `(rows,)`, which group, and a tensor of what is said of each with its name."""

    choice: str
    said: str | None = None
    name: str = "distance"
    groups: int = 0


def _means(writing: Writing, fitted: Fitted, given: Given) -> Grouped:
    choice, distance = nearest(writing, given, fitted.cluster_centers_)
    return Grouped(choice, distance, "distance", len(fitted.cluster_centers_))


def _shifted(writing: Writing, fitted: Fitted, given: Given) -> Grouped:
    choice, _ = nearest(writing, given, np.asarray(fitted.cluster_centers_, dtype=np.float64))
    return Grouped(choice)


def _birch(writing: Writing, fitted: Fitted, given: Given) -> Grouped:
    place, _ = nearest(writing, given, fitted.subcluster_centers_)
    labels = np.asarray(fitted.subcluster_labels_, dtype=np.int64)
    return Grouped(writing.graph.op("Gather", labels, place))


def _mixture(writing: Writing, fitted: Fitted, given: Given) -> Grouped:
    flow, graph = writing.flow(given), writing.graph
    writing.anchor_rows(flow, fitted.means_)
    parts = []
    for group, mean in enumerate(fitted.means_):
        turn = _precision(fitted, group, flow.width)
        turned = graph.op("MatMul", graph.op("Sub", flow.name, mean), turn)
        parts.append(graph.op("ReduceSumSquare", turned, [1], keepdims=1))
    joined = graph.op("Mul", graph.joined(parts), -0.5)
    score = graph.op("Add", joined, _offsets(fitted, flow.width))
    groups = len(fitted.means_)
    return Grouped(largest(graph, score), softmax(graph, score), "probability", groups)


def _precision(fitted: Fitted, group: int, width: int) -> Floats:
    """The Cholesky factor of the precision of one component `(width, width)`."""
    kept = np.asarray(fitted.precisions_cholesky_, dtype=np.float64)
    kinds: Mapping[str, Callable[[], Floats]] = {
        "full": lambda: kept[group],
        "tied": lambda: kept,
        "diag": lambda: np.diag(kept[group]),
        "spherical": lambda: np.eye(width) * kept[group],
    }
    return kinds[fitted.covariance_type]()


def _offsets(fitted: Fitted, width: int) -> Floats:
    """Weights and determinants; variational ones as their expectations (Bishop, 2006, 10.2)."""
    score = fitted._estimate_weighted_log_prob(fitted.means_)  # noqa: SLF001 - the formula is its own
    groups = range(len(fitted.means_))
    found = [
        score[0, one]
        + 0.5
        * float(
            (((fitted.means_[0] - fitted.means_[one]) @ _precision(fitted, one, width)) ** 2).sum()
        )
        for one in groups
    ]
    return np.array(found)


def _bisected(writing: Writing, fitted: Fitted, given: Given) -> Grouped:
    """Down the tree of bisections, at each to the nearer of two centres."""
    flow, graph = writing.flow(given), writing.graph
    centred = flow.name if fitted._X_mean is None else graph.op("Sub", flow.name, fitted._X_mean)  # noqa: SLF001
    choice = _bisect(writing, fitted._bisecting_tree, centred)  # noqa: SLF001
    writing.anchor_rows(flow, fitted.cluster_centers_)
    distance = euclidean(graph, flow.name, fitted.cluster_centers_)
    return Grouped(choice, distance, "distance", len(fitted.cluster_centers_))


def _bisect(writing: Writing, node: Fitted, name: str) -> str:
    graph = writing.graph
    if node.left is None:
        return graph.repeated(name, np.array([node.label], dtype=np.int64))
    centres = np.vstack([node.left.center, node.right.center])
    nearer = smallest(graph, euclidean(graph, name, centres))
    sides = [_bisect(writing, one, name) for one in (node.left, node.right)]
    return graph.chosen(graph.op("Equal", nearer, 0), sides[0], sides[1])


def _bound(writing: Writing, fitted: Fitted, given: Given) -> Grouped:  # noqa: ARG001 - it raises
    raise InvalidInput(
        f"{type(fitted).__name__} groups the rows that it was given and knows no others: fit KMeans"
    )


def _distances(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    made = GROUPERS[type(fitted).__name__](writing, fitted, given)
    return Flow(str(made.said), made.groups)


Groups = Callable[[Writing, Fitted, Given], Grouped]
GROUPERS: Mapping[str, Groups] = {
    **dict.fromkeys(("KMeans", "MiniBatchKMeans"), _means),
    **dict.fromkeys(("MeanShift", "AffinityPropagation"), _shifted),
    **dict.fromkeys(("GaussianMixture", "BayesianGaussianMixture"), _mixture),
    **dict.fromkeys(
        ("AgglomerativeClustering", "DBSCAN", "HDBSCAN", "OPTICS", "SpectralClustering"), _bound
    ),
    "Birch": _birch,
    "BisectingKMeans": _bisected,
}
TRANSFORMERS: Mapping[str, Transforms] = dict.fromkeys(
    ("KMeans", "MiniBatchKMeans", "BisectingKMeans"), _distances
)

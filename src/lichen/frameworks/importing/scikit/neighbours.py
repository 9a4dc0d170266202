"""Nearest neighbours: the rows that a model keeps, and what those near say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.choosing import largest, smallest
from lichen.frameworks.importing.scikit.distances import by_metric, euclidean
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Floats,
    Given,
    Values,
    Writing,
)


def _near(writing: Writing, fitted: Fitted, given: Given) -> tuple[str, str]:
    """Distances and places of the nearest, `(rows, neighbours)` each."""
    flow, graph = writing.flow(given), writing.graph
    kept = fitted._fit_X  # noqa: SLF001 - there is no public way
    rows = np.asarray(kept.toarray() if hasattr(kept, "toarray") else kept, dtype=np.float64)
    writing.anchor_rows(flow, rows)
    metric, power = _metric(fitted)
    distance = by_metric(graph, flow.name, rows, metric, power)
    count = np.array([fitted.n_neighbors], dtype=np.int64)
    near, place = graph.ops("TopK", 2, distance, count, axis=1, largest=0, sorted=1)
    return near, place


def _metric(fitted: Fitted) -> tuple[str, float]:
    """Its name, and the power of Minkowski's."""
    metric = fitted.effective_metric_
    if not isinstance(metric, str):
        raise InvalidInput(f"the {type(fitted).__name__} has a metric of its own: name one instead")
    said = fitted.effective_metric_params_ or {}
    if set(said) - {"p"}:
        raise InvalidInput(
            f"the {type(fitted).__name__} weighs its features within the metric: scale them before"
        )
    return metric, float(said.get("p", 2))


def _weights(graph: Graph, fitted: Fitted, near: str) -> str | None:
    """Of each neighbour; None: all alike. Those at no distance count alone."""
    if fitted.weights in (None, "uniform"):
        return None
    if fitted.weights != "distance":
        raise InvalidInput(f'the {type(fitted).__name__} weighs as it likes: take "distance"')
    is_here = graph.op("Equal", near, 0.0)
    here = graph.chosen(is_here, 1.0, graph.op("Mul", near, 0.0))
    is_any = graph.op("Greater", graph.op("ReduceSum", here, [1], keepdims=1), 0.0)
    away = graph.op("Div", 1.0, graph.chosen(is_here, 1.0, near))
    return graph.chosen(is_any, here, away)


def _class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    if fitted.outputs_2d_:
        raise InvalidInput("neighbours answer classes of several targets: fit one for each")
    graph = writing.graph
    near, place = _near(writing, fitted, given)
    one_hot = np.eye(len(fitted.classes_))[np.asarray(fitted._y, dtype=np.int64).ravel()]  # noqa: SLF001
    votes = _mean(graph, one_hot, place, _weights(graph, fitted, near))
    return Classified(fitted.classes_, largest(graph, votes), votes)


def _value(writing: Writing, fitted: Fitted, given: Given) -> str:
    near, place = _near(writing, fitted, given)
    known = np.asarray(fitted._y, dtype=np.float64)  # noqa: SLF001
    weights = _weights(writing.graph, fitted, near)
    return _mean(writing.graph, known.reshape(len(known), -1), place, weights)


def _mean(graph: Graph, said: NDArray[Any], place: str, weights: str | None) -> str:
    """The mean of what the neighbours say, `(rows, k)`."""
    found = graph.op("Gather", np.ascontiguousarray(said, dtype=np.float64), place)
    if weights is None:
        return graph.op("ReduceMean", found, [1], keepdims=0)
    weighed = graph.op("Mul", found, graph.op("Unsqueeze", weights, [2]))
    total = graph.op("ReduceSum", weighed, [1], keepdims=0)
    return graph.op("Div", total, graph.op("ReduceSum", weights, [1], keepdims=1))


def nearest(writing: Writing, given: Given, centres: Floats) -> tuple[str, str]:
    """Which of some centres is the nearest, INT64 `(rows,)`, and how far each is."""
    flow = writing.flow(given)
    writing.anchor_rows(flow, centres)
    distance = euclidean(writing.graph, flow.name, centres)
    return smallest(writing.graph, distance), distance


CLASSIFIERS: Mapping[str, Classifies] = {"KNeighborsClassifier": _class}
REGRESSORS: Mapping[str, Values] = {"KNeighborsRegressor": _value}

"""From scores to probabilities, and to the class that is answered."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.graph import Graph

_BINARY = 2


def largest(graph: Graph, scores: str) -> str:
    """INT64 `(rows,)`: the first of the largest."""
    return graph.op("ArgMax", scores, axis=1, keepdims=0)


def smallest(graph: Graph, scores: str) -> str:
    """INT64 `(rows,)`: the first of the smallest."""
    return graph.op("ArgMin", scores, axis=1, keepdims=0)


def over(graph: Graph, score: str, threshold: float = 0.0) -> str:
    """INT64 `(rows,)`: whether a score `(rows, 1)` is over a threshold."""
    is_over = graph.cast(graph.op("Greater", score, threshold), Datatype.INT64)
    return graph.op("Squeeze", is_over, [1])


def of_scores(graph: Graph, score: str, classes: int) -> str:
    """The class by a decision function: of two the second where it is over 0."""
    return over(graph, score) if classes == _BINARY else largest(graph, score)


def both(graph: Graph, second: str) -> str:
    """Probabilities of two classes from that of the second."""
    return graph.joined([graph.op("Sub", 1.0, second), second])


def logistic_shares(graph: Graph, score: str, classes: int) -> str:
    """Logistic functions of scores; of several classes as shares of their sum, as LibLinear has."""
    said = graph.op("Sigmoid", score)
    return both(graph, said) if classes == _BINARY else shares(graph, said)


def shares(graph: Graph, parts: str) -> str:
    """Each as a share of its row; of a row of zeros all alike."""
    total = graph.op("ReduceSum", parts, [1], keepdims=1)
    is_none = graph.op("Equal", total, 0.0)
    ones = graph.chosen(is_none, 1.0, parts)
    return graph.op("Div", ones, graph.op("ReduceSum", ones, [1], keepdims=1))


def softmax(graph: Graph, score: str) -> str:
    """Shares of exponentials."""
    return graph.op("Softmax", score, axis=1)


def one_hot(graph: Graph, choice: str, classes: int) -> str:
    """1 for the class that was chosen, doubles `(rows, classes)`."""
    place = graph.op("Unsqueeze", choice, [1])
    is_it = graph.op("Equal", place, np.arange(classes, dtype=np.int64)[np.newaxis])
    return graph.cast(is_it, Datatype.FP64)


def spread(graph: Graph, parts: str, own: NDArray[Any], all_of: NDArray[Any]) -> str:
    """Columns of some classes as columns of all: 0 where a class is not known."""
    places = [int(np.flatnonzero(all_of == one)[0]) for one in own]
    if places == list(range(len(all_of))):
        return parts
    matrix = np.zeros((len(own), len(all_of)))
    matrix[np.arange(len(own)), places] = 1.0
    return graph.op("MatMul", parts, matrix)


def renamed(graph: Graph, choice: str, places: Sequence[int]) -> str:
    """Which of all classes was chosen, where `choice` counts some of them."""
    if list(places) == list(range(len(places))):
        return choice
    return graph.op("Gather", np.array(places, dtype=np.int64), choice)

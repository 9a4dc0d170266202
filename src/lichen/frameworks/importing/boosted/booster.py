"""What a booster is before it is written: trees, what they start from, and what becomes of sums."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.trees import Grown

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LinearLeaves:
    """Leaves that are linear models, all trees' in the order of the leaves.

    Attributes:
        constants: `(leaves,)`.
        weights: `(leaves, features)`.
        looks_at: which features a leaf needs: where one is missing, its plain value counts.
    """

    constants: Floats
    weights: Floats
    looks_at: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booster:
    """A booster as its library loaded it.

    Attributes:
        trees: those, with their weights in them; empty for one that is linear.
        targets: what each tree speaks for.
        base: what the sums start from.
        weights: of a linear booster, `(features, targets)`.
        leaves: where leaves are linear models.
        link: what becomes of the sums; a key of `LINKS`.
        zero_is_missing: features whose 0 is missing.
        categories: of each feature of categories the numbers that some tree knows.
    """

    trees: tuple[Grown, ...]
    targets: tuple[int, ...]
    base: Floats
    link: str
    weights: Floats | None = None
    leaves: LinearLeaves | None = None
    zero_is_missing: tuple[int, ...] = ()
    categories: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


Link = Callable[[Graph, str], str]


def _softmax(graph: Graph, sums: str) -> str:
    return graph.op("Softmax", sums, axis=1)


def _class(graph: Graph, sums: str) -> str:
    """The number of the class with the largest sum."""
    return graph.cast(graph.op("ArgMax", sums, axis=1, keepdims=1), Datatype.FP64)


def _hinge(graph: Graph, sums: str) -> str:
    return graph.cast(graph.op("Greater", sums, 0.0), Datatype.FP64)


def _squared(graph: Graph, sums: str) -> str:
    """A square that keeps its sign: of targets whose roots were fitted."""
    return graph.op("Mul", graph.op("Mul", sums, sums), graph.op("Sign", sums))


def _log_one_more(graph: Graph, sums: str) -> str:
    return graph.op("Log", graph.op("Add", graph.op("Exp", sums), 1.0))


LINKS: Mapping[str, Link] = {
    "none": lambda _graph, sums: sums,
    "logistic": lambda graph, sums: graph.op("Sigmoid", sums),
    "softmax": _softmax,
    "exponential": lambda graph, sums: graph.op("Exp", sums),
    "class": _class,
    "hinge": _hinge,
    "squared": _squared,
    "log one more": _log_one_more,
}

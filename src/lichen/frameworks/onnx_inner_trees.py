"""Read the sum of trees that stands within an ONNX graph: `TreeEnsemble` of ai.onnx.ml 5.

Pipelines of scikit-learn are written as one graph of doubles: steps before the trees, the trees,
and what becomes of their sum. What is read here can be explained; see `onnx_owners` for the steps.
"""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_ensembles import MOST_VALUES, EnsembleTables
from lichen.frameworks.onnx_linear import array_of
from lichen.frameworks.onnx_message import parsed
from lichen.frameworks.onnx_trees import Attributes, Ints

COVER = "lichen.cover"
"""Key in a model's metadata: how much came to each split, then to each leaf, float32 in base64."""
_OPERATOR = "TreeEnsemble"
_SUM, _LEQ, _MATRIX = 1, 0, 2
_MOST_FEATURES = 20_000
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class InnerTrees:
    """The trees of a graph.

    Attributes:
        features: the tensor that they look at.
        sums: the tensor that is what they sum to.
        tables: a row goes left where its value has at most so many of `steps` under it.
        steps: of each feature where it is split, rising.
    """

    features: str
    sums: str
    tables: EnsembleTables
    steps: tuple[Doubles, ...]

    def ranked(self, values: Doubles) -> NDArray[np.float32]:
        """Features `(rows, width)` as how many of their steps lie under each; NaN stays.

        A split of doubles is kept to exactly by float32 so: `x <= t` where at most as many steps
        lie under `x` as under `t`.
        """
        found = np.zeros(values.shape, dtype=np.float32)
        for feature, steps in enumerate(self.steps):
            found[:, feature] = np.searchsorted(steps, values[:, feature], side="left")
        return np.where(np.isnan(values), np.float32(np.nan), found)


def has_inner_trees(content: bytes) -> bool:
    """Whether it is worth reading."""
    return _OPERATOR.encode() in content


def read_inner_trees(content: bytes) -> InnerTrees | None:
    """The only trees of a graph; None where it has none or several, or they cannot be explained.

    So it is with trees that split otherwise, that do not say what came to their nodes, or that are
    too large.

    Raises:
        InvalidInput: the tables of its trees do not fit each other.
    """
    if not has_inner_trees(content):
        return None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = parsed(content)
        nodes = [one for one in model.graph.node if one.op_type == _OPERATOR]
        return _read(model, nodes[0]) if len(nodes) == 1 else None
    except (DecodeError, LookupError, ValueError, OverflowError) as error:
        raise InvalidInput("the tables of the model's trees do not fit each other") from error


def _read(model: Any, node: Any) -> InnerTrees | None:  # noqa: ANN401 - messages of ONNX
    said = Attributes(node)
    modes = array_of(said.tensor("nodes_modes")).reshape(-1)
    is_sum = said.number("aggregate_function", _SUM) == _SUM
    if not is_sum or said.number("post_transform", 0) or (modes != _LEQ).any():
        return None
    sums, spoken = _sums(model.graph, node)
    weights = array_of(said.tensor("leaf_weights")).reshape(-1)
    count = len(modes) + len(weights)
    targets = said.number("n_targets", 1) if spoken is None else spoken.shape[1]
    cover = _cover(model, node.output[0], count)
    if cover is None or count * targets > MOST_VALUES:
        return None
    values = _values(said, weights, spoken)
    nodes = _Nodes(said, len(values))
    feature = nodes.of_splits(said.ints("nodes_featureids"), -1)
    split = nodes.of_splits(array_of(said.tensor("nodes_splits")).reshape(-1), 0.0)
    if int(feature.max(initial=0)) >= _MOST_FEATURES:
        return None
    steps = tuple(
        np.unique(split[feature == one]) for one in range(int(feature.max(initial=-1)) + 1)
    )
    threshold = np.zeros(len(split), dtype=np.float32)
    for one, known in enumerate(steps):
        threshold[feature == one] = np.searchsorted(known, split[feature == one])
    missing = nodes.of_splits(said.ints("nodes_missing_value_tracks_true"), 0)
    tables = EnsembleTables(
        tree=nodes.tree,
        left=nodes.left,
        right=nodes.right,
        feature=feature,
        threshold=threshold,
        mode=np.zeros(len(split), dtype=np.uint8),
        missing_left=missing.astype(np.bool_),
        cover=cover[nodes.kept],
        values=np.concatenate([np.zeros((nodes.splits, values.shape[1])), values])[nodes.kept],
        base=np.zeros(values.shape[1]),
        link="none",
    )
    return InnerTrees(str(node.input[0]), sums, tables, steps)


class _Nodes:
    """Splits, then leaves, as one numbering; a split whose ways are the same leaf is left out."""

    def __init__(self, said: Attributes, leaves: int) -> None:
        ways = [
            np.where(
                said.ints(f"nodes_{way}leafs") > 0,
                said.ints(f"nodes_{way}nodeids") + len(said.ints("nodes_featureids")),
                said.ints(f"nodes_{way}nodeids"),
            )
            for way in ("true", "false")
        ]
        self.splits = len(ways[0])
        whole = np.full((2, self.splits + leaves), -1)
        whole[:, : self.splits] = ways
        is_idle = (whole[0] == whole[1]) & (whole[0] >= 0)
        roots = said.ints("tree_roots")
        roots = np.where(is_idle[roots], whole[0][roots], roots)
        self.kept: Ints = np.flatnonzero(~is_idle)
        place = np.full(whole.shape[1], -1)
        place[self.kept] = np.arange(len(self.kept))
        self.left, self.right = (
            np.where(way < 0, -1, place[way])[self.kept] for way in (whole[0], whole[1])
        )
        self.tree = self._trees(place[roots])

    def of_splits(self, values: NDArray[Any], other: float) -> NDArray[Any]:
        """Something of each split, and another value for leaves."""
        found = np.full(len(self.kept), other, dtype=values.dtype)
        is_split = self.left >= 0
        found[is_split] = values[self.kept[is_split]]
        return found

    def _trees(self, roots: Ints) -> Ints:
        """Which tree each node is of.

        Raises:
            ValueError: a node is of none, or of several.
        """
        tree = np.full(len(self.left), -1)
        level, number = roots, np.arange(len(roots))
        while len(level):
            if (tree[level] >= 0).any():
                raise ValueError
            tree[level] = number
            is_split = self.left[level] >= 0
            level, number = level[is_split], np.tile(number[is_split], 2)
            level = np.concatenate([self.left[level], self.right[level]])
        if (tree < 0).any():
            raise ValueError
        return tree


def _values(said: Attributes, weights: Doubles, spoken: Doubles | None) -> Doubles:
    """What each leaf adds to each target; of leaves that are numbers, what those stand for."""
    if spoken is not None:
        return spoken[weights.astype(np.int64)]
    values = np.zeros((len(weights), said.number("n_targets", 1)))
    values[np.arange(len(weights)), said.ints("leaf_targetids")] = weights
    return values


def _sums(graph: Any, node: Any) -> tuple[str, Doubles | None]:  # noqa: ANN401 - messages of ONNX
    """The tensor of the sums; and what leaves say, where trees answer the number of a leaf."""
    name = str(node.output[0])
    kept = {one.name: one for one in graph.initializer}
    for cast in _readers(graph, name, "Cast"):
        for found in _readers(graph, cast.output[0], "Gather"):
            for total in _readers(graph, found.output[0], "ReduceSum"):
                table = kept.get(found.input[0])
                if table is not None and len(table.dims) == _MATRIX:
                    said = array_of(table).reshape(tuple(table.dims))
                    return str(total.output[0]), said
    return name, None


def _readers(graph: Any, name: str, kind: str) -> Iterator[Any]:  # noqa: ANN401 - messages of ONNX
    """The operators of a kind that take a tensor."""
    return (one for one in graph.node if one.op_type == kind and name in one.input)


def _cover(model: Any, name: str, nodes: int) -> NDArray[np.float32] | None:  # noqa: ANN401
    said = next((one.value for one in model.metadata_props if one.key == f"{COVER}.{name}"), None)
    if said is None:
        return None
    cover = np.frombuffer(b64decode(said), dtype="<f4")
    return cover if len(cover) == nodes and (cover > 0).any() else None

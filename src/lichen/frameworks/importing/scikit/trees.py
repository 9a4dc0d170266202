"""Trees and forests within a graph, in doubles; alone they are written by `forests.py`."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import both, largest, of_scores, softmax
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Floats,
    Flow,
    Given,
    Values,
    Writing,
)
from lichen.frameworks.onnx_inner_trees import COVER

_LEQ, _MEMBER = 0, 6
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grown:
    """One tree: node 0 is its root, and a row goes left where `x <= threshold`.

    Attributes:
        feature: what each node splits on; -1 for a leaf.
        threshold: where it splits.
        left, right: the nodes that follow.
        missing_left: whether NaN goes left.
        value: what a leaf answers, `(nodes, targets)`.
        members: of nodes that split on categories, those that go left; NaN goes right.
        cover: how much of what it was fitted on came to each node.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: NDArray[np.bool_]
    value: Floats
    members: Mapping[int, tuple[float, ...]]
    cover: Floats


def of_tree(tree: Any, value: Floats) -> Grown:  # noqa: ANN401 - scikit-learn's own
    """A tree of scikit-learn, with the values that its nodes answer."""
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return Grown(
        feature=np.where(tree.children_left < 0, -1, tree.feature).astype(np.int64),
        threshold=np.asarray(tree.threshold, dtype=np.float64),
        left=np.asarray(tree.children_left, dtype=np.int64),
        right=np.asarray(tree.children_right, dtype=np.int64),
        missing_left=np.asarray(missing).astype(np.bool_),
        value=value,
        members={},
        cover=np.asarray(tree.weighted_n_node_samples, dtype=np.float64),
    )


def summed(graph: Graph, name: str, trees: Sequence[Grown], targets: Sequence[int] = ()) -> str:
    """The sum of what trees say, doubles `(rows, targets)`.

    Args:
        graph: to write into.
        name: doubles `(rows, features)`.
        trees: each says all targets, or one of them.
        targets: of each tree the only target that it says; empty: all.
    """
    if targets or trees[0].value.shape[1] == 1:
        return _ensemble(graph, name, _Tables(trees, targets or (0,) * len(trees)))
    spoken = graph.op("Gather", *leaf_values(graph, name, trees))
    return graph.op("ReduceSum", spoken, [1], keepdims=0)


def leaf_values(graph: Graph, name: str, trees: Sequence[Grown]) -> tuple[NDArray[Any], str]:
    """What all leaves say `(leaves, targets)`, and INT64 `(rows, trees)`: where a row ends."""
    values, numbered, first = [], [], 0
    for tree in trees:
        is_leaf = tree.feature < 0
        count = int(is_leaf.sum())
        number = np.zeros((len(tree.feature), 1))
        number[is_leaf, 0] = np.arange(first, first + count)
        values.append(tree.value[is_leaf])
        numbered.append(replace(tree, value=number))
        first += count
    ends = _ensemble(graph, name, _Tables(numbered, range(len(trees))))
    return np.concatenate(values), graph.cast(ends, Datatype.INT64)


def _ensemble(graph: Graph, name: str, tables: "_Tables") -> str:
    """The operator; how much came to its nodes stands beside the graph, for explanations."""
    made = graph.op("TreeEnsemble", name, **tables.said())
    graph.note(f"{COVER}.{made}", b64encode(tables.cover().tobytes()).decode())
    return made


class _Tables:
    """The attributes of a `TreeEnsemble` (ai.onnx.ml 5): splits and leaves counted apart."""

    def __init__(self, trees: Sequence[Grown], targets: Sequence[int]) -> None:
        self._roots: list[int] = []
        self._splits: list[tuple[int, int, float, int]] = []
        self._next: list[tuple[int, int, int, int]] = []
        self._members: list[float] = []
        self._weights: list[float] = []
        self._ids: list[int] = []
        self._came: tuple[list[float], list[float]] = ([], [])
        self._targets = max(targets) + 1
        for tree, target in zip(trees, targets, strict=True):
            self._roots.append(len(self._splits))
            if tree.feature[0] < 0:
                place = self._leaf(tree, 0, target)
                self._splits.append((0, _LEQ, np.inf, 1))
                self._came[0].append(float(tree.cover[0]))
                self._next.append((place, 1, place, 1))
            else:
                self._add(tree, target)

    def said(self) -> dict[str, Any]:
        """The attributes."""
        from onnx import TensorProto, helper, numpy_helper

        feature, mode, split, missing = zip(*self._splits, strict=True)
        true, true_leaf, false, false_leaf = zip(*self._next, strict=True)
        attributes: dict[str, Any] = {
            "n_targets": self._targets,
            "aggregate_function": 1,
            "post_transform": 0,
            "tree_roots": self._roots,
            "nodes_featureids": feature,
            "nodes_modes": helper.make_tensor("modes", TensorProto.UINT8, [len(mode)], mode),
            "nodes_splits": numpy_helper.from_array(np.array(split), "splits"),
            "nodes_truenodeids": true,
            "nodes_trueleafs": true_leaf,
            "nodes_falsenodeids": false,
            "nodes_falseleafs": false_leaf,
            "nodes_missing_value_tracks_true": missing,
            "leaf_targetids": self._ids,
            "leaf_weights": numpy_helper.from_array(np.array(self._weights), "weights"),
        }
        if self._members:
            members = np.array(self._members)
            attributes["membership_values"] = numpy_helper.from_array(members, "members")
        return attributes

    def cover(self) -> NDArray[np.float32]:
        """How much came to each split, then to each leaf."""
        splits, leaves = self._came
        return np.array([*splits, *leaves], dtype="<f4")

    def _add(self, tree: Grown, target: int) -> None:
        is_leaf, first = tree.feature < 0, len(self._splits)
        place = np.where(is_leaf, 0, np.cumsum(~is_leaf) - 1 + first)
        for node in np.flatnonzero(is_leaf).tolist():
            place[node] = self._leaf(tree, node, target)
        for node in np.flatnonzero(~is_leaf).tolist():
            members = tree.members.get(node)
            if members is not None:
                self._members += [*members, np.nan]
            mode = _LEQ if members is None else _MEMBER
            left, right = int(tree.left[node]), int(tree.right[node])
            split = float(tree.threshold[node])
            self._came[0].append(float(tree.cover[node]))
            self._splits.append(
                (int(tree.feature[node]), mode, split, int(tree.missing_left[node]))
            )
            self._next.append(
                (int(place[left]), int(is_leaf[left]), int(place[right]), int(is_leaf[right]))
            )

    def _leaf(self, tree: Grown, node: int, target: int) -> int:
        self._weights.append(float(tree.value[node, 0]))
        self._came[1].append(float(tree.cover[node]))
        self._ids.append(target)
        return len(self._weights) - 1


def as_trees_read(writing: Writing, given: Given) -> Flow:
    """Features as trees of scikit-learn read them: rounded to float32."""
    flow, graph = writing.flow(given), writing.graph
    rounded = graph.cast(graph.cast(flow.name, Datatype.FP32), Datatype.FP64)
    return Flow(rounded, flow.width, flow.raw)


def anchored(writing: Writing, flow: Flow, trees: Sequence[Grown]) -> None:
    """Where trees split matters to a trial."""
    for tree in trees:
        for feature in range(flow.width if flow.raw else 0):
            values = tree.threshold[tree.feature == feature]
            writing.anchor(flow, feature, values[np.isfinite(values)].tolist())


def grown_in(fitted: Fitted) -> list[Any]:
    """The trees of a forest, or the one of a tree: scikit-learn's own."""
    return [one.tree_ for one in getattr(fitted, "estimators_", [fitted])]


def shares_in(tree: Any) -> Floats:  # noqa: ANN401 - scikit-learn's own
    """Classes in each node as shares: they are counts before scikit-learn 1.3."""
    value = np.asarray(tree.value[:, 0, :], dtype=np.float64)
    shares: Floats = value / value.sum(axis=1, keepdims=True)
    return shares


def _classified(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    if fitted.n_outputs_ != 1:
        raise InvalidInput(_SEVERAL_CLASSES.format(type(fitted).__name__))
    flow, grown = as_trees_read(writing, given), grown_in(fitted)
    trees = [of_tree(tree, shares_in(tree)) for tree in grown]
    anchored(writing, flow, trees)
    graph = writing.graph
    votes = graph.op("Div", summed(graph, flow.name, trees), float(len(trees)))
    return Classified(fitted.classes_, largest(graph, votes), votes)


def _valued(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow, grown = as_trees_read(writing, given), grown_in(fitted)
    trees = [of_tree(tree, np.asarray(tree.value[:, :, 0], dtype=np.float64)) for tree in grown]
    anchored(writing, flow, trees)
    total = summed(writing.graph, flow.name, trees)
    return writing.graph.op("Div", total, float(len(trees)))


def boosted_trees(fitted: Fitted) -> tuple[list[Grown], list[int]]:
    """Of a `GradientBoosting`: trees with their learning rate in them, and what each speaks for."""
    trees, targets = [], []
    for stage in fitted.estimators_:
        for target, one in enumerate(stage):
            value = np.asarray(one.tree_.value[:, 0, :], dtype=np.float64) * fitted.learning_rate
            trees.append(of_tree(one.tree_, value))
            targets.append(target)
    return trees, targets


def boosted_base(fitted: Fitted) -> Floats:
    """What the sums of a `GradientBoosting` start from.

    Raises:
        InvalidInput: another estimator says that.
    """
    count = fitted.estimators_.shape[1]
    if isinstance(fitted.init_, str) and fitted.init_ == "zero":
        return np.zeros(count)
    if type(fitted.init_).__name__ not in ("DummyClassifier", "DummyRegressor"):
        raise InvalidInput(
            f"the {type(fitted).__name__} starts from a {type(fitted.init_).__name__}: fit it "
            "without init"
        )
    rows = np.zeros((1, fitted.n_features_in_), dtype=np.float32)
    base: Floats = np.asarray(fitted._raw_predict_init(rows), dtype=np.float64).ravel()  # noqa: SLF001
    return base


def _boosted_sums(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow = as_trees_read(writing, given)
    trees, targets = boosted_trees(fitted)
    anchored(writing, flow, trees)
    return writing.graph.op(
        "Add", summed(writing.graph, flow.name, trees, targets), boosted_base(fitted)
    )


def _boosted_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    return _boosted_sums(writing, fitted, given)


def _boosted_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    score = _boosted_sums(writing, fitted, given)
    return of_boosted(writing, fitted, score, is_doubled=fitted.loss == "exponential")


def of_boosted(
    writing: Writing, fitted: Fitted, score: str, *, is_doubled: bool = False
) -> Classified:
    """Classes from sums of leaves."""
    graph, classes = writing.graph, fitted.classes_
    if len(classes) == 2:
        odds = graph.op("Mul", score, 2.0) if is_doubled else score
        probability = both(graph, graph.op("Sigmoid", odds))
    else:
        probability = softmax(graph, score)
    return Classified(classes, of_scores(graph, score, len(classes)), probability, score)


def _kinds(task: str, *more: str) -> tuple[str, ...]:
    return tuple(f"{kind}{task}" for kind in ("DecisionTree", "ExtraTree", *more))


_SEVERAL_CLASSES = "the {} answers classes of several targets: fit one for each"
CLASSIFIERS: Mapping[str, Classifies] = {
    **dict.fromkeys(_kinds("Classifier", "RandomForest", "ExtraTrees"), _classified),
    "GradientBoostingClassifier": _boosted_class,
}
REGRESSORS: Mapping[str, Values] = {
    **dict.fromkeys(_kinds("Regressor", "RandomForest", "ExtraTrees"), _valued),
    "GradientBoostingRegressor": _boosted_value,
}

"""Read the sum of trees in an ONNX model, whatever compares and however many a leaf speaks for.

`onnx_trees` reads what the compiled form runs; this reads what can be explained, which is more:
leaves of vectors, all comparisons, classifiers of converters, and what follows the trees aside.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_message import parsed
from lichen.frameworks.onnx_trees import COVERS, LINKS, Attributes, Floats, Ints

_REGRESSOR, _CLASSIFIER = "TreeEnsembleRegressor", "TreeEnsembleClassifier"
MODES = (b"BRANCH_LEQ", b"BRANCH_LT", b"BRANCH_GTE", b"BRANCH_GT", b"BRANCH_EQ", b"BRANCH_NEQ")
"""Comparisons by their number in `EnsembleTables.mode`."""
_LEAF = b"LEAF"
_POST_TRANSFORMS = {b"NONE": "none", b"LOGISTIC": "logistic", b"SOFTMAX": "softmax"}
_PASSED_OVER = ("Cast", "Identity", "Reshape", "Flatten")
"""What changes no number between the trees and their link."""
_NO_NODE = -1
MOST_VALUES = 50_000_000
"""Nodes times targets of trees that are explained: 400 MB."""


@dataclass(frozen=True, slots=True)
class EnsembleTables:
    """A sum of trees; nodes are numbered over all trees.

    Attributes:
        tree: of each node.
        left, right: the nodes that a row goes to; -1 of a leaf.
        feature, threshold, mode, missing_left: of a split: left where `x MODE threshold`.
        cover: see `ForestTables`; None where nobody wrote it down.
        values: `(nodes, targets)` float64: what a leaf adds to each target.
        base: of each target.
        link: a key of `LINKS`.
    """

    tree: Ints
    left: Ints
    right: Ints
    feature: Ints
    threshold: Floats
    mode: NDArray[np.uint8]
    missing_left: NDArray[np.bool_]
    cover: Floats | None
    values: NDArray[np.float64]
    base: NDArray[np.float64]
    link: str

    def looks_within(self, width: int) -> bool:
        """Whether every split asks for one of so many features."""
        asked = self.feature[self.left >= 0]
        return bool(((asked >= 0) & (asked < width)).all())


def has_ensemble(content: bytes) -> bool:
    """Whether it is worth reading."""
    return _REGRESSOR.encode() in content or _CLASSIFIER.encode() in content


def read_ensemble(content: bytes) -> EnsembleTables | None:
    """The trees that a model's input goes into; None where it has no such, or several, or too many.

    Raises:
        InvalidInput: the tables of its trees do not fit each other.
    """
    if not has_ensemble(content):
        return None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = parsed(content).graph
        nodes = [one for one in graph.node if one.op_type in (_REGRESSOR, _CLASSIFIER)]
        if len(nodes) != 1 or not _is_fed(graph, nodes[0]):
            return None
        said = Attributes(nodes[0])
        return _tables(said, nodes[0].op_type == _CLASSIFIER, _link(graph, nodes[0], said))
    except (DecodeError, LookupError, ValueError, OverflowError) as error:
        raise InvalidInput("the tables of the model's trees do not fit each other") from error


def _is_fed(graph: Any, trees: Any) -> bool:  # noqa: ANN401 - messages of ONNX
    """Whether the rows come to the trees as they came to the model."""
    made_by = {name: node for node in graph.node for name in node.output}
    name = trees.input[0]
    while name in made_by and made_by[name].op_type in _PASSED_OVER:
        name = made_by[name].input[0]
    return [one.name for one in graph.input][:1] == [name]


def _link(graph: Any, trees: Any, said: Attributes) -> str:  # noqa: ANN401 - messages of ONNX
    """What follows the sums, as far as it is known; whoever explains checks it on rows."""
    own = _POST_TRANSFORMS.get(said.word("post_transform", b"NONE"), "none")
    if own != "none":
        return own
    wires = {str(trees.output[-1])}
    for node in graph.node:
        if not wires & set(node.input):
            continue
        if node.op_type in _PASSED_OVER:
            wires |= set(node.output)
        elif node.op_type in LINKS.values():
            return next(name for name, kind in LINKS.items() if kind == node.op_type)
    return "none"


def _tables(said: Attributes, is_classifier: bool, link: str) -> EnsembleTables | None:  # noqa: FBT001
    tree, node = said.ints("nodes_treeids"), said.ints("nodes_nodeids")
    modes = said.words("nodes_modes")
    leaf = np.array([mode == _LEAF for mode in modes], dtype=np.bool_)
    if not {*modes} <= {*MODES, _LEAF} or said.word("aggregate_function", b"SUM") != b"SUM":
        return None
    at = {key: place for place, key in enumerate(zip(tree.tolist(), node.tolist(), strict=True))}
    numbers = {mode: number for number, mode in enumerate((*MODES, _LEAF))}
    missing = said.ints("nodes_missing_value_tracks_true")
    cover = said.floats(COVERS)
    targets = _targets(said, is_classifier)
    if len(at) * targets > MOST_VALUES:
        return None
    values, base = _values(said, at, is_classifier, targets)
    return EnsembleTables(
        tree=tree,
        left=_children(at, tree, said.ints("nodes_truenodeids"), leaf),
        right=_children(at, tree, said.ints("nodes_falsenodeids"), leaf),
        feature=np.where(leaf, _NO_NODE, said.ints("nodes_featureids")),
        threshold=said.floats("nodes_values"),
        mode=np.array([numbers[mode] for mode in modes], dtype=np.uint8),
        missing_left=missing.astype(np.bool_) if len(missing) else np.zeros(len(tree), np.bool_),
        cover=cover if len(cover) == len(tree) and (cover > 0).any() else None,
        values=values,
        base=base,
        link=link,
    )


def _children(
    at: dict[tuple[int, int], int], tree: Ints, child: Ints, leaf: NDArray[np.bool_]
) -> Ints:
    pairs = zip(tree.tolist(), child.tolist(), leaf.tolist(), strict=True)
    return np.array(
        [_NO_NODE if is_leaf else at[one, other] for one, other, is_leaf in pairs], dtype=np.int64
    )


def _targets(said: Attributes, is_classifier: bool) -> int:  # noqa: FBT001 - one of two kinds
    if is_classifier:
        return int(said.ints("class_ids").max(initial=0)) + 1
    return said.number("n_targets", 1)


def _values(
    said: Attributes,
    at: dict[tuple[int, int], int],
    is_classifier: bool,  # noqa: FBT001 - one of two kinds
    targets: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What leaves add to each target, and where targets start."""
    kind = "class" if is_classifier else "target"
    ids, weights = said.ints(f"{kind}_ids"), said.floats(f"{kind}_weights")
    nodes = zip(
        said.ints(f"{kind}_treeids").tolist(), said.ints(f"{kind}_nodeids").tolist(), strict=True
    )
    values = np.zeros((len(at), targets))
    np.add.at(values, (np.array([at[key] for key in nodes], dtype=np.int64), ids), weights)
    base = said.floats("base_values").astype(np.float64)
    if is_classifier and len({*ids.tolist()}) == 1:  # of two classes one speaks
        values, base = values[:, -1:], base[-1:]
    return values, base if len(base) == values.shape[1] else np.zeros(values.shape[1])

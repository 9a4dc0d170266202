"""Read a forest out of an ONNX model: one tree ensemble, and perhaps a link function after it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_message import parsed

LINKS = {"none": "", "logistic": "Sigmoid", "exponential": "Exp", "softmax": "Softmax"}
"""What may follow the sum of the leaves, and the ONNX operator that does it."""
COVERS = "nodes_hitrates"
"""The attribute that ONNX has for how often a node is come to; runtimes pass over it."""
_OPERATOR = b"TreeEnsembleRegressor"
_MODES = {b"BRANCH_LEQ": 0, b"BRANCH_LT": 1}
_LEAF = b"LEAF"

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ForestTables:
    """A forest of one comparison, whose leaves each speak for one target.

    Attributes:
        tree, node: which node each row of the tables is, the root of a tree first.
        feature: what it splits on; -1 for a leaf.
        threshold, left, right, missing_left: where a row goes; node numbers within the tree.
        value, target: what a leaf adds, and to which target; 0 for a split.
        base: what each target starts from.
        is_strict: left is `x < threshold`, and `x <= threshold` otherwise.
        link: a key of `LINKS`.
        cover: how much of what the trees were grown on came to each node, in whatever unit their
            library counts; None where nobody wrote it down. Explanations need it, answers do not.
    """

    tree: Ints
    node: Ints
    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: NDArray[np.bool_]
    value: Floats
    target: Ints
    base: NDArray[np.float64]
    is_strict: bool
    link: str
    cover: Floats | None = None


def has_forest(content: bytes) -> bool:
    """Whether it is worth reading: nothing is loaded for the answer."""
    return _OPERATOR in content


def read_forest(content: bytes) -> ForestTables | None:
    """The forest that is all of a model; None when the model is something else.

    Raises:
        InvalidInput: the tables of its trees do not fit each other.
    """
    if not has_forest(content):
        return None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return _read(content)
    except (DecodeError, LookupError, ValueError, OverflowError) as error:
        raise InvalidInput("the tables of the model's trees do not fit each other") from error


def _read(content: bytes) -> ForestTables | None:
    model = parsed(content)
    nodes = list(model.graph.node)
    link = "none"
    if len(nodes) == 2 and nodes[1].op_type in LINKS.values():
        link = next(name for name, kind in LINKS.items() if kind == nodes[1].op_type)
        if list(nodes[1].input) != list(nodes[0].output) or not _is_over_targets(nodes[1]):
            return None
    elif len(nodes) != 1:
        return None
    is_whole = (
        nodes[0].op_type.encode() == _OPERATOR
        and [one.name for one in model.graph.input] == list(nodes[0].input)
        and [one.name for one in model.graph.output] == list(nodes[-1].output)
    )
    return _tables(Attributes(nodes[0]), link) if is_whole else None


def _is_over_targets(node: Any) -> bool:  # noqa: ANN401 - a message of ONNX
    """A softmax must be over the last axis; other links have none."""
    return all(one.i in (-1, 1) for one in node.attribute if one.name == "axis")


class Attributes:
    """The attributes of a node by name."""

    def __init__(self, node: Any) -> None:  # noqa: ANN401 - a message of ONNX
        self._by_name = {one.name: one for one in node.attribute}

    def word(self, name: str, default: bytes) -> bytes:
        """A word, or the default where it is not said."""
        return bytes(self._by_name[name].s) if name in self._by_name else default

    def number(self, name: str, default: int) -> int:
        """A whole number, or the default where it is not said."""
        return int(self._by_name[name].i) if name in self._by_name else default

    def real(self, name: str, default: float) -> float:
        """A number, or the default where it is not said."""
        return float(self._by_name[name].f) if name in self._by_name else default

    def tensor(self, name: str) -> Any:  # noqa: ANN401 - a message of ONNX
        """A tensor.

        Raises:
            LookupError: it is not said.
        """
        return self._by_name[name].t

    def words(self, name: str) -> list[bytes]:
        """Words, none where it is not said."""
        return list(self._by_name[name].strings) if name in self._by_name else []

    def ints(self, name: str) -> Ints:
        """Whole numbers, none where it is not said."""
        found = self._by_name[name].ints if name in self._by_name else ()
        return np.fromiter(found, dtype=np.int64, count=len(found))

    def floats(self, name: str) -> Floats:
        """Numbers, none where it is not said."""
        found = self._by_name[name].floats if name in self._by_name else ()
        return np.fromiter(found, dtype=np.float32, count=len(found))


def _tables(said: Attributes, link: str) -> ForestTables | None:
    modes = said.words("nodes_modes")
    comparisons = {mode for mode in modes if mode != _LEAF}
    if not comparisons <= {next(iter(comparisons), b"")} or not comparisons <= _MODES.keys():
        return None
    if said.word("post_transform", b"NONE") != b"NONE":
        return None
    if said.word("aggregate_function", b"SUM") != b"SUM":
        return None
    tree, node = said.ints("nodes_treeids"), said.ints("nodes_nodeids")
    leaf = np.array([mode == _LEAF for mode in modes], dtype=np.bool_)
    value, target = np.zeros(len(tree), np.float32), np.zeros(len(tree), np.int64)
    places = _places(tree, node, said)
    if places is None or len(places) != leaf.sum():
        return None  # a leaf that speaks for several targets, or for none
    value[places], target[places] = said.floats("target_weights"), said.ints("target_ids")
    targets = said.number("n_targets", 1)
    base = said.floats("base_values").astype(np.float64)
    missing = said.ints("nodes_missing_value_tracks_true")
    cover = said.floats(COVERS)
    return ForestTables(
        tree=tree,
        node=node,
        feature=np.where(leaf, -1, said.ints("nodes_featureids")),
        threshold=said.floats("nodes_values"),
        left=said.ints("nodes_truenodeids"),
        right=said.ints("nodes_falsenodeids"),
        missing_left=missing.astype(np.bool_) if len(missing) else np.zeros(len(tree), np.bool_),
        value=value,
        target=target,
        base=base if len(base) == targets else np.zeros(targets),
        is_strict=b"BRANCH_LT" in comparisons,
        link=link,
        cover=cover if len(cover) == len(tree) else None,
    )


def _places(tree: Ints, node: Ints, said: Attributes) -> Ints | None:
    """Which row of the tables each weight belongs to; None unless each has its own."""
    at = {key: place for place, key in enumerate(zip(tree.tolist(), node.tolist(), strict=True))}
    weighed = zip(
        said.ints("target_treeids").tolist(), said.ints("target_nodeids").tolist(), strict=True
    )
    places = [at[key] for key in weighed]
    return np.array(places, dtype=np.int64) if len(set(places)) == len(places) else None

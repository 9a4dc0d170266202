"""XGBoost's models with all that they may have: categories, linear boosters, survival, classes."""

from collections.abc import Sequence

import msgspec
import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.boosted.booster import Booster, Floats
from lichen.frameworks.importing.scikit.trees import Grown

_LINKS = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), "logistic"),
    **dict.fromkeys(
        ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"),
        "exponential",
    ),
    **dict.fromkeys(
        (
            *("reg:squarederror", "reg:squaredlogerror", "reg:absoluteerror", "reg:linear"),
            *("reg:pseudohubererror", "reg:quantileerror", "reg:expectileerror"),
            *("rank:ndcg", "rank:map", "rank:pairwise", "binary:logitraw"),
        ),
        "none",
    ),
    "multi:softprob": "softmax",
    "multi:softmax": "class",
    "binary:hinge": "hinge",
}


class _Objective(msgspec.Struct):
    name: str


class _Shape(msgspec.Struct):
    base_score: str
    num_class: str = "0"
    num_target: str = "1"
    num_feature: str = "0"


class _LeafForm(msgspec.Struct):
    size_leaf_vector: str = "1"


class _Tree(msgspec.Struct):
    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]
    split_type: list[int]
    tree_param: _LeafForm
    categories: list[int] = []
    categories_nodes: list[int] = []
    categories_segments: list[int] = []
    categories_sizes: list[int] = []


class _Kept(msgspec.Struct):
    trees: list[_Tree] = []
    tree_info: list[int] = []
    weights: list[float] = []


class _Boosted(msgspec.Struct):
    name: str
    model: _Kept | None = None
    gbtree: "_Boosted | None" = None
    weight_drop: list[float] = []


class _Learner(msgspec.Struct):
    learner_model_param: _Shape
    objective: _Objective
    gradient_booster: _Boosted


class _Model(msgspec.Struct):
    learner: _Learner


def xgboost_booster(saved: bytes) -> Booster:
    """The booster in JSON that XGBoost itself wrote.

    Raises:
        InvalidInput: its objective has no formula here, or its leaves hold vectors.
    """
    learner = msgspec.json.decode(saved, type=_Model).learner
    name = learner.objective.name
    if name not in _LINKS:
        raise InvalidInput(
            f"its objective is {name!r}, whose answers have no formula here: train it with one of "
            f"{', '.join(sorted(_LINKS))}"
        )
    shape, outer = learner.learner_model_param, learner.gradient_booster
    kept = (outer.gbtree or outer).model or _Kept()
    targets = max(1, int(shape.num_class), int(shape.num_target))
    base = _margin(shape.base_score, targets, _LINKS[name])
    if kept.weights:
        matrix = np.array(kept.weights).reshape(-1, targets)
        return Booster(
            trees=(), targets=(), base=base + matrix[-1], link=_LINKS[name], weights=matrix[:-1]
        )
    counted = outer.weight_drop or [1.0] * len(kept.trees)
    return Booster(
        trees=tuple(_grown(tree, weight) for tree, weight in zip(kept.trees, counted, strict=True)),
        targets=tuple(kept.tree_info),
        base=base,
        link=_LINKS[name],
        categories=_categories(kept.trees),
    )


def _margin(said: str, targets: int, link: str) -> Floats:
    """What the sums start from: written as an answer, wanted before the link."""
    score = np.array(said.strip("[]").split(","), dtype=np.float64)
    if link == "logistic":
        score = np.log(score / (1 - score))
    elif link == "exponential":
        score = np.log(score)
    return np.broadcast_to(score, (targets,)).copy()


def _grown(tree: _Tree, weight: float) -> Grown:
    """A row goes left under a threshold; a category that a split lists goes right."""
    if tree.tree_param.size_leaf_vector not in ("0", "1"):
        raise InvalidInput("its leaves hold vectors: train it with one_output_per_tree")
    left, right = np.array(tree.left_children), np.array(tree.right_children)
    condition = np.array(tree.split_conditions, dtype=np.float32)
    leaf, default = left < 0, np.array(tree.default_left, dtype=np.bool_)
    under = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
    members = _members(tree)
    for node in members:
        left[node], right[node] = right[node], left[node]
        default[node] = not default[node]
    value = np.where(leaf, condition * np.float32(weight), np.float32(0)).astype(np.float64)
    return Grown(
        feature=np.where(leaf, -1, np.array(tree.split_indices)).astype(np.int64),
        threshold=np.where(leaf, 0.0, under),
        left=left.astype(np.int64),
        right=right.astype(np.int64),
        missing_left=default & ~leaf,
        value=value[:, np.newaxis],
        members=members,
        cover=np.ones(len(left)),
    )


def _members(tree: _Tree) -> dict[int, tuple[float, ...]]:
    spans = zip(tree.categories_nodes, tree.categories_segments, tree.categories_sizes, strict=True)
    return {
        node: tuple(float(one) for one in tree.categories[first : first + size]) or (-1.0,)
        for node, first, size in spans
    }


def _categories(trees: Sequence[_Tree]) -> dict[int, tuple[int, ...]]:
    known: dict[int, set[int]] = {}
    for tree in trees:
        for node, members in _members(tree).items():
            found = known.setdefault(tree.split_indices[node], set())
            found.update(int(one) for one in members if one >= 0)
    return {feature: tuple(sorted(found)) for feature, found in sorted(known.items())}

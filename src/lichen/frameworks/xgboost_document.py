"""The JSON that XGBoost writes of a model: what is read of it, and what its objectives answer."""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

LINKS: Mapping[str, str] = {
    **dict.fromkeys(("binary:logistic", "reg:logistic"), "logistic"),
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie"), "exponential"),
    **dict.fromkeys(
        (
            *("reg:squarederror", "reg:squaredlogerror", "reg:absoluteerror"),
            *("reg:pseudohubererror", "reg:quantileerror", "binary:logitraw"),
            *("rank:ndcg", "rank:map", "rank:pairwise"),
        ),
        "none",
    ),
    "multi:softprob": "softmax",
}
"""What becomes of the sum of the leaves, by objective, where ONNX trees can do it."""


class Objective(msgspec.Struct):
    """What a booster was trained for."""

    name: str


class Shape(msgspec.Struct):
    """How many values it answers, and what its sums start from: numbers as texts."""

    base_score: str
    num_class: str = "0"
    num_target: str = "1"

    @property
    def targets(self) -> int:
        """Values that it answers a row."""
        return max(1, int(self.num_class), int(self.num_target))


class LeafForm(msgspec.Struct):
    """Of a tree: how many values a leaf has."""

    size_leaf_vector: str = "1"


class Tree(msgspec.Struct):
    """One tree, of each node what it splits on, where, and which nodes follow."""

    left_children: list[int]
    right_children: list[int]
    split_indices: list[int]
    split_conditions: list[float]
    default_left: list[int]
    split_type: list[int]
    tree_param: LeafForm
    sum_hessian: list[float] = []
    categories: list[int] = []
    categories_nodes: list[int] = []
    categories_segments: list[int] = []
    categories_sizes: list[int] = []


class Kept(msgspec.Struct):
    """Trees, and the target of each; of a linear booster its weights."""

    trees: list[Tree] = []
    tree_info: list[int] = []
    weights: list[float] = []


class Boosted(msgspec.Struct):
    """A booster; one whose trees were dropped now and then (DART) has another within."""

    name: str
    model: Kept | None = None
    gbtree: "Boosted | None" = None
    weight_drop: list[float] = []

    @property
    def kept(self) -> Kept:
        """What it holds."""
        return (self.gbtree or self).model or Kept()

    @property
    def counted(self) -> list[float]:
        """What each tree counts: less than 1 where trees were dropped."""
        return self.weight_drop or [1.0] * len(self.kept.trees)


class Learner(msgspec.Struct):
    """All of a model that its answers depend on."""

    learner_model_param: Shape
    objective: Objective
    gradient_booster: Boosted


class _Model(msgspec.Struct):
    learner: Learner


def learner_in(saved: bytes) -> Learner:
    """The learner in JSON that XGBoost itself wrote.

    Raises:
        MsgspecError: it is of another form.
    """
    return msgspec.json.decode(saved, type=_Model).learner


def check_leaves(tree: Tree) -> None:
    """Does each leaf say one number?

    Raises:
        InvalidInput: its leaves hold vectors.
    """
    if tree.tree_param.size_leaf_vector not in ("0", "1"):
        raise InvalidInput("its leaves hold vectors: train it with one_output_per_tree")


def margin(shape: Shape, link: str) -> NDArray[np.float64]:
    """What the sums start from: written as an answer, wanted before the link."""
    score = np.array(shape.base_score.strip("[]").split(","), dtype=np.float64)
    if link == "logistic":
        score = np.log(score / (1 - score))
    elif link == "exponential":
        score = np.log(score)
    return np.broadcast_to(score, (shape.targets,)).copy()

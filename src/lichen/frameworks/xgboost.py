"""XGBoost: read its models. The only file that imports it; it never serves (see runtimes.md)."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, Unavailable
from lichen.frameworks.foreign_forest import ForeignForest
from lichen.frameworks.onnx_trees import ForestTables

_LINKS = {
    "reg:squarederror": "none",
    "reg:squaredlogerror": "none",
    "reg:absoluteerror": "none",
    "reg:pseudohubererror": "none",
    "reg:quantileerror": "none",
    "rank:ndcg": "none",
    "rank:map": "none",
    "rank:pairwise": "none",
    "binary:logitraw": "none",
    "binary:logistic": "logistic",
    "reg:logistic": "logistic",
    "multi:softprob": "softmax",
    "count:poisson": "exponential",
    "reg:gamma": "exponential",
    "reg:tweedie": "exponential",
}


class _Objective(msgspec.Struct):
    name: str


class _Shape(msgspec.Struct):
    base_score: str
    num_class: str = "0"
    num_target: str = "1"


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
    sum_hessian: list[float] = []


class _Trees(msgspec.Struct):
    trees: list[_Tree] = []
    tree_info: list[int] = []


class _Booster(msgspec.Struct):
    name: str
    model: _Trees | None = None
    gbtree: "_Booster | None" = None
    weight_drop: list[float] = []


class _Learner(msgspec.Struct):
    learner_model_param: _Shape
    objective: _Objective
    gradient_booster: _Booster


class _Model(msgspec.Struct):
    learner: _Learner


def read_xgboost(content: bytes) -> ForeignForest:
    """The forest in a JSON or UBJSON model that XGBoost wrote (`Booster.save_model`).

    Raises:
        InvalidInput: it is none, or holds what no runtime here can do; or XGBoost is missing.
    """
    try:
        import xgboost
    except ImportError as missing:
        raise InvalidInput(
            "an XGBoost model is read with XGBoost: install lichen[xgboost]"
        ) from missing
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(content))
        model = msgspec.json.decode(bytes(booster.save_raw("json")), type=_Model)
    except (xgboost.core.XGBoostError, msgspec.MsgspecError) as error:
        raise InvalidInput("XGBoost does not read it: save the booster again as JSON") from error

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(booster.inplace_predict(rows), dtype=np.float64)

    width = booster.num_features()
    return ForeignForest(
        tables=forest_in(model.learner),
        features=tuple(booster.feature_names or (f"f{number}" for number in range(width))),
        objective=model.learner.objective.name,
        library=f"xgboost {xgboost.__version__}",
        predict=predict,
    )


def library() -> Any:  # noqa: ANN401 - it has no types
    """XGBoost itself.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        import xgboost
    except ImportError as missing:
        raise Unavailable(
            "XGBoost is not installed: install lichen[xgboost], or leave algorithm 'xgboost' out"
        ) from missing
    return xgboost


def sums_of(booster: Any) -> ForestTables:  # noqa: ANN401 - XGBoost's own
    """The forest of a booster that was trained here, without its link: it answers the sums."""
    model = msgspec.json.decode(bytes(booster.save_raw("json")), type=_Model)
    return replace(forest_in(model.learner), link="none")


def forest_in(learner: _Learner) -> ForestTables:
    """The forest of a learner.

    Raises:
        InvalidInput: it holds what ONNX trees cannot do; the message says what to do instead.
    """
    objective = learner.objective.name
    if objective not in _LINKS:
        raise InvalidInput(
            f"its objective is {objective!r}, which cannot be served as ONNX trees: "
            f"train with one of {', '.join(sorted(_LINKS))}"
        )
    trees, weights = _trees(learner.gradient_booster)
    shape = learner.learner_model_param
    targets = max(1, int(shape.num_class), int(shape.num_target))
    link = _LINKS[objective]
    tables = [
        _tree(number, tree, (target, weight))
        for number, (tree, target, weight) in enumerate(
            zip(trees.trees, trees.tree_info, weights, strict=True)
        )
    ]
    joined: dict[str, Any] = {
        name: np.concatenate([table[name] for table in tables]) for name in tables[0]
    }
    if not (joined["cover"] > 0).any():
        joined["cover"] = None
    base = _base(shape.base_score, targets, link)
    return ForestTables(**joined, base=base, is_strict=True, link=link)


def _trees(booster: _Booster) -> tuple[_Trees, list[float]]:
    """The trees, and what each counts: less than 1 where trees were dropped (DART)."""
    inner = booster.gbtree or booster
    if inner.model is None or not inner.model.trees:
        raise InvalidInput(f"it holds no trees (its booster is {booster.name!r}): train a gbtree")
    return inner.model, booster.weight_drop or [1.0] * len(inner.model.trees)


def _base(said: str, targets: int, link: str) -> NDArray[np.float64]:
    """What the sums start from: written as an answer, wanted before the link."""
    score = np.array(said.strip("[]").split(","), dtype=np.float64)
    if link == "logistic":
        score = np.log(score / (1 - score))
    elif link == "exponential":
        score = np.log(score)
    return np.broadcast_to(score, (targets,)).copy()


def _tree(number: int, tree: _Tree, counted: tuple[int, float]) -> dict[str, NDArray[Any]]:
    """One tree's rows of the tables."""
    if any(tree.split_type):
        raise InvalidInput(
            "it splits on categories, which the ONNX form does not take: train it on one-hot "
            "columns, or on the categories' numbers as numbers"
        )
    if tree.tree_param.size_leaf_vector not in ("0", "1"):
        raise InvalidInput("its leaves hold vectors: train it with one_output_per_tree")
    target, weight = counted
    left = np.array(tree.left_children, dtype=np.int64)
    leaf, count = left < 0, len(left)
    condition = np.array(tree.split_conditions, dtype=np.float32)
    return {
        "tree": np.full(count, number),
        "node": np.arange(count),
        "feature": np.where(leaf, -1, np.array(tree.split_indices, dtype=np.int64)),
        "threshold": np.where(leaf, np.float32(0), condition),
        "left": np.where(leaf, 0, left),
        "right": np.where(leaf, 0, np.array(tree.right_children, dtype=np.int64)),
        "missing_left": ~leaf & np.array(tree.default_left, dtype=np.bool_),
        "value": np.where(leaf, condition * np.float32(weight), np.float32(0)),
        "target": np.where(leaf, target, 0),
        "cover": _cover(tree.sum_hessian, count),
    }


def _cover(said: list[float], count: int) -> NDArray[np.float32]:
    """The curvature of the rows that came to each node; 0 where it is not said."""
    found = np.array(said, dtype=np.float32)
    return found if len(found) == count else np.zeros(count, dtype=np.float32)

"""XGBoost: read its models. The only file that imports it; it never serves (see runtimes.md)."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, Unavailable
from lichen.frameworks.foreign_forest import ForeignForest
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.xgboost_document import (
    LINKS,
    Learner,
    Tree,
    check_leaves,
    learner_in,
    margin,
)


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
        learner = learner_in(bytes(booster.save_raw("json")))
    except (xgboost.core.XGBoostError, msgspec.MsgspecError) as error:
        raise InvalidInput("XGBoost does not read it: save the booster again as JSON") from error

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(booster.inplace_predict(rows), dtype=np.float64)

    width = booster.num_features()
    return ForeignForest(
        tables=forest_in(learner),
        features=tuple(booster.feature_names or (f"f{number}" for number in range(width))),
        objective=learner.objective.name,
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
    return replace(forest_in(learner_in(bytes(booster.save_raw("json")))), link="none")


def forest_in(learner: Learner) -> ForestTables:
    """The forest of a learner.

    Raises:
        InvalidInput: it holds what ONNX trees cannot do; the message says what to do instead.
    """
    objective = learner.objective.name
    if objective not in LINKS:
        raise InvalidInput(
            f"its objective is {objective!r}, which cannot be served as ONNX trees: "
            f"train with one of {', '.join(sorted(LINKS))}"
        )
    booster, link = learner.gradient_booster, LINKS[objective]
    kept = booster.kept
    if not kept.trees:
        raise InvalidInput(f"it holds no trees (its booster is {booster.name!r}): train a gbtree")
    tables = [
        _tree(number, tree, (target, weight))
        for number, (tree, target, weight) in enumerate(
            zip(kept.trees, kept.tree_info, booster.counted, strict=True)
        )
    ]
    joined: dict[str, Any] = {
        name: np.concatenate([table[name] for table in tables]) for name in tables[0]
    }
    if not (joined["cover"] > 0).any():
        joined["cover"] = None
    base = margin(learner.learner_model_param, link)
    return ForestTables(**joined, base=base, is_strict=True, link=link)


def _tree(number: int, tree: Tree, counted: tuple[int, float]) -> dict[str, NDArray[Any]]:
    """One tree's rows of the tables."""
    if any(tree.split_type):
        raise InvalidInput(
            "it splits on categories, which the ONNX form does not take: train it on one-hot "
            "columns, or on the categories' numbers as numbers"
        )
    check_leaves(tree)
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

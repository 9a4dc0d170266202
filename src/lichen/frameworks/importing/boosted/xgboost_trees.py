"""XGBoost's models with all that they may have: categories, linear boosters, survival, classes."""

from collections.abc import Sequence

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.boosted.booster import Booster
from lichen.frameworks.importing.scikit.trees import Grown
from lichen.frameworks.xgboost_document import LINKS, Tree, check_leaves, learner_in, margin

_LINKS = {
    **LINKS,
    **dict.fromkeys(("reg:linear", "reg:expectileerror"), "none"),
    **dict.fromkeys(("survival:cox", "survival:aft"), "exponential"),
    "multi:softmax": "class",
    "binary:hinge": "hinge",
}


def xgboost_booster(saved: bytes) -> Booster:
    """The booster in JSON that XGBoost itself wrote.

    Raises:
        InvalidInput: its objective has no formula here, or its leaves hold vectors.
    """
    learner = learner_in(saved)
    name = learner.objective.name
    if name not in _LINKS:
        raise InvalidInput(
            f"its objective is {name!r}, whose answers have no formula here: train it with one of "
            f"{', '.join(sorted(_LINKS))}"
        )
    booster, link = learner.gradient_booster, _LINKS[name]
    kept, base = booster.kept, margin(learner.learner_model_param, link)
    if kept.weights:
        matrix = np.array(kept.weights).reshape(-1, len(base))
        return Booster(trees=(), targets=(), base=base + matrix[-1], link=link, weights=matrix[:-1])
    counted = zip(kept.trees, booster.counted, strict=True)
    return Booster(
        trees=tuple(_grown(tree, weight) for tree, weight in counted),
        targets=tuple(kept.tree_info),
        base=base,
        link=link,
        categories=_categories(kept.trees),
    )


def _grown(tree: Tree, weight: float) -> Grown:
    """A row goes left under a threshold; a category that a split lists goes right."""
    check_leaves(tree)
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


def _members(tree: Tree) -> dict[int, tuple[float, ...]]:
    spans = zip(tree.categories_nodes, tree.categories_segments, tree.categories_sizes, strict=True)
    return {
        node: tuple(float(one) for one in tree.categories[first : first + size]) or (-1.0,)
        for node, first, size in spans
    }


def _categories(trees: Sequence[Tree]) -> dict[int, tuple[int, ...]]:
    known: dict[int, set[int]] = {}
    for tree in trees:
        for node, members in _members(tree).items():
            found = known.setdefault(tree.split_indices[node], set())
            found.update(int(one) for one in members if one >= 0)
    return {feature: tuple(sorted(found)) for feature, found in sorted(known.items())}

"""LightGBM's text with all that its trees may have: categories, linear leaves, zeros as missing."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.boosted.booster import Booster, LinearLeaves
from lichen.frameworks.importing.scikit.trees import Grown

_LINKS = {
    **dict.fromkeys(("binary", "multiclassova", "cross_entropy"), "logistic"),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exponential"),
    **dict.fromkeys(
        (
            *("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank"),
            *("rank_xendcg", "custom"),
        ),
        "none",
    ),
    "multiclass": "softmax",
    "cross_entropy_lambda": "log one more",
}
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_ZERO, _NAN = 1, 2
Fields = Mapping[str, str]


def lightgbm_booster(text: str) -> Booster:
    """The booster in a text that LightGBM itself wrote.

    Raises:
        InvalidInput: its objective has no formula here, or it has no trees.
    """
    header, *sections = text.partition("\nend of trees")[0].split("\nTree=")
    fields, trees = _fields(header), [_fields(section) for section in sections]
    name, *options = fields.get("objective", "custom").split()
    if name not in _LINKS or not trees:
        raise InvalidInput(
            f"its objective is {name!r}, whose answers have no formula here: train it with one of "
            f"{', '.join(sorted(_LINKS))}"
        )
    settings = dict(one.split(":", 1) for one in options if ":" in one)
    targets = int(fields.get("num_tree_per_iteration", "1"))
    scale = float(settings.get("sigmoid", "1"))
    if "average_output" in header.splitlines():
        scale /= len(trees) / targets
    width = int(fields["max_feature_idx"]) + 1
    has_linear = any(tree.get("is_linear", "0") != "0" for tree in trees)
    return Booster(
        trees=tuple(_grown(tree, scale) for tree in trees),
        targets=tuple(number % targets for number in range(len(trees))),
        base=np.zeros(targets),
        link="squared" if "sqrt" in options else _LINKS[name],
        leaves=_linear(trees, width, scale) if has_linear else None,
        zero_is_missing=_zeros(trees),
        categories=_categories(trees),
    )


def _fields(section: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def _numbers(fields: Fields, name: str, dtype: type) -> NDArray[Any]:
    words: Sequence[str] = fields.get(name, "").split()
    return np.array(words, dtype=np.float64).astype(dtype) if words else np.zeros(0, dtype)


def _splits(fields: Fields) -> int:
    leaves = len(fields.get("leaf_value", "").split())
    return leaves - 1 if "split_feature" in fields else 0


def _grown(fields: Fields, scale: float) -> Grown:
    """Splits first, then leaves, which LightGBM counts as complements."""
    splits = _splits(fields)
    values = _numbers(fields, "leaf_value", np.float64) * scale
    kinds = _numbers(fields, "decision_type", np.int64)[:splits]
    threshold = _numbers(fields, "threshold", np.float64)[:splits]
    none = np.zeros(len(values), dtype=np.int64)
    left, right = (
        np.where(said < 0, splits + ~said, said)
        for said in (_numbers(fields, f"{side}_child", np.int64)[:splits] for side in _SIDES)
    )
    is_set = (kinds & _CATEGORICAL) > 0
    kept = np.where((kinds >> 2) & 3 == 0, threshold >= 0, (kinds & _DEFAULT_LEFT) > 0)
    sets = _sets(fields)
    return Grown(
        feature=np.append(_numbers(fields, "split_feature", np.int64)[:splits], none - 1),
        threshold=np.append(threshold, none.astype(np.float64)),
        left=np.append(left, none),
        right=np.append(right, none),
        missing_left=np.append(kept & ~is_set, none.astype(np.bool_)),
        value=np.append(np.zeros(splits), values)[:, np.newaxis],
        members={
            node: tuple(map(float, sets[int(threshold[node])])) or (-1.0,)
            for node in np.flatnonzero(is_set).tolist()
        },
        cover=np.ones(splits + len(values)),
    )


_SIDES = ("left", "right")


def _sets(fields: Fields) -> list[list[int]]:
    """The categories that go left, of each split on categories."""
    ends = _numbers(fields, "cat_boundaries", np.int64).tolist()
    words = _numbers(fields, "cat_threshold", np.int64).astype("<u4")
    bits = np.unpackbits(words.view(np.uint8), bitorder="little").reshape(-1, 32)
    return [np.flatnonzero(bits[first:last].ravel()).tolist() for first, last in pairwise(ends)]


def _zeros(trees: Sequence[Fields]) -> tuple[int, ...]:
    """Features whose 0 is missing; of a feature it is so everywhere."""
    found = set()
    for tree in trees:
        splits = _splits(tree)
        kinds = _numbers(tree, "decision_type", np.int64)[:splits]
        feature = _numbers(tree, "split_feature", np.int64)[:splits]
        is_zero = ((kinds >> 2) & 3 == _ZERO) & (kinds & _CATEGORICAL == 0)
        found.update(feature[is_zero].tolist())
    return tuple(sorted(found))


def _categories(trees: Sequence[Fields]) -> dict[int, tuple[int, ...]]:
    known: dict[int, set[int]] = {}
    for tree in trees:
        splits, sets = _splits(tree), _sets(tree)
        kinds = _numbers(tree, "decision_type", np.int64)[:splits]
        feature = _numbers(tree, "split_feature", np.int64)[:splits]
        threshold = _numbers(tree, "threshold", np.float64)[:splits]
        for node in np.flatnonzero(kinds & _CATEGORICAL).tolist():
            known.setdefault(int(feature[node]), set()).update(sets[int(threshold[node])])
    return {feature: tuple(sorted(found)) for feature, found in sorted(known.items())}


def _linear(trees: Sequence[Fields], width: int, scale: float) -> LinearLeaves:
    constants, weights = [], []
    for tree in trees:
        count = len(tree.get("leaf_value", "").split())
        said = _numbers(tree, "leaf_const", np.float64)
        plain = _numbers(tree, "leaf_value", np.float64)
        constants.append(said if len(said) else plain)
        matrix = np.zeros((count, width))
        counts = _numbers(tree, "num_features", np.int64)
        places = np.repeat(np.arange(len(counts)), counts)
        matrix[places, _numbers(tree, "leaf_features", np.int64)] = _numbers(
            tree, "leaf_coeff", np.float64
        )
        weights.append(matrix)
    whole = np.concatenate(weights)
    return LinearLeaves(np.concatenate(constants) * scale, whole * scale, whole != 0)

"""LightGBM's text form of a model: its trees as tables. No LightGBM is needed to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.onnx_writer import float32_below

_LINKS = {
    "regression": "none",
    "regression_l1": "none",
    "huber": "none",
    "fair": "none",
    "quantile": "none",
    "mape": "none",
    "lambdarank": "none",
    "rank_xendcg": "none",
    "custom": "none",
    "binary": "logistic",
    "multiclassova": "logistic",
    "cross_entropy": "logistic",
    "multiclass": "softmax",
    "poisson": "exponential",
    "gamma": "exponential",
    "tweedie": "exponential",
}
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_ZERO_IS_MISSING, _NAN_IS_MISSING = 1, 2

Fields = Mapping[str, str]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Objective:
    """What the sum of the leaves becomes: `scale` comes first, then the link."""

    name: str
    link: str
    scale: float


def forest_in(text: str) -> tuple[ForestTables, str]:
    """The forest, and the name of its objective.

    Raises:
        InvalidInput: it holds what ONNX trees cannot do; the message says what to do instead.
    """
    header, *sections = text.partition("\nend of trees")[0].split("\nTree=")
    fields = _fields(header)
    objective = _objective(fields.get("objective", "custom"))
    trees = [_fields(section) for section in sections]
    if not trees:
        raise InvalidInput("it holds no trees: train it for a round at least")
    targets = int(fields.get("num_tree_per_iteration", "1"))
    scale = objective.scale
    if "average_output" in header.splitlines():
        scale /= len(trees) / targets
    tables = [_tree(number, tree, number % targets, scale) for number, tree in enumerate(trees)]
    joined: dict[str, Any] = {
        name: np.concatenate([table[name] for table in tables]) for name in tables[0]
    }
    if not (joined["cover"] > 0).any():
        joined["cover"] = None
    base = np.zeros(targets)
    return ForestTables(**joined, base=base, is_strict=False, link=objective.link), objective.name


def _fields(section: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def _objective(said: str) -> _Objective:
    name, *options = said.split()
    settings = dict(option.split(":", 1) for option in options if ":" in option)
    if name not in _LINKS or "sqrt" in options:
        raise InvalidInput(
            f"its objective is {said!r}, which cannot be served as ONNX trees: "
            f"train with one of {', '.join(sorted(_LINKS))}"
        )
    return _Objective(name, _LINKS[name], float(settings.get("sigmoid", "1")))


def _tree(number: int, fields: Fields, target: int, scale: float) -> dict[str, NDArray[Any]]:
    """One tree's rows of the tables: its splits, then its leaves."""
    if fields.get("is_linear", "0") != "0":
        raise InvalidInput("its leaves are linear models: train it with linear_tree=false")
    leaves = _numbers(fields, "leaf_value", np.float64) * scale
    splits = len(leaves) - 1 if "split_feature" in fields else 0
    kinds = _numbers(fields, "decision_type", np.int64)[:splits]
    if (kinds & _CATEGORICAL).any():
        raise InvalidInput(
            "it splits on categories, which the ONNX form does not take: train it on one-hot "
            "columns, or on the categories' numbers as numbers"
        )
    threshold = _numbers(fields, "threshold", np.float64)[:splits]
    none = np.zeros(len(leaves), dtype=np.int64)
    with np.errstate(over="ignore"):  # beyond float32 is beyond every row
        rounded = float32_below(threshold)
    return {
        "tree": np.full(splits + len(leaves), number),
        "node": np.arange(splits + len(leaves)),
        "feature": np.append(_numbers(fields, "split_feature", np.int64)[:splits], none - 1),
        "threshold": np.append(rounded, none.astype(np.float32)),
        "left": np.append(_children(fields, "left_child", splits), none),
        "right": np.append(_children(fields, "right_child", splits), none),
        "missing_left": np.append(_missing_left(kinds, threshold), none.astype(np.bool_)),
        "value": np.append(np.zeros(splits), leaves).astype(np.float32),
        "cover": _cover(fields, splits, len(leaves)),
        "target": np.append(np.zeros(splits, dtype=np.int64), none + target),
    }


def _cover(fields: Fields, splits: int, leaves: int) -> NDArray[np.float32]:
    """The rows that came to each node; 0 where it is not said (a tree of one leaf says none)."""
    inner = _numbers(fields, "internal_count", np.float32)[:splits]
    ends = _numbers(fields, "leaf_count", np.float32)
    said = np.append(inner, ends).astype(np.float32)
    return said if len(said) == splits + leaves else np.zeros(splits + leaves, dtype=np.float32)


def _missing_left(kinds: NDArray[np.int64], threshold: Floats) -> NDArray[np.bool_]:
    """Where NaN goes: as 0 does, or by default, as each split was trained."""
    missing, default = (kinds >> 2) & 3, (kinds & _DEFAULT_LEFT) > 0
    zero: NDArray[np.bool_] = threshold >= 0
    if ((missing == _ZERO_IS_MISSING) & (default != zero)).any():
        raise InvalidInput("it takes 0 for missing: train it with zero_as_missing=false")
    return np.where(missing == _NAN_IS_MISSING, default, zero)


def _children(fields: Fields, name: str, splits: int) -> NDArray[np.int64]:
    """Leaves are written as the complement of their number; here they follow the splits."""
    said = _numbers(fields, name, np.int64)[:splits]
    return np.where(said < 0, splits + ~said, said)


def _numbers(fields: Fields, name: str, dtype: type) -> NDArray[Any]:
    words: Sequence[str] = fields.get(name, "").split()
    return np.array(words, dtype=np.float64).astype(dtype) if words else np.zeros(0, dtype)

"""Trees that are all of a model: a forest of ours, as compiled forms and explanations take it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lichen.frameworks.forest_writer import INPUT, forest_model, votes_model
from lichen.frameworks.importing.scikit.answers import labels_of
from lichen.frameworks.importing.scikit.composing import innermost
from lichen.frameworks.importing.scikit.histograms import (
    has_categories,
    histogram_base,
    histogram_trees,
)
from lichen.frameworks.importing.scikit.trees import (
    Grown,
    boosted_base,
    boosted_trees,
    grown_in,
    of_tree,
    shares_in,
)
from lichen.frameworks.importing.scikit.writing import Fitted, Floats
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.onnx_writer import float32_below
from lichen.pipeline.declaration import Classes, Heads, Value

_AVERAGED = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
_BOOSTED = ("GradientBoosting", "HistGradientBoosting")
RAW = "raw"
_BINARY = 2
_TIED = 4e-6
"""Shares of classes so near are even: their sums in float32 differ by as much, and the first class
is answered, as scikit-learn does of classes that are even."""


@dataclass(frozen=True, slots=True)
class Forest:
    """A core, and the head that it needs.

    Attributes:
        core: ONNX, `x` float32 `(rows, width)` in, `raw` out.
        grown: its trees, for the trial.
    """

    core: bytes
    head: Heads
    grown: tuple[Grown, ...]


def forest_of(fitted: Fitted) -> Forest | None:
    """The forest that an estimator is; None where it is more than trees of numbers."""
    inner = innermost(fitted)
    kind = type(inner).__name__
    if not _is_alone(fitted, inner) or not type(inner).__module__.startswith("sklearn."):
        return None
    name, is_class = kind.removesuffix("Classifier").removesuffix("Regressor"), "Classifier" in kind
    if name in _AVERAGED and hasattr(inner, "n_outputs_") and inner.n_outputs_ == 1:
        return _averaged(inner, is_class=is_class)
    if name in _BOOSTED and hasattr(inner, "n_features_in_") and not has_categories(inner):
        return _boosted(inner, is_class=is_class)
    return None


def _is_alone(fitted: Fitted, inner: Fitted) -> bool:
    while fitted is not inner:
        steps = getattr(fitted, "steps", None)
        if steps is None:
            fitted = fitted.best_estimator_
            continue
        if any(step is not None and step != "passthrough" for _, step in steps[:-1]):
            return False
        fitted = steps[-1][1]
    return True


def _averaged(fitted: Fitted, *, is_class: bool) -> Forest:
    """The mean of trees: of a value, of the second of two classes, or votes for several."""
    trees = grown_in(fitted)
    values = [shares_in(one) if is_class else one.value[:, 0, :] for one in trees]
    grown = tuple(of_tree(one, value) for one, value in zip(trees, values, strict=True))
    tables = _tables(grown, [0] * len(grown), np.zeros(1))
    leaf = tables.feature < 0
    votes = (np.concatenate(values)[leaf] / len(trees)).astype(np.float32)
    width, names = fitted.n_features_in_, (INPUT, RAW)
    classes = len(fitted.classes_) if is_class else 0
    if classes > _BINARY:
        core = votes_model(tables, votes, width, names)
    else:
        tables.value[leaf] = votes[:, -1]
        core = forest_model(tables, width, names)
    if not is_class:
        return Forest(core, Value(), grown)
    cuts = [1.0 + _TIED * at for at in range(classes)] if classes > 1 else []
    labels = list(labels_of(fitted.classes_))
    return Forest(core, Classes(labels=labels, link="probability", cuts=cuts), grown)


def _boosted(fitted: Fitted, *, is_class: bool) -> Forest | None:
    is_histogram = type(fitted).__name__.startswith("Hist")
    if is_histogram:
        (trees, targets), base = histogram_trees(fitted), histogram_base(fitted)
    elif _starts_plainly(fitted):
        (trees, targets), base = boosted_trees(fitted), boosted_base(fitted)
    else:
        return None
    tables = _tables(trees, targets, base)
    core = forest_model(tables, fitted.n_features_in_, (INPUT, RAW))
    if not is_class:
        link = getattr(getattr(getattr(fitted, "_loss", None), "link", None), "__class__", None)
        is_logarithm = link is not None and link.__name__ == "LogLink"
        return Forest(core, Value(is_logarithm=is_logarithm), tuple(trees))
    is_doubled = getattr(fitted, "loss", "") == "exponential"
    head = Classes(
        labels=list(labels_of(fitted.classes_)),
        slopes=[2.0] if is_doubled else [],
        offsets=[0.0] if is_doubled else [],
    )
    return Forest(core, head, tuple(trees))


def _starts_plainly(fitted: Fitted) -> bool:
    init = fitted.init_
    is_zero = isinstance(init, str) and init == "zero"
    return is_zero or type(init).__name__ in ("DummyClassifier", "DummyRegressor")


def _tables(trees: Sequence[Grown], targets: Sequence[int], base: Floats) -> ForestTables:
    counts = [len(tree.feature) for tree in trees]
    feature = np.concatenate([tree.feature for tree in trees])
    leaf = feature < 0
    threshold = np.concatenate([tree.threshold for tree in trees])
    with np.errstate(over="ignore"):  # beyond float32 is beyond every row
        rounded = float32_below(np.where(leaf, 0.0, threshold))
    value = np.concatenate([tree.value[:, 0] for tree in trees])
    return ForestTables(
        tree=np.repeat(np.arange(len(trees)), counts),
        node=np.concatenate([np.arange(count) for count in counts]),
        feature=feature,
        threshold=rounded,
        left=np.where(leaf, 0, np.concatenate([tree.left for tree in trees])),
        right=np.where(leaf, 0, np.concatenate([tree.right for tree in trees])),
        missing_left=~leaf & np.concatenate([tree.missing_left for tree in trees]),
        value=np.where(leaf, value, 0.0).astype(np.float32),
        target=np.where(leaf, np.repeat(np.asarray(targets), counts), 0),
        base=base,
        is_strict=False,
        link="none",
        cover=np.concatenate([tree.cover for tree in trees]).astype(np.float32),
    )

"""Histogram gradient boosting: trees that split on categories, and know where NaN goes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.importing.scikit.trees import Grown, anchored, of_boosted, summed
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Flow,
    Given,
    Values,
    Writing,
)


def histogram_trees(fitted: Fitted) -> tuple[list[Grown], list[int]]:
    """Its trees over preprocessed features, and what each speaks for."""
    known = _known_categories(fitted)
    trees, targets = [], []
    for stage in fitted._predictors:  # noqa: SLF001 - there is no public way
        for target, predictor in enumerate(stage):
            trees.append(_grown(predictor, known))
            targets.append(target)
    return trees, targets


def histogram_base(fitted: Fitted) -> NDArray[np.float64]:
    """What the sums start from."""
    return np.asarray(fitted._baseline_prediction, dtype=np.float64).ravel()  # noqa: SLF001


def has_categories(fitted: Fitted) -> bool:
    """Whether it prepares columns of categories itself."""
    return getattr(fitted, "_preprocessor", None) is not None


def _sums(writing: Writing, fitted: Fitted, given: Given) -> str:
    preprocessor = getattr(fitted, "_preprocessor", None)
    flow = writing.flow(given) if preprocessor is None else _prepared(writing, preprocessor, given)
    trees, targets = histogram_trees(fitted)
    anchored(writing, flow, trees)
    total = summed(writing.graph, flow.name, trees, targets)
    return writing.graph.op("Add", total, histogram_base(fitted))


def _prepared(writing: Writing, preprocessor: Fitted, given: Given) -> Flow:
    return writing.flow(writing.transformed(preprocessor, given))


def _value(writing: Writing, fitted: Fitted, given: Given) -> str:
    total = _sums(writing, fitted, given)
    is_logarithm = type(fitted._loss.link).__name__ == "LogLink"  # noqa: SLF001
    return writing.graph.op("Exp", total) if is_logarithm else total


def _class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    return of_boosted(writing, fitted, _sums(writing, fitted, given))


def _known_categories(fitted: Fitted) -> Mapping[int, frozenset[int]]:
    """Of each feature of categories those that it was fitted on."""
    bitsets, places = fitted._bin_mapper.make_known_categories_bitsets()  # noqa: SLF001
    remapped = getattr(fitted, "_is_categorical_remapped", None)
    if remapped is None:
        return {}
    return {feature: _in(bitsets[places[feature]]) for feature in np.flatnonzero(remapped).tolist()}


def _in(words: NDArray[np.uint32]) -> frozenset[int]:
    bits = np.unpackbits(np.asarray(words, dtype="<u4").view(np.uint8), bitorder="little")
    return frozenset(np.flatnonzero(bits).tolist())


def _grown(predictor: Any, known: Mapping[int, frozenset[int]]) -> Grown:  # noqa: ANN401 - scikit-learn's
    """What is missing or not known goes where NaN goes: right, unless both ways are exchanged."""
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(np.bool_)
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    missing = nodes["missing_go_to_left"].astype(np.bool_) & ~is_leaf
    members: dict[int, tuple[float, ...]] = {}
    for node in np.flatnonzero(nodes["is_categorical"].astype(np.bool_) & ~is_leaf).tolist():
        goes_left = _in(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
        if missing[node]:
            goes_left = known[int(nodes["feature_idx"][node])] - goes_left
            left[node], right[node] = right[node], left[node]
            missing[node] = False
        members[node] = tuple(float(one) for one in sorted(goes_left)) or (-1.0,)
    return Grown(
        feature=np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int64),
        threshold=np.where(is_leaf, 0.0, nodes["num_threshold"]),
        left=left,
        right=right,
        missing_left=missing,
        value=nodes["value"].astype(np.float64)[:, np.newaxis],
        members=members,
        cover=nodes["count"].astype(np.float64),
    )


CLASSIFIERS: Mapping[str, Classifies] = {"HistGradientBoostingClassifier": _class}
REGRESSORS: Mapping[str, Values] = {"HistGradientBoostingRegressor": _value}

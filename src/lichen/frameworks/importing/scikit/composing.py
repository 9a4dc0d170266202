"""Every writer by the class of scikit-learn that it writes, and what an estimator is for."""

from collections.abc import Mapping
from typing import Any

from lichen.frameworks.importing.scikit import (
    bayes,
    categories,
    clusters,
    columns,
    decomposing,
    ensembles,
    histograms,
    imputing,
    kernels,
    linear,
    neighbours,
    outliers,
    perceptrons,
    scaling,
    selecting,
    tokens,
    trees,
)
from lichen.frameworks.importing.scikit.writing import Fitted, Writers


def _together(name: str, *rooms: Any) -> Mapping[str, Any]:  # noqa: ANN401 - modules
    return {kind: write for room in rooms for kind, write in getattr(room, name).items()}


WRITERS = Writers(
    transformers=_together(
        "TRANSFORMERS",
        *(categories, clusters, columns, decomposing, ensembles, imputing, kernels, linear),
        *(scaling, selecting, tokens),
    ),
    classifiers=_together(
        "CLASSIFIERS",
        *(bayes, columns, ensembles, histograms, kernels, linear, neighbours, perceptrons, trees),
    ),
    regressors=_together(
        "REGRESSORS",
        *(columns, ensembles, histograms, kernels, linear, neighbours, perceptrons, trees),
    ),
)
GROUPERS, DETECTORS = clusters.GROUPERS, outliers.DETECTORS


def innermost(fitted: Fitted) -> Fitted:
    """The estimator at the end of pipelines and within searches."""
    while True:
        if getattr(fitted, "steps", None):
            fitted = fitted.steps[-1][1]
        elif hasattr(fitted, "best_estimator_"):
            fitted = fitted.best_estimator_
        else:
            return fitted


def task_of(fitted: Fitted) -> str:
    """A word of `lichen train`, or `inference` for what only transforms."""
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(fitted):
        return "classification"
    if is_regressor(fitted):
        return "regression"
    kind = type(innermost(fitted)).__name__
    if kind in GROUPERS:
        return "clustering"
    return "anomaly" if kind in DETECTORS else "inference"

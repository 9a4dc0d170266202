"""Linear models: sums of weighted features, and a link."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import (
    both,
    logistic_shares,
    of_scores,
    shares,
    softmax,
)
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Flow,
    Given,
    Transforms,
    Values,
    Writing,
)

_BINARY = 2


def weighted(writing: Writing, flow: Flow, coefficients: object, intercept: object) -> str:
    """`x @ coefficients.T + intercept`, `(rows, k)`."""
    weights = np.atleast_2d(np.asarray(coefficients, dtype=np.float64)).T
    offset = np.broadcast_to(np.asarray(intercept, dtype=np.float64).ravel(), weights.shape[1])
    return writing.graph.op("Add", writing.graph.op("MatMul", flow.name, weights), offset)


def _score(writing: Writing, fitted: Fitted, given: Given) -> str:
    if hasattr(fitted, "sparsify") and hasattr(fitted.coef_, "toarray"):
        return weighted(writing, writing.flow(given), fitted.coef_.toarray(), fitted.intercept_)
    return weighted(writing, writing.flow(given), fitted.coef_, fitted.intercept_)


def _of_score(writing: Writing, fitted: Fitted, score: str, probability: str | None) -> Classified:
    choice = of_scores(writing.graph, score, len(fitted.classes_))
    return Classified(fitted.classes_, choice, probability, score)


def _scored(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """A classifier without probabilities."""
    return _of_score(writing, fitted, _score(writing, fitted, given), None)


def _logistic(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    score = _score(writing, fitted, given)
    classes = len(fitted.classes_)
    is_apart = getattr(fitted, "multi_class", "auto") == "ovr" or (
        getattr(fitted, "solver", "") == "liblinear"
    )
    if classes == _BINARY or is_apart:
        probability = logistic_shares(writing.graph, score, classes)
    else:
        probability = softmax(writing.graph, score)
    return _of_score(writing, fitted, score, probability)


def _discriminant(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    score = _score(writing, fitted, given)
    graph, is_binary = writing.graph, len(fitted.classes_) == _BINARY
    probability = both(graph, graph.op("Sigmoid", score)) if is_binary else softmax(graph, score)
    return _of_score(writing, fitted, score, probability)


def _descended(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """`SGDClassifier`: its loss says whether there are probabilities."""
    score, graph = _score(writing, fitted, given), writing.graph
    classes, probability = len(fitted.classes_), None
    if fitted.loss in ("log_loss", "log"):
        probability = logistic_shares(graph, score, classes)
    elif fitted.loss == "modified_huber":
        clipped = graph.op("Min", graph.op("Max", score, -1.0), 1.0)
        parts = graph.op("Div", graph.op("Add", clipped, 1.0), 2.0)
        probability = both(graph, parts) if classes == _BINARY else shares(graph, parts)
    return _of_score(writing, fitted, score, probability)


def _value(writing: Writing, fitted: Fitted, given: Given) -> str:
    return _score(writing, fitted, given)


def _exponential(writing: Writing, fitted: Fitted, given: Given) -> str:
    """Generalised linear models: `Poisson`, `Gamma`, and `Tweedie` by its link."""
    score = _score(writing, fitted, given)
    link = getattr(fitted, "link", "log")
    if link == "identity" or (link == "auto" and fitted.power <= 0):
        return score
    return writing.graph.op("Exp", score)


def _ransac(writing: Writing, fitted: Fitted, given: Given) -> str:
    return writing.valued(fitted.estimator_, given)


def _partial_least_squares(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow = writing.affine(writing.flow(given), fitted._x_mean, None)  # noqa: SLF001
    return weighted(writing, flow, fitted.coef_, fitted.intercept_)


def _isotonic(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow = writing.flow(given)
    if flow.width != 1:
        raise InvalidInput("an isotonic regression takes one column")
    writing.anchor(flow, 0, fitted.X_thresholds_.tolist())
    return interpolated(writing, flow.name, fitted)


def interpolated(writing: Writing, name: str, fitted: Fitted) -> str:
    """An isotonic regression: linear between its thresholds; `name` is `(rows, 1)`.

    Raises:
        InvalidInput: it refuses what lies beyond them.
    """
    if fitted.out_of_bounds == "raise":
        raise InvalidInput(
            "the isotonic regression refuses values beyond those it was fitted on: fit it with "
            'out_of_bounds="clip"'
        )
    graph = writing.graph
    known = np.asarray(fitted.X_thresholds_, dtype=np.float64)
    answers = np.asarray(fitted.y_thresholds_, dtype=np.float64)
    if len(known) == 1:
        return graph.op("Add", graph.op("Mul", name, 0.0), answers[:1])
    inside = graph.op("Min", graph.op("Max", name, known[0]), known[-1])
    is_past = graph.cast(
        graph.op("GreaterOrEqual", inside, known[np.newaxis, 1:-1]), Datatype.INT64
    )
    place = graph.op("ReduceSum", is_past, [1], keepdims=1) if len(known) > _BINARY else None
    if place is None:
        place = graph.cast(graph.op("Mul", inside, 0.0), Datatype.INT64)
    slope = np.diff(answers) / np.diff(known)
    begin, height, steep = (
        graph.op("Gather", values, place) for values in (known[:-1], answers[:-1], slope)
    )
    found = graph.op("Add", graph.op("Mul", graph.op("Sub", inside, begin), steep), height)
    if fitted.out_of_bounds != "nan":
        return found
    return graph.chosen(graph.op("Equal", inside, name), found, float("nan"))


def _discriminant_rows(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    """`LinearDiscriminantAnalysis.transform`."""
    graph, flow = writing.graph, writing.flow(given)
    rows = graph.op("Sub", flow.name, fitted.xbar_)
    found = graph.op("MatMul", rows, np.ascontiguousarray(fitted.scalings_))
    width = fitted._max_components  # noqa: SLF001
    return Flow(graph.op("Gather", found, list(range(width)), axis=1), width)


CLASSIFIERS: Mapping[str, Classifies] = {
    "LogisticRegression": _logistic,
    "LogisticRegressionCV": _logistic,
    "SGDClassifier": _descended,
    "LinearDiscriminantAnalysis": _discriminant,
    **dict.fromkeys(("RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron"), _scored),
    "PassiveAggressiveClassifier": _scored,
}
_PLAIN = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "SGDRegressor", "LinearSVR"),
    *("BayesianRidge", "ARDRegression", "HuberRegressor", "TheilSenRegressor"),
    *("OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "PassiveAggressiveRegressor"),
    *("QuantileRegressor", "MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet"),
    "MultiTaskElasticNetCV",
)
REGRESSORS: Mapping[str, Values] = {
    **dict.fromkeys(_PLAIN, _value),
    **dict.fromkeys(("PoissonRegressor", "GammaRegressor", "TweedieRegressor"), _exponential),
    **dict.fromkeys(("PLSRegression", "CCA", "PLSCanonical"), _partial_least_squares),
    "RANSACRegressor": _ransac,
    "IsotonicRegression": _isotonic,
}
TRANSFORMERS: Mapping[str, Transforms] = {"LinearDiscriminantAnalysis": _discriminant_rows}

"""Estimators made of estimators: bags, votes, stacks, boosts, and calibration."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import (
    both,
    largest,
    of_scores,
    one_hot,
    over,
    renamed,
    shares,
    softmax,
    spread,
)
from lichen.frameworks.importing.scikit.kernels import ovr_score, won_pairs
from lichen.frameworks.importing.scikit.linear import interpolated
from lichen.frameworks.importing.scikit.selecting import picked
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Flow,
    Given,
    Table,
    Transforms,
    Values,
    Writing,
)


def _bagged_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    graph, parts = writing.graph, []
    for estimator, features in zip(fitted.estimators_, fitted.estimators_features_, strict=True):
        said = writing.classified(estimator, picked(writing, given, features))
        places = np.asarray(said.classes, dtype=np.int64)  # each was fitted on numbers of classes
        mine = said.probability or one_hot(graph, said.choice, len(said.classes))
        parts.append(spread(graph, mine, places, np.arange(len(fitted.classes_))))
    mean = graph.op("Div", graph.total(parts), float(len(parts)))
    is_voted = not hasattr(fitted.estimators_[0], "predict_proba")
    return Classified(fitted.classes_, largest(graph, mean), None if is_voted else mean)


def _bagged_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    parts = [
        writing.valued(estimator, picked(writing, given, features))
        for estimator, features in zip(fitted.estimators_, fitted.estimators_features_, strict=True)
    ]
    return writing.graph.op("Div", writing.graph.total(parts), float(len(parts)))


def _voted_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    graph, weights = writing.graph, _voices(fitted)
    classes = fitted.classes_
    said = [writing.classified(one, given) for one in fitted.estimators_]
    if fitted.voting == "hard":
        votes = [one_hot(graph, one.choice, len(classes)) for one in said]
    else:
        votes = [_probability(one) for one in said]
    total = graph.total(
        [graph.op("Mul", vote, weight) for vote, weight in zip(votes, weights, strict=True)]
    )
    mean = graph.op("Div", total, float(sum(weights)))
    return Classified(classes, largest(graph, mean), None if fitted.voting == "hard" else mean)


def _voices(fitted: Fitted) -> list[float]:
    """What each counts; those that were dropped count nothing."""
    if fitted.weights is None:
        return [1.0] * len(fitted.estimators_)
    pairs = zip(fitted.estimators, fitted.weights, strict=True)
    return [float(weight) for (_, estimator), weight in pairs if not _is_dropped(estimator)]


def _is_dropped(estimator: object) -> bool:
    return isinstance(estimator, str) and estimator == "drop"


def _voted_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    graph, weights = writing.graph, _voices(fitted)
    parts = [
        graph.op("Mul", writing.valued(one, given), weight)
        for one, weight in zip(fitted.estimators_, weights, strict=True)
    ]
    return graph.op("Div", graph.total(parts), float(sum(weights)))


def _probability(said: Classified) -> str:
    if said.probability is None:
        raise InvalidInput("one of the estimators has no probabilities: fit it so that it has some")
    return said.probability


def _stack(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    """What the first layer says, side by side."""
    methods = [one for one in fitted.stack_method_ if one is not None]
    parts, width = [], 0
    for estimator, method in zip(fitted.estimators_, methods, strict=True):
        name, count = _first_layer(writing, estimator, method, given)
        if method == "predict_proba" and count == 2:
            name, count = writing.graph.column(name, 1), 1
        parts.append(name)
        width += count
    if fitted.passthrough:
        flow = writing.flow(given)
        parts.append(flow.name)
        width += flow.width
    return Flow(writing.graph.joined(parts), width)


def _first_layer(writing: Writing, estimator: Fitted, method: str, given: Given) -> tuple[str, int]:
    """What a method of an estimator answers, and how many columns that is."""
    if not hasattr(estimator, "classes_"):
        return writing.valued(estimator, given), _targets(estimator)
    said = writing.classified(estimator, given)
    classes = len(said.classes)
    if method == "predict_proba":
        return _probability(said), classes
    if method == "decision_function" and said.score is not None:
        return said.score, 1 if classes == 2 else classes
    places = np.asarray(said.classes, dtype=np.float64)  # a stack counts its classes
    chosen = writing.graph.op("Gather", places, said.choice)
    return writing.graph.op("Unsqueeze", chosen, [1]), 1


def _targets(estimator: Fitted) -> int:
    return int(getattr(estimator, "n_outputs_", 1))


def _stacked_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    said = writing.classified(fitted.final_estimator_, _stack(writing, fitted, given))
    return Classified(fitted.classes_, said.choice, said.probability, said.score)


def _stacked_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    return writing.valued(fitted.final_estimator_, _stack(writing, fitted, given))


def _boosted_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """AdaBoost by SAMME: Zhu, Zou, Rosset and Hastie, 2009."""
    graph, classes = writing.graph, fitted.classes_
    count, weights = len(classes), np.asarray(fitted.estimator_weights_, dtype=np.float64)
    parts = []
    for estimator, weight in zip(fitted.estimators_, weights, strict=False):
        said = writing.classified(estimator, given)
        places = [int(np.flatnonzero(classes == one)[0]) for one in said.classes]
        vote = one_hot(graph, renamed(graph, said.choice, places), count)
        lost = float(-weight / (count - 1))
        gained = graph.op("Mul", vote, float(weight - lost))
        parts.append(graph.op("Add", gained, lost))
    score = graph.op("Div", graph.total(parts), float(weights.sum()))
    if count == 2:
        score = graph.op("MatMul", score, np.array([[-1.0], [1.0]]))
        odds = graph.joined([graph.op("Neg", score), score])
        probability = softmax(graph, graph.op("Div", odds, 2.0))
    else:
        probability = softmax(graph, graph.op("Div", score, float(count - 1)))
    return Classified(classes, of_scores(graph, score, count), probability, score)


def _boosted_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    """AdaBoost.R2 (Drucker, 1997): the weighted median of what the estimators say."""
    graph, count = writing.graph, len(fitted.estimators_)
    said = graph.joined([writing.valued(one, given) for one in fitted.estimators_])
    weights = np.asarray(fitted.estimator_weights_[:count], dtype=np.float64)
    ordered, place = graph.ops(
        "TopK", 2, said, np.array([count], dtype=np.int64), axis=1, largest=0, sorted=1
    )
    reached = graph.op("CumSum", graph.op("Gather", weights, place), 1)
    half = graph.op("GreaterOrEqual", reached, 0.5 * float(weights.sum()))
    first = graph.op("ArgMax", graph.cast(half, Datatype.INT64), axis=1, keepdims=1)
    return graph.op("GatherElements", ordered, first, axis=1)


def _one_against_rest(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    if fitted.multilabel_:
        raise InvalidInput(
            "the OneVsRestClassifier answers several labels at once: fit one for each"
        )
    graph, classes = writing.graph, fitted.classes_
    said = [_part(writing, one, given) for one in fitted.estimators_]
    probability = None
    if all(one.probability is not None for one in said):
        seconds = [graph.column(_probability(one), 1) for one in said]
        is_one = len(seconds) == 1
        probability = both(graph, seconds[0]) if is_one else shares(graph, graph.joined(seconds))
    if all(one.score is not None for one in said):
        score = graph.joined([one.score for one in said if one.score is not None])
        return Classified(classes, of_scores(graph, score, len(classes)), probability, score)
    together = graph.joined([graph.column(_probability(one), 1) for one in said])
    choice = over(graph, together, 0.5) if len(said) == 1 else largest(graph, together)
    return Classified(classes, choice, probability)


def _part(writing: Writing, estimator: Fitted, given: Given) -> Classified:
    if type(estimator).__name__ == "_ConstantPredictor":
        raise InvalidInput(
            "one class stands in all rows or in none that it was fitted on: leave it out"
        )
    return writing.classified(estimator, given)


def _one_against_one(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """Votes of pairs, and how sure each pair was."""
    graph, count = writing.graph, len(fitted.classes_)
    won, sure = [], []
    for number, estimator in enumerate(fitted.estimators_):
        places = fitted.pairwise_indices_
        rows = given if places is None else picked(writing, given, places[number])
        said = writing.classified(estimator, rows)
        answered = graph.cast(graph.op("Unsqueeze", said.choice, [1]), Datatype.FP64)
        won.append(answered)
        sure.append(said.score or graph.column(_probability(said), 1))
    votes = won_pairs(graph, graph.joined(won), count)
    score = ovr_score(graph, votes, graph.joined(sure), count)
    if count == 2:
        second = graph.column(score, 1)
        is_scored = hasattr(fitted.estimators_[0], "decision_function")
        choice = over(graph, second, 0.0 if is_scored else 0.5)
        return Classified(fitted.classes_, choice, None, second)
    return Classified(fitted.classes_, largest(graph, score), None, score)


def _usual_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """`DummyClassifier`: the same for every row."""
    if fitted.strategy in ("stratified", "uniform"):
        raise InvalidInput("a DummyClassifier that draws at random answers differently each time")
    flow, graph = writing.flow(given), writing.graph
    shares = np.asarray(fitted.predict_proba(np.zeros((1, flow.width))), dtype=np.float64)
    probability = graph.repeated(flow.name, shares)
    return Classified(fitted.classes_, largest(graph, probability), probability)


def _usual_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    """`DummyRegressor`."""
    value = np.asarray(fitted.constant_, dtype=np.float64).reshape(1, -1)
    return writing.graph.repeated(writing.flow(given).name, value)


def _selected(fitted: Fitted) -> list[int]:
    return [int(one) for one in np.flatnonzero(fitted.support_)]


def _eliminated_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """`RFE`: its estimator, on the features that are left."""
    return writing.classified(fitted.estimator_, picked(writing, given, _selected(fitted)))


def _eliminated_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    return writing.valued(fitted.estimator_, picked(writing, given, _selected(fitted)))


def _calibrated(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    graph = writing.graph
    parts = [_calibrated_part(writing, one, given) for one in fitted.calibrated_classifiers_]
    mean = graph.op("Div", graph.total(parts), float(len(parts)))
    return Classified(fitted.classes_, largest(graph, mean), mean)


def _calibrated_part(writing: Writing, fitted: Fitted, given: Given) -> str:
    graph, said = writing.graph, writing.classified(fitted.estimator, given)
    classes = len(fitted.classes)
    scores = said.score
    if scores is None:
        scores = _probability(said)
        if classes == 2:
            scores = graph.column(scores, 1)
    if fitted.method == "temperature":
        return _tempered(writing, fitted, scores, is_probability=said.score is None)
    count = 1 if classes == 2 else len(said.classes)
    columns = [scores] if count == 1 else [graph.column(scores, at) for at in range(count)]
    found = [
        _calibrate(writing, calibrator, column)
        for calibrator, column in zip(fitted.calibrators, columns, strict=True)
    ]
    if classes == 2:
        return both(graph, found[0])
    own = np.asarray(said.classes)
    return shares(graph, spread(graph, graph.joined(found), own, np.asarray(fitted.classes)))


def _calibrate(writing: Writing, fitted: Fitted, column: str) -> str:
    """Platt's logistic function (1999), or an isotonic regression."""
    if type(fitted).__name__ == "IsotonicRegression":
        return interpolated(writing, column, fitted)
    graph = writing.graph
    moved = graph.op("Add", graph.op("Mul", column, float(fitted.a_)), float(fitted.b_))
    return graph.op("Sigmoid", graph.op("Neg", moved))


def _tempered(writing: Writing, fitted: Fitted, scores: str, *, is_probability: bool) -> str:
    """One temperature for all classes: Guo, Pleiss, Sun and Weinberger, 2017."""
    graph, heat = writing.graph, float(fitted.calibrators[0].beta_)
    is_binary = len(fitted.classes) == 2
    if is_probability:
        whole = both(graph, scores) if is_binary else scores
        logits = graph.op("Log", graph.op("Add", whole, float(np.finfo(np.float64).eps)))
    else:
        logits = graph.joined([graph.op("Neg", scores), scores]) if is_binary else scores
    return softmax(graph, graph.op("Mul", logits, heat))


def _several_values(writing: Writing, fitted: Fitted, given: Given) -> str:
    return writing.graph.joined([writing.valued(one, given) for one in fitted.estimators_])


def _chained_values(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow, graph = writing.flow(given), writing.graph
    said: list[str] = []
    for estimator in fitted.estimators_:
        rows = Flow(
            graph.joined([flow.name, *said]), flow.width + len(said), flow.raw + (None,) * len(said)
        )
        said.append(writing.valued(estimator, rows))
    order = np.argsort(np.asarray(fitted.order_)).tolist()
    return graph.joined([said[place] for place in order])


def _retransformed(writing: Writing, fitted: Fitted, given: Given) -> str:
    """A target that was scaled, or passed through a function, for the fit."""
    name = writing.valued(fitted.regressor_, given)
    return inverted(writing, fitted.transformer_, name)


def inverted(writing: Writing, fitted: Fitted, name: str) -> str:
    """What a transformer of targets made, taken back.

    Raises:
        InvalidInput: nobody here takes it back.
    """
    graph, kind = writing.graph, type(fitted).__name__
    if kind == "StandardScaler":
        scaled = name if fitted.scale_ is None else graph.op("Mul", name, fitted.scale_)
        return scaled if fitted.mean_ is None else graph.op("Add", scaled, fitted.mean_)
    if kind == "MinMaxScaler":
        return graph.op("Div", graph.op("Sub", name, fitted.min_), fitted.scale_)
    if kind in ("RobustScaler", "MaxAbsScaler"):
        scaled = name if fitted.scale_ is None else graph.op("Mul", name, fitted.scale_)
        centre = getattr(fitted, "center_", None)
        return scaled if centre is None else graph.op("Add", scaled, centre)
    if kind == "FunctionTransformer":
        return applied(writing, fitted.inverse_func, name)
    raise InvalidInput(
        f"a target that a {kind} transformed cannot be converted: take StandardScaler"
    )


def applied(writing: Writing, function: object, name: str) -> str:
    """A function of NumPy, element by element.

    Raises:
        InvalidInput: it is a function of somebody's own.
    """
    if function is None:
        return name
    kind = getattr(function, "__name__", str(function))
    if kind not in _FUNCTIONS or not isinstance(function, np.ufunc):
        raise InvalidInput(
            f"the function {kind} cannot be converted: take one of NumPy's {', '.join(_FUNCTIONS)}"
        )
    for operator, *more in _FUNCTIONS[kind]:
        name = writing.graph.op(str(operator), name, *more)
    return name


_LN2, _LN10 = float(np.log(2)), float(np.log(10))
_FUNCTIONS: Mapping[str, tuple[tuple[str | float, ...], ...]] = {
    "log": (("Log",),),
    "log1p": (("Add", 1.0), ("Log",)),
    "log2": (("Log",), ("Div", _LN2)),
    "log10": (("Log",), ("Div", _LN10)),
    "exp": (("Exp",),),
    "expm1": (("Exp",), ("Sub", 1.0)),
    "exp2": (("Mul", _LN2), ("Exp",)),
    "sqrt": (("Sqrt",),),
    "square": (("Pow", 2.0),),
    "absolute": (("Abs",),),
    "negative": (("Neg",),),
    "reciprocal": (("Reciprocal",),),
    "sin": (("Sin",),),
    "cos": (("Cos",),),
    "tanh": (("Tanh",),),
    "floor": (("Floor",),),
    "ceil": (("Ceil",),),
    "sign": (("Sign",),),
}


def _function(writing: Writing, fitted: Fitted, given: Given) -> Flow | Table:
    """`check_array` is what histogram boosting passes its numbers through."""
    function = getattr(fitted.func, "func", fitted.func)
    if function is None or getattr(function, "__name__", "") == "check_array":
        return given
    flow = writing.flow(given)
    if fitted.kw_args:
        raise InvalidInput("a function with arguments cannot be converted: leave kw_args out")
    return Flow(applied(writing, fitted.func, flow.name), flow.width)


def _thresholded(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """A class is answered over a threshold that was tuned or given."""
    said = writing.classified(fitted.estimator_, given)
    graph, label = writing.graph, getattr(fitted, "pos_label", None)
    if label is not None and label != said.classes[1]:
        raise InvalidInput("a threshold of the first class cannot be converted: take the second")
    by_score = getattr(fitted, "response_method", "auto") == "decision_function"
    threshold = getattr(fitted, "best_threshold_", getattr(fitted, "threshold", "auto"))
    is_scored = by_score or said.probability is None
    score = said.score if is_scored else graph.column(_probability(said), 1)
    if score is None:
        raise InvalidInput("the estimator under the threshold has no decision function")
    if threshold == "auto":
        threshold = 0.0 if is_scored else 0.5
    reached = graph.cast(graph.op("GreaterOrEqual", score, float(threshold)), Datatype.INT64)
    choice = graph.op("Squeeze", reached, [1])
    return Classified(said.classes, choice, said.probability, said.score)


def _inner_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    return writing.classified(_inner(fitted), given)


def _inner_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    return writing.valued(_inner(fitted), given)


def _inner(fitted: Fitted) -> Fitted:
    """The estimator that a search found best, or that was frozen."""
    for name in ("best_estimator_", "estimator_", "estimator"):
        if hasattr(fitted, name):
            return getattr(fitted, name)
    raise InvalidInput(f"the {type(fitted).__name__} kept no estimator: fit it with refit=True")


_SEARCHES = (
    *("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"),
    *("FrozenEstimator", "SelfTrainingClassifier"),
)
CLASSIFIERS: Mapping[str, Classifies] = {
    "BaggingClassifier": _bagged_class,
    "VotingClassifier": _voted_class,
    "StackingClassifier": _stacked_class,
    "AdaBoostClassifier": _boosted_class,
    "OneVsRestClassifier": _one_against_rest,
    "OneVsOneClassifier": _one_against_one,
    "DummyClassifier": _usual_class,
    **dict.fromkeys(("RFE", "RFECV"), _eliminated_class),
    "CalibratedClassifierCV": _calibrated,
    **dict.fromkeys(("FixedThresholdClassifier", "TunedThresholdClassifierCV"), _thresholded),
    **dict.fromkeys(_SEARCHES, _inner_class),
}
REGRESSORS: Mapping[str, Values] = {
    "BaggingRegressor": _bagged_value,
    "VotingRegressor": _voted_value,
    "StackingRegressor": _stacked_value,
    "AdaBoostRegressor": _boosted_value,
    "MultiOutputRegressor": _several_values,
    "DummyRegressor": _usual_value,
    **dict.fromkeys(("RFE", "RFECV"), _eliminated_value),
    "RegressorChain": _chained_values,
    "TransformedTargetRegressor": _retransformed,
    **dict.fromkeys(_SEARCHES, _inner_value),
}
TRANSFORMERS: Mapping[str, Transforms] = {"FunctionTransformer": _function}

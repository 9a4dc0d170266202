"""scikit-learn's estimators as ONNX: linear, logistic, perceptrons, trees, forests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.converting.converted import Answers, Converted, same_answers
from lichen.frameworks.converting.dense import DenseLayer, dense_layer, dense_model
from lichen.frameworks.converting.sklearn_trees import averaged_trees

_PERCEPTRON = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_BINARY = 2


@dataclass(frozen=True, slots=True)
class _Scaling:
    """What a pipeline does to a row first: `(x - centre) / scale`."""

    centre: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None


def convert_estimator(estimator: Any) -> Converted:  # noqa: ANN401 - of any class of scikit-learn
    """A fitted estimator, or a pipeline of a scaler and one.

    Raises:
        InvalidInput: it is of another class, or not fitted; the message says what to do.
    """
    scaling, core = _parted(estimator)
    kind = type(core).__name__
    write = _WRITERS.get(kind)
    if write is None:
        raise InvalidInput(
            f"scikit-learn's {kind} cannot be registered as it is: register one of "
            f"{', '.join(sorted(_WRITERS))}, or export it as ONNX (skl2onnx) and register that"
        )
    if not hasattr(core, "n_features_in_"):
        raise InvalidInput(f"the {kind} is not fitted: call its fit first")
    if scaling.centre is not None and kind in _TREES:
        raise InvalidInput(f"trees need no scaler: fit the {kind} on the plain columns")
    if hasattr(core, "classes_") and not hasattr(core, "predict_proba"):
        raise InvalidInput(
            f"this {kind} has no probabilities: fit it with a loss that gives some "
            '(loss="log_loss")'
        )
    labels = tuple(str(one) for one in getattr(core, "classes_", ()))
    content = write(core, scaling)
    width = int(core.n_features_in_)
    difference = same_answers(content, width, _answers(estimator), "scikit-learn")
    named = getattr(estimator, "feature_names_in_", None)
    return Converted(
        content=content,
        algorithm=kind,
        task="classification" if labels else "regression",
        columns=() if named is None else tuple(str(one) for one in named),
        labels=labels,
        parameters={
            "library": f"scikit-learn {version('scikit-learn')}",
            "onnx_largest_difference": difference,
        },
    )


def _answers(estimator: Any) -> Answers:  # noqa: ANN401 - of any class of scikit-learn
    """Probabilities where it has them; the check's rows have no names, which is no fault of it."""

    def answers(rows: NDArray[np.float64]) -> NDArray[Any]:
        from warnings import catch_warnings, simplefilter

        ask = getattr(estimator, "predict_proba", estimator.predict)
        with catch_warnings():
            simplefilter("ignore", UserWarning)
            found: NDArray[Any] = ask(rows)
        return found

    return answers


def _parted(estimator: Any) -> tuple[_Scaling, Any]:  # noqa: ANN401 - of any class
    """What a pipeline does first, and the estimator at its end."""
    if type(estimator).__name__ != "Pipeline":
        return _Scaling(), estimator
    *before, (_, core) = estimator.steps
    if not before:
        return _Scaling(), core
    kinds = [type(one).__name__ for _, one in before]
    if kinds == ["StandardScaler"]:
        scaler = before[0][1]
        return _Scaling(scaler.mean_, scaler.scale_), core
    if kinds == ["MinMaxScaler"]:
        scaler = before[0][1]
        return _Scaling(-scaler.min_ / scaler.scale_, 1 / scaler.scale_), core
    raise InvalidInput(
        f"a pipeline of {', '.join(kinds)} cannot be registered as it is: keep StandardScaler or "
        "MinMaxScaler alone before the estimator, or export it as ONNX and register that"
    )


def _linear(core: Any, scaling: _Scaling) -> bytes:  # noqa: ANN401 - as above
    weights = np.atleast_2d(core.coef_).T
    return _dense([dense_layer(weights, core.intercept_)], scaling)


def _logistic(core: Any, scaling: _Scaling) -> bytes:  # noqa: ANN401 - as above
    weights, bias = np.atleast_2d(core.coef_).T, np.atleast_1d(core.intercept_)
    return _dense([_softmax(weights, bias)], scaling)


def _softmax(weights: NDArray[np.float64], bias: NDArray[np.float64]) -> DenseLayer:
    """Probabilities of all classes: of two, the first has the score 0."""
    if weights.shape[1] == 1:
        weights = np.concatenate([np.zeros_like(weights), weights], axis=1)
        bias = np.concatenate([np.zeros(1), np.broadcast_to(bias, (1,))])
    return dense_layer(weights, bias, "softmax")


def _perceptron(core: Any, scaling: _Scaling) -> bytes:  # noqa: ANN401 - as above
    hidden = _PERCEPTRON[core.activation]
    layers = [
        dense_layer(weights, bias, hidden)
        for weights, bias in zip(core.coefs_[:-1], core.intercepts_[:-1], strict=True)
    ]
    weights, bias, last = core.coefs_[-1], core.intercepts_[-1], core.out_activation_
    if last in ("softmax", "logistic") and len(core.classes_) == max(_BINARY, weights.shape[1]):
        layers.append(_softmax(weights, bias))
    else:
        layers.append(dense_layer(weights, bias, _PERCEPTRON[last]))
    return _dense(layers, scaling)


def _dense(layers: list[DenseLayer], scaling: _Scaling) -> bytes:
    return dense_model(layers, scaling.centre, scaling.scale)


def _trees(core: Any, _scaling: _Scaling) -> bytes:  # noqa: ANN401 - as above
    grown = [one.tree_ for one in getattr(core, "estimators_", [core])]
    is_classifier = hasattr(core, "classes_")
    if core.n_outputs_ != 1:
        raise InvalidInput("trees of several targets cannot be registered: fit one for each")
    return averaged_trees(grown, int(core.n_features_in_), is_classifier=is_classifier)


_Writer = Callable[[Any, _Scaling], bytes]
_LINEAR = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("SGDRegressor", "BayesianRidge", "HuberRegressor"),
)
_LOGISTIC = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier")
_PERCEPTRONS = ("MLPClassifier", "MLPRegressor")
_TREES = tuple(
    kind + task
    for kind in ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
    for task in ("Classifier", "Regressor")
)
_WRITERS: Mapping[str, _Writer] = {
    **dict.fromkeys(_LINEAR, _linear),
    **dict.fromkeys(_LOGISTIC, _logistic),
    **dict.fromkeys(_PERCEPTRONS, _perceptron),
    **dict.fromkeys(_TREES, _trees),
}

"""Estimators of scikit-learn as ONNX: they answer as the library does, or are refused."""

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.converting.sklearn_estimators import convert_estimator
from lichen.frameworks.onnx import OnnxPredictor

RANDOM = np.random.default_rng(7)
X = RANDOM.standard_normal((80, 3)) * [1.0, 10.0, 0.1]
NUMBER = X @ [1.0, 0.2, 3.0] + 0.5
PAIR = np.where(X[:, 0] > 0, "yes", "no")
TRIPLE = np.digitize(X[:, 0], [-0.5, 0.5])

QUICK_NETWORK = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "max_iter": 15, "tol": 10.0}


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (LinearRegression(), NUMBER),
        (LinearRegression(), np.column_stack([NUMBER, -NUMBER])),
        (ElasticNet(alpha=0.01), NUMBER),
        (make_pipeline(StandardScaler(), LinearRegression()), NUMBER),
        (LogisticRegression(), PAIR),
        (LogisticRegression(max_iter=1000), TRIPLE),
        (make_pipeline(MinMaxScaler(), LogisticRegression()), TRIPLE),
        (SGDClassifier(loss="log_loss", random_state=1), PAIR),
        (MLPRegressor(activation="tanh", random_state=1, **QUICK_NETWORK), NUMBER),
        (MLPClassifier(random_state=1, **QUICK_NETWORK), PAIR),
        (MLPClassifier(activation="logistic", random_state=1, **QUICK_NETWORK), TRIPLE),
        (DecisionTreeClassifier(random_state=1), PAIR),
        (RandomForestClassifier(5, random_state=1), TRIPLE),
        (ExtraTreesRegressor(5, random_state=1), NUMBER),
    ],
    ids=lambda one: type(one).__name__,
)
def test_an_estimator_answers_as_it_did(estimator: Any, target: Any) -> None:  # noqa: ANN401
    estimator.fit(X, target)
    found = convert_estimator(estimator)
    rows = X.astype(np.float32)
    predictor = OnnxPredictor(found.content)
    answered = predictor.predict(Batch({"x": rows}))["prediction"]
    ask = getattr(estimator, "predict_proba", estimator.predict)
    expected = ask(rows.astype(np.float64)).reshape(len(rows), -1)
    assert answered == pytest.approx(expected, abs=1e-4 * max(1.0, np.abs(expected).max()))
    assert found.labels == tuple(str(one) for one in getattr(estimator, "classes_", ()))
    assert found.task == ("classification" if found.labels else "regression")
    assert convert_estimator(estimator).content == found.content, "equal models, equal bytes"


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        (KMeans(2, n_init=1), "scikit-learn's KMeans cannot be registered as it is"),
        (LinearRegression(), "the LinearRegression is not fitted: call its fit first"),
        (
            make_pipeline(PolynomialFeatures(2), LinearRegression()).fit(X, NUMBER),
            "a pipeline of PolynomialFeatures cannot be registered as it is",
        ),
        (
            make_pipeline(StandardScaler(), DecisionTreeClassifier()).fit(X, PAIR),
            "trees need no scaler: fit the DecisionTreeClassifier on the plain columns",
        ),
        (SGDClassifier().fit(X, PAIR), "this SGDClassifier has no probabilities"),
        (
            SGDClassifier(loss="modified_huber").fit(X, TRIPLE),
            "would answer otherwise than scikit-learn does",
        ),
        (
            DecisionTreeClassifier().fit(X, np.column_stack([TRIPLE, TRIPLE])),
            "trees of several targets cannot be registered: fit one for each",
        ),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_cannot_be_the_same_is_refused(estimator: Any, sentence: str) -> None:  # noqa: ANN401
    with pytest.raises(InvalidInput) as refused:
        convert_estimator(estimator)
    assert sentence in str(refused.value)

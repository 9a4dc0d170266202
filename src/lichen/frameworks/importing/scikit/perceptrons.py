"""Multi-layer perceptrons: dense layers and their activations."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.choosing import both, largest, over, softmax
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Given,
    Values,
    Writing,
)

_OPERATORS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def _outputs(writing: Writing, fitted: Fitted, given: Given) -> str:
    """The last layer before its activation."""
    graph, name = writing.graph, writing.flow(given).name
    last = len(fitted.coefs_) - 1
    for number, (weights, bias) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        product = graph.op("MatMul", name, np.asarray(weights, dtype=np.float64))
        name = graph.op("Add", product, np.asarray(bias, dtype=np.float64))
        if number < last and fitted.activation != "identity":
            name = graph.op(_OPERATORS[fitted.activation], name)
    return name


def _value(writing: Writing, fitted: Fitted, given: Given) -> str:
    name = _outputs(writing, fitted, given)
    return writing.graph.op("Exp", name) if fitted.out_activation_ == "exp" else name


def _class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    graph, name = writing.graph, _outputs(writing, fitted, given)
    if fitted.out_activation_ == "softmax":
        probability = softmax(graph, name)
        return Classified(fitted.classes_, largest(graph, probability), probability)
    if fitted.n_outputs_ > 1:
        raise InvalidInput("the MLPClassifier answers several labels at once: fit one for each")
    second = graph.op("Sigmoid", name)
    return Classified(fitted.classes_, over(graph, second, 0.5), both(graph, second))


CLASSIFIERS: Mapping[str, Classifies] = {"MLPClassifier": _class}
REGRESSORS: Mapping[str, Values] = {"MLPRegressor": _value}

"""Naive Bayes and quadratic discriminants: logarithms of likelihoods, and their shares."""

from collections.abc import Mapping

import numpy as np

from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import largest, softmax
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Floats,
    Given,
    Writing,
)


def _answered(writing: Writing, fitted: Fitted, likelihood: str) -> Classified:
    graph = writing.graph
    return Classified(fitted.classes_, largest(graph, likelihood), softmax(graph, likelihood))


def _gaussian(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    flow, graph = writing.flow(given), writing.graph
    writing.anchor_rows(flow, fitted.theta_)
    constant = np.log(fitted.class_prior_) - 0.5 * np.log(2 * np.pi * fitted.var_).sum(axis=1)
    parts = []
    for centre, variance in zip(fitted.theta_, fitted.var_, strict=True):
        apart = graph.op("Sub", flow.name, centre)
        ratio = graph.op("Div", graph.op("Mul", apart, apart), variance)
        parts.append(graph.op("ReduceSum", ratio, [1], keepdims=1))
    likelihood = graph.op("Add", graph.op("Mul", graph.joined(parts), -0.5), constant)
    return _answered(writing, fitted, likelihood)


def _linear(
    writing: Writing, fitted: Fitted, name: str, weights: Floats, offset: Floats
) -> Classified:
    graph = writing.graph
    product = graph.op("MatMul", name, np.ascontiguousarray(weights.T))
    return _answered(writing, fitted, graph.op("Add", product, offset))


def _multinomial(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    flow = writing.flow(given)
    return _linear(writing, fitted, flow.name, fitted.feature_log_prob_, fitted.class_log_prior_)


def _complement(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    flow, is_alone = writing.flow(given), len(fitted.classes_) == 1
    offset = fitted.class_log_prior_ if is_alone else np.zeros(len(fitted.classes_))
    return _linear(writing, fitted, flow.name, fitted.feature_log_prob_, offset)


def _bernoulli(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    flow, graph = writing.flow(given), writing.graph
    name = flow.name
    if fitted.binarize is not None:
        is_over = graph.op("Greater", name, float(fitted.binarize))
        name = graph.cast(is_over, Datatype.FP64)
        writing.anchor_rows(flow, np.full((1, flow.width), float(fitted.binarize)))
    absent = np.log(1 - np.exp(fitted.feature_log_prob_))
    offset = fitted.class_log_prior_ + absent.sum(axis=1)
    return _linear(writing, fitted, name, fitted.feature_log_prob_ - absent, offset)


def _categorical(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    flow, graph = writing.flow(given), writing.graph
    parts = []
    for feature, table in enumerate(fitted.feature_log_prob_):
        place = graph.cast(graph.column(flow.name, feature), Datatype.INT64)
        found = graph.op("Gather", np.ascontiguousarray(table.T), place)
        parts.append(graph.op("Squeeze", found, [1]))
        writing.anchor(flow, feature, list(range(table.shape[1])))
        raw = flow.origin(feature)
        if raw is not None:
            writing.whole.add(raw.column)
            writing.lacks_unknown.add(raw.column)
    total = graph.op("Add", graph.total(parts), fitted.class_log_prior_)
    return _answered(writing, fitted, total)


def _quadratic(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    flow, graph = writing.flow(given), writing.graph
    writing.anchor_rows(flow, fitted.means_)
    norms, sizes = [], []
    for mean, rotation, scaling in zip(
        fitted.means_, fitted.rotations_, fitted.scalings_, strict=True
    ):
        turned = graph.op("MatMul", graph.op("Sub", flow.name, mean), rotation / np.sqrt(scaling))
        norms.append(graph.op("ReduceSumSquare", turned, [1], keepdims=1))
        sizes.append(np.log(scaling).sum())
    half = graph.op("Mul", graph.op("Add", graph.joined(norms), np.array(sizes)), -0.5)
    likelihood = graph.op("Add", half, np.log(fitted.priors_))
    said = _answered(writing, fitted, likelihood)
    if len(fitted.classes_) != 2:
        return Classified(said.classes, said.choice, said.probability, likelihood)
    return said


CLASSIFIERS: Mapping[str, Classifies] = {
    "GaussianNB": _gaussian,
    "MultinomialNB": _multinomial,
    "ComplementNB": _complement,
    "BernoulliNB": _bernoulli,
    "CategoricalNB": _categorical,
    "QuadraticDiscriminantAnalysis": _quadratic,
}

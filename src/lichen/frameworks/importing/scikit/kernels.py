"""Models of kernels: support vectors, Gaussian processes, kernel ridge, kernel PCA."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import both, largest, over, shares
from lichen.frameworks.importing.scikit.distances import squared
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.processes import covariance, error_function
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Classifies,
    Fitted,
    Floats,
    Flow,
    Given,
    Transforms,
    Values,
    Writing,
)

_ERF_SCALES = np.array([0.41, 0.4, 0.37, 0.44, 0.39])
_ERF_WEIGHTS = np.array([-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654])
"""The logistic function as five error functions: Williams and Barber, 1998, appendix A."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel by its name, as libsvm and `pairwise_kernels` have it."""

    name: str
    gamma: float = 1.0
    offset: float = 0.0
    degree: float = 3.0

    def of(self, graph: Graph, name: str, kept: Floats) -> str:
        """Its values between rows and the rows that are kept, `(rows, kept)`.

        Raises:
            InvalidInput: there is no such kernel here.
        """
        rows = np.asarray(kept, dtype=np.float64)
        if self.name == "rbf":
            return graph.op("Exp", graph.op("Mul", squared(graph, name, rows), -self.gamma))
        if self.name not in ("linear", "poly", "polynomial", "sigmoid"):
            raise InvalidInput(
                f"the kernel {self.name!r} cannot be converted: fit it with linear, poly, rbf or "
                "sigmoid"
            )
        product = graph.op("MatMul", name, np.ascontiguousarray(rows.T))
        if self.name == "linear":
            return product
        moved = graph.op("Add", graph.op("Mul", product, self.gamma), self.offset)
        if self.name == "sigmoid":
            return graph.op("Tanh", moved)
        return graph.op("Pow", moved, float(self.degree))


def _kernel_of(fitted: Fitted) -> Kernel:
    gamma = getattr(fitted, "_gamma", None)
    if not isinstance(fitted.kernel, str):
        raise InvalidInput(f"the {type(fitted).__name__} has a kernel of its own: name one instead")
    return Kernel(
        fitted.kernel,
        float(1.0 if gamma is None else gamma),
        float(fitted.coef0),
        float(fitted.degree),
    )


def _dense(values: object) -> Floats:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float64)


def _similarity(writing: Writing, fitted: Fitted, given: Given) -> str:
    kernel = _kernel_of(fitted)
    flow, vectors = writing.flow(given), _dense(fitted.support_vectors_)
    writing.anchor_rows(flow, vectors)
    return kernel.of(writing.graph, flow.name, vectors)


def support_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    """What support vectors sum up to, `(rows, 1)`: of regressors, and of one class."""
    graph, similarity = writing.graph, _similarity(writing, fitted, given)
    return graph.op(
        "Add", graph.op("MatMul", similarity, _dense(fitted.dual_coef_).T), fitted.intercept_
    )


def _pair_weights(fitted: Fitted) -> Floats:
    """Weights of support vectors `(vectors, pairs)`: Hsu and Lin, 2002, as libsvm lays them out."""
    counts = np.asarray(fitted._n_support)  # noqa: SLF001 - the public one is the same
    dual, classes = _dense(fitted._dual_coef_), len(counts)
    first = np.concatenate([[0], np.cumsum(counts)])
    pairs = list(combinations(range(classes), 2))
    weights = np.zeros((first[-1], len(pairs)))
    for place, (one, other) in enumerate(pairs):
        own, others = slice(first[one], first[one + 1]), slice(first[other], first[other + 1])
        weights[own, place] = dual[other - 1, own]
        weights[others, place] = dual[one, others]
    return weights


def _support_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    graph = writing.graph
    similarity = _similarity(writing, fitted, given)
    said = graph.op("MatMul", similarity, _pair_weights(fitted))
    apart = graph.op("Add", said, np.asarray(fitted._intercept_))
    probability = None
    if fitted.probability is True and np.size(fitted._probA):  # noqa: SLF001
        probability = _support_probability(writing, fitted, given)
    classes = len(fitted.classes_)
    if classes == 2:
        score = graph.op("Neg", apart)
        choice = graph.cast(graph.op("LessOrEqual", apart, 0.0), Datatype.INT64)
        return Classified(fitted.classes_, graph.op("Squeeze", choice, [1]), probability, score)
    votes = _votes(graph, apart, classes)
    score = apart
    if fitted.decision_function_shape == "ovr":
        score = ovr_score(graph, votes, graph.op("Neg", apart), classes)
    choice = largest(graph, score if fitted.break_ties else votes)
    return Classified(fitted.classes_, choice, probability, score)


def _votes(graph: Graph, apart: str, classes: int) -> str:
    """How many pairs each class won, `(rows, classes)`; a pair is won by its first over 0."""
    won = graph.cast(graph.op("Greater", apart, 0.0), Datatype.FP64)
    return won_pairs(graph, graph.op("Sub", 1.0, won), classes)


def won_pairs(graph: Graph, is_second: str, classes: int) -> str:
    """The same from 1 where the second of a pair won it."""
    first, second = _pair_matrices(classes)
    total = graph.op("MatMul", is_second, second - first)
    return graph.op("Add", total, first.sum(axis=0))


def _pair_matrices(classes: int) -> tuple[Floats, Floats]:
    """Which class is the first, and which the second, of each pair `(pairs, classes)`."""
    pairs = np.array(list(combinations(range(classes), 2)))
    return np.eye(classes)[pairs[:, 0]], np.eye(classes)[pairs[:, 1]]


def ovr_score(graph: Graph, votes: str, confidence: str, classes: int) -> str:
    """Votes, and a part of less than one by how sure each pair was of its second class."""
    first, second = _pair_matrices(classes)
    total = graph.op("MatMul", confidence, second - first)
    most = graph.op("Mul", graph.op("Add", graph.op("Abs", total), 1.0), 3.0)
    return graph.op("Add", votes, graph.op("Div", total, most))


def _support_probability(writing: Writing, fitted: Fitted, given: Given) -> str:
    """Coupled pairwise probabilities (Wu, Lin and Weng, 2004), as ONNX Runtime solves them.

    It does so in float32, which is what the tolerance is for.
    """
    kernel, graph, flow = _kernel_of(fitted), writing.graph, writing.flow(given)
    rows = graph.cast(flow.name, Datatype.FP32)
    classes = len(fitted.classes_)
    _, probability = graph.ops(
        "SVMClassifier",
        2,
        rows,
        kernel_type={"linear": "LINEAR", "poly": "POLY", "rbf": "RBF", "sigmoid": "SIGMOID"}[
            kernel.name
        ],
        kernel_params=[kernel.gamma, kernel.offset, kernel.degree],
        support_vectors=_dense(fitted.support_vectors_).ravel().tolist(),
        vectors_per_class=np.asarray(fitted._n_support).tolist(),  # noqa: SLF001
        coefficients=_dense(fitted._dual_coef_).ravel().tolist(),
        rho=np.asarray(fitted._intercept_).tolist(),
        prob_a=np.asarray(fitted._probA).tolist(),  # noqa: SLF001
        prob_b=np.asarray(fitted._probB).tolist(),  # noqa: SLF001
        classlabels_ints=list(range(classes)),
        post_transform="NONE",
    )
    return graph.cast(probability, Datatype.FP64)


def _process_value(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow, graph = writing.flow(given), writing.graph
    writing.anchor_rows(flow, fitted.X_train_)
    found = covariance(graph, fitted.kernel_, flow.name, fitted.X_train_)
    alpha = np.asarray(fitted.alpha_, dtype=np.float64)
    mean = graph.op("MatMul", found, alpha.reshape(len(alpha), -1))
    scaled = graph.op("Mul", mean, np.atleast_1d(fitted._y_train_std))  # noqa: SLF001
    return graph.op("Add", scaled, np.atleast_1d(fitted._y_train_mean))  # noqa: SLF001


def _process_class(writing: Writing, fitted: Fitted, given: Given) -> Classified:
    """Laplace's approximation: Rasmussen and Williams, 2006, algorithm 3.2."""
    flow, inner = writing.flow(given), fitted.base_estimator_
    several = getattr(inner, "estimators_", None)
    parts = [inner] if several is None else list(several)
    if type(inner).__name__ == "OneVsOneClassifier":
        raise InvalidInput(
            "Gaussian processes one against one have no probabilities: fit one_vs_rest"
        )
    said = [_process_second(writing, flow, one) for one in parts]
    if several is None or len(parts) == 1:
        probability, mean = said[0]
        graph = writing.graph
        return Classified(fitted.classes_, over(graph, mean), both(graph, probability))
    together = writing.graph.joined([probability for probability, _ in said])
    return Classified(
        fitted.classes_, largest(writing.graph, together), shares(writing.graph, together)
    )


def _process_second(writing: Writing, flow: Flow, fitted: Fitted) -> tuple[str, str]:
    """The probability of the second class, and the latent mean, `(rows, 1)`."""
    graph, rows = writing.graph, fitted.X_train_
    writing.anchor_rows(flow, rows)
    similar = covariance(graph, fitted.kernel_, flow.name, rows)
    mean = graph.op("MatMul", similar, (fitted.y_train_ - fitted.pi_)[:, np.newaxis])
    spread = np.linalg.solve(fitted.L_, np.diag(fitted.W_sr_)).T
    taken = graph.op("ReduceSumSquare", graph.op("MatMul", similar, spread), [1], keepdims=1)
    own = fitted.kernel_.diag(rows[:1])[0]
    variance = graph.op("Sub", float(own), taken)
    alpha = graph.op("Div", 0.5, variance)
    ratio = graph.op("Sqrt", graph.op("Div", alpha, graph.op("Add", alpha, _ERF_SCALES**2)))
    erf = error_function(graph, graph.op("Mul", graph.op("Mul", mean, _ERF_SCALES), ratio))
    total = graph.op("MatMul", erf, _ERF_WEIGHTS[:, np.newaxis] / 2)
    return graph.op("Add", total, float(_ERF_WEIGHTS.sum() / 2)), mean


def _ridge(writing: Writing, fitted: Fitted, given: Given) -> str:
    flow, rows = writing.flow(given), np.asarray(fitted.X_fit_, dtype=np.float64)
    writing.anchor_rows(flow, rows)
    similarity = _pairwise(fitted, rows.shape[1]).of(writing.graph, flow.name, rows)
    dual = np.asarray(fitted.dual_coef_, dtype=np.float64)
    return writing.graph.op("MatMul", similarity, dual.reshape(len(dual), -1))


def _pairwise(fitted: Fitted, width: int) -> Kernel:
    """As `pairwise_kernels` takes it: without gamma it is one over the features."""
    if not isinstance(fitted.kernel, str):
        raise InvalidInput(f"the {type(fitted).__name__} has a kernel of its own: name one instead")
    gamma = getattr(fitted, "gamma_", fitted.gamma)
    return Kernel(
        fitted.kernel, 1.0 / width if gamma is None else gamma, fitted.coef0, fitted.degree
    )


def _kernel_components(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, rows = writing.flow(given), np.asarray(fitted.X_fit_, dtype=np.float64)
    graph = writing.graph
    similarity = _pairwise(fitted, rows.shape[1]).of(graph, flow.name, rows)
    centring = fitted._centerer  # noqa: SLF001
    ones = np.full((len(rows), 1), 1.0 / len(rows))
    mean = graph.op("MatMul", similarity, ones)
    moved = graph.op("Sub", similarity, np.asarray(centring.K_fit_rows_))
    centred = graph.op("Add", graph.op("Sub", moved, mean), float(centring.K_fit_all_))
    values, vectors = fitted.eigenvalues_, fitted.eigenvectors_
    scaled = np.zeros_like(vectors)
    usual = np.flatnonzero(values)
    scaled[:, usual] = vectors[:, usual] / np.sqrt(values[usual])
    return Flow(graph.op("MatMul", centred, scaled), scaled.shape[1])


def _nystroem(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    flow, rows = writing.flow(given), np.asarray(fitted.components_, dtype=np.float64)
    gamma = fitted.gamma if fitted.gamma is not None else 1.0 / rows.shape[1]
    kernel = Kernel(fitted.kernel, gamma, fitted.coef0 or 1.0, fitted.degree or 3.0)
    similarity = kernel.of(writing.graph, flow.name, rows)
    matrix = np.asarray(fitted.normalization_, dtype=np.float64)
    return Flow(writing.graph.op("MatMul", similarity, matrix.T.copy()), len(matrix))


CLASSIFIERS: Mapping[str, Classifies] = {
    **dict.fromkeys(("SVC", "NuSVC"), _support_class),
    "GaussianProcessClassifier": _process_class,
}
REGRESSORS: Mapping[str, Values] = {
    **dict.fromkeys(("SVR", "NuSVR"), support_value),
    "GaussianProcessRegressor": _process_value,
    "KernelRidge": _ridge,
}
TRANSFORMERS: Mapping[str, Transforms] = {
    "KernelPCA": _kernel_components,
    "Nystroem": _nystroem,
}

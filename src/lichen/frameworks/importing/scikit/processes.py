"""Covariances of Gaussian processes, by the kernels that they are made of."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.distances import squared
from lichen.frameworks.importing.scikit.graph import Graph
from lichen.frameworks.importing.scikit.writing import Floats

Part = Any
"""A kernel of `sklearn.gaussian_process.kernels`, which have no types."""


def covariance(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    """Between rows and the rows that are kept, doubles `(rows, kept)`.

    Raises:
        InvalidInput: a kernel has no formula here.
    """
    kind = type(part).__name__
    write = _PARTS.get(kind)
    if write is None or not type(part).__module__.startswith("sklearn."):
        raise InvalidInput(
            f"the kernel {kind} cannot be converted: fit it with one of {', '.join(sorted(_PARTS))}"
        )
    return write(graph, part, name, np.asarray(kept, dtype=np.float64))


def _scaled(graph: Graph, name: str, kept: Floats, length: Any) -> str:  # noqa: ANN401 - one or many
    """Squared distances in lengths of the kernel."""
    lengths = np.broadcast_to(np.asarray(length, dtype=np.float64), kept.shape[1])
    return squared(graph, graph.op("Div", name, lengths), kept / lengths)


def _rbf(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    return graph.op("Exp", graph.op("Mul", _scaled(graph, name, kept, part.length_scale), -0.5))


def _matern(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    """Closed where nu is 1/2, 3/2, 5/2 or infinite: Rasmussen and Williams, 2006, 4.2."""
    if part.nu not in (0.5, 1.5, 2.5, np.inf):
        raise InvalidInput(
            f"a Matern kernel of nu {part.nu} cannot be converted: take 0.5, 1.5 or 2.5"
        )
    apart = _scaled(graph, name, kept, part.length_scale)
    if part.nu == np.inf:
        return graph.op("Exp", graph.op("Mul", apart, -0.5))
    distance = graph.op("Mul", graph.op("Sqrt", apart), float(np.sqrt(2 * part.nu)))
    fading = graph.op("Exp", graph.op("Neg", distance))
    if part.nu == 0.5:
        return fading
    terms = graph.op("Add", distance, 1.0)
    if part.nu == 2.5:
        terms = graph.op("Add", terms, graph.op("Div", graph.op("Mul", distance, distance), 3.0))
    return graph.op("Mul", terms, fading)


def _rational(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    scale = 2 * part.alpha * part.length_scale**2
    base = graph.op("Add", graph.op("Div", squared(graph, name, kept), float(scale)), 1.0)
    return graph.op("Pow", base, float(-part.alpha))


def _periodic(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    distance = graph.op("Sqrt", squared(graph, name, kept))
    wave = graph.op("Sin", graph.op("Mul", distance, float(np.pi / part.periodicity)))
    ratio = graph.op("Div", wave, float(part.length_scale))
    return graph.op("Exp", graph.op("Mul", graph.op("Mul", ratio, ratio), -2.0))


def _product(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    return graph.op("Add", graph.op("MatMul", name, kept.T.copy()), float(part.sigma_0**2))


def _constant(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    return _same(graph, name, kept, float(part.constant_value))


def _white(graph: Graph, part: Part, name: str, kept: Floats) -> str:  # noqa: ARG001 - as all are called
    """Noise is of each row alone: there is none between rows."""
    return _same(graph, name, kept, 0.0)


def _same(graph: Graph, name: str, kept: Floats, value: float) -> str:
    return graph.repeated(name, np.full((1, len(kept)), value))


def _sum(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    sides = [covariance(graph, one, name, kept) for one in (part.k1, part.k2)]
    return graph.op("Add", *sides)


def _times(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    sides = [covariance(graph, one, name, kept) for one in (part.k1, part.k2)]
    return graph.op("Mul", *sides)


def _power(graph: Graph, part: Part, name: str, kept: Floats) -> str:
    return graph.op("Pow", covariance(graph, part.kernel, name, kept), float(part.exponent))


_PARTS: Mapping[str, Callable[[Graph, Part, str, Floats], str]] = {
    "RBF": _rbf,
    "Matern": _matern,
    "RationalQuadratic": _rational,
    "ExpSineSquared": _periodic,
    "DotProduct": _product,
    "ConstantKernel": _constant,
    "WhiteKernel": _white,
    "Sum": _sum,
    "Product": _times,
    "Exponentiation": _power,
}


def error_function(graph: Graph, name: str) -> str:
    """The error function in doubles, which ONNX Runtime has in float32 alone.

    Rational approximations by Moshier (Cephes, ndtr.c), right to the last digits.
    """
    size = graph.op("Abs", name)
    near = graph.op("Min", size, 1.0)
    square = graph.op("Mul", near, near)
    small = graph.op("Div", _polynomial(graph, square, _T), _polynomial(graph, square, _U))
    far = graph.op("Min", graph.op("Max", size, 1.0), 8.0)
    fading = graph.op("Exp", graph.op("Neg", graph.op("Mul", far, far)))
    rest = graph.op("Div", _polynomial(graph, far, _P), _polynomial(graph, far, _Q))
    large = graph.op("Sub", 1.0, graph.op("Mul", fading, rest))
    inside = graph.op("Mul", near, small)
    found = graph.chosen(graph.op("Greater", size, 1.0), large, inside)
    return graph.chosen(graph.op("Less", name, 0.0), graph.op("Neg", found), found)


def _polynomial(graph: Graph, name: str, terms: tuple[float, ...]) -> str:
    """By Horner, the highest power first."""
    total = graph.op("Add", graph.op("Mul", name, 0.0), terms[0])
    for term in terms[1:]:
        total = graph.op("Add", graph.op("Mul", total, name), term)
    return total


_T = (
    *(9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3),
    *(7.00332514112805075473e3, 5.55923013010394962768e4),
)
_U = (
    *(1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3),
    *(2.26290000613890934246e4, 4.92673942608635921086e4),
)
_P = (
    *(2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0),
    *(4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2),
    *(9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2),
)
_Q = (
    *(1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2),
    *(9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3),
    *(1.65666309194161350182e3, 5.57535340817727675546e2),
)

"""Read the linear function that an ONNX model is: scalings, products and sums in whatever order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.onnx_message import parsed
from lichen.frameworks.onnx_trees import LINKS, Attributes

Floats = NDArray[np.float64]
LARGEST_BYTES = 64 * 2**20
_MATRIX = 2
_DTYPES = {1: "<f4", 2: "u1", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
_FIELDS = {1: "float_data", 2: "int32_data", 6: "int32_data", 7: "int64_data", 11: "double_data"}


@dataclass(frozen=True, slots=True)
class LinearTables:
    """`link(x @ weights + bias)`.

    Attributes:
        weights: `(features, outputs)`.
        bias: `(outputs,)`.
        link: a key of `LINKS`.
    """

    weights: Floats
    bias: Floats
    link: str


@dataclass(frozen=True, slots=True)
class _Affine:
    """A tensor that is a linear function of the input; before a product each feature by itself.

    `weights` is `(features,)` until the first product, and `(features, outputs)` after it.
    """

    weights: Floats
    bias: Floats

    def times(self, factor: Floats) -> "_Affine":
        return _Affine(self.weights * factor, self.bias * factor)

    def plus(self, term: Floats) -> "_Affine":
        return _Affine(self.weights, self.bias + term)

    def product(self, matrix: Floats) -> "_Affine":
        if matrix.ndim == 1:  # of one column, or of one row
            alone = matrix[:, None] if len(matrix) == self.weights.shape[-1] else matrix[None]
            return self.product(alone)
        if self.weights.ndim == 1:
            return _Affine(self.weights[:, None] * matrix, self.bias @ matrix)
        return _Affine(self.weights @ matrix, self.bias @ matrix)


_Operand = _Affine | Floats | None


def read_linear(content: bytes, width: int) -> LinearTables | None:
    """The linear function of `width` features that a model answers; None where it is another.

    Whoever explains by it checks on rows that it answers so.
    """
    if len(content) > LARGEST_BYTES:
        return None
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return _read(parsed(content).graph, width)
    except (DecodeError, LookupError, ValueError, TypeError, OverflowError):
        return None


def _read(graph: Any, width: int) -> LinearTables | None:  # noqa: ANN401 - a message of ONNX
    known: dict[str, _Operand] = {one.name: array_of(one) for one in graph.initializer}
    known[graph.input[0].name] = _Affine(np.ones(width), np.zeros(width))
    ends = {one.name for one in graph.output}
    last: LinearTables | None = None
    for node in graph.node:
        made = _made(node, [known.get(name) for name in node.input])
        known[node.output[0]] = made
        link = _link(node, [known.get(name) for name in node.input])
        if link is not None:
            return link
        if node.output[0] in ends and isinstance(made, _Affine) and made.weights.ndim == _MATRIX:
            last = LinearTables(made.weights, made.bias, "none")
    return last


def _link(node: Any, operands: list[_Operand]) -> LinearTables | None:  # noqa: ANN401
    """The function, where a link that is known ends it."""
    name = next((name for name, kind in LINKS.items() if kind and kind == node.op_type), None)
    taken = operands[0] if operands else None
    if name is None or not isinstance(taken, _Affine) or taken.weights.ndim != _MATRIX:
        return None
    return LinearTables(taken.weights, taken.bias, name)


def _made(node: Any, operands: list[_Operand]) -> _Operand:  # noqa: ANN401
    """What a node makes, where that is a constant or linear; None otherwise."""
    if node.op_type == "Constant":
        return array_of(next(iter(node.attribute)).t)
    make = _OPERATIONS.get(node.op_type)
    if make is None or not operands or any(one is None for one in operands):
        return None
    return make(Attributes(node), operands)


def _kept(_: Attributes, operands: list[_Operand]) -> _Operand:
    return operands[0]


def _sum(_: Attributes, operands: list[_Operand]) -> _Operand:
    match operands:
        case (_Affine() as taken, np.ndarray() as term) | (
            np.ndarray() as term,
            _Affine() as taken,
        ):
            return taken.plus(term)
        case _:
            return None


def _difference(_: Attributes, operands: list[_Operand]) -> _Operand:
    match operands:
        case (_Affine() as taken, np.ndarray() as term):
            return taken.plus(-term)
        case (np.ndarray() as term, _Affine() as taken):
            return taken.times(np.array(-1.0)).plus(term)
        case _:
            return None


def _scaled(_: Attributes, operands: list[_Operand]) -> _Operand:
    match operands:
        case (_Affine() as taken, np.ndarray() as by) | (np.ndarray() as by, _Affine() as taken):
            return taken.times(by)
        case _:
            return None


def _divided(_: Attributes, operands: list[_Operand]) -> _Operand:
    match operands:
        case (_Affine() as taken, np.ndarray() as by):
            return taken.times(1.0 / by)
        case _:
            return None


def _product(_: Attributes, operands: list[_Operand]) -> _Operand:
    match operands:
        case (_Affine() as taken, np.ndarray() as matrix):
            return taken.product(matrix)
        case _:
            return None


def _gemm(said: Attributes, operands: list[_Operand]) -> _Operand:
    match operands:
        case (_Affine() as taken, np.ndarray() as matrix, *terms) if not said.number("transA", 0):
            turned = matrix.T if said.number("transB", 0) else matrix
            made = taken.product(turned * said.real("alpha", 1.0))
            for term in terms:
                if not isinstance(term, np.ndarray):
                    return None
                made = made.plus(term * said.real("beta", 1.0))
            return made
        case _:
            return None


def array_of(tensor: Any) -> Floats:  # noqa: ANN401 - a message of ONNX
    """A tensor of numbers as doubles.

    Raises:
        LookupError: its datatype is no number.
    """
    if tensor.raw_data:
        values = np.frombuffer(tensor.raw_data, dtype=_DTYPES[tensor.data_type])
    else:
        values = np.array(getattr(tensor, _FIELDS[tensor.data_type]), dtype=np.float64)
    shaped: Floats = values.astype(np.float64).reshape(tuple(tensor.dims))
    return shaped.reshape(-1) if shaped.ndim == _MATRIX and len(shaped) == 1 else shaped


_OPERATIONS: Mapping[str, Callable[[Attributes, list[_Operand]], _Operand]] = {
    **dict.fromkeys(("Identity", "Cast"), _kept),
    "Add": _sum,
    "Sub": _difference,
    "Mul": _scaled,
    "Div": _divided,
    "MatMul": _product,
    "Gemm": _gemm,
}

"""Which raw column each feature within an ONNX graph is made of, read off its operators.

What scikit-learn does to a table before it computes is imputing, scaling, one-hot and the like:
each feature looks at one raw column. The operators show it, whatever they compute; a feature of
several columns (a product, a component, a norm) is marked as such, and what is not known is None.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from lichen.frameworks.onnx_linear import array_of
from lichen.frameworks.onnx_trees import Attributes, Ints

CONSTANT, SEVERAL = -1, -2
"""In place of a raw column: made of none, and of more than one."""
Operand = Ints | NDArray[np.float64] | None
"""The owners of a tensor's columns (int64), a constant (float64), or not known."""
_ELEMENTWISE = frozenset(
    (
        *("Abs", "Add", "And", "Binarizer", "Cast", "Ceil", "Clip", "Div", "Equal", "Exp", "Floor"),
        *("Greater", "GreaterOrEqual", "Identity", "Imputer", "IsInf", "IsNaN", "LabelEncoder"),
        *("Less", "LessOrEqual", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow"),
        *("Reciprocal", "Relu", "Round", "Scaler", "Sigmoid", "Sign", "Sqrt", "Sub", "Sum", "Tanh"),
        *("Where", "Xor"),
    )
)
_MATRIX = 2


def owners_in(graph: Any, inputs: Mapping[str, Ints]) -> Mapping[str, Ints]:  # noqa: ANN401 - a message
    """Of each tensor whose columns are known the raw column of each.

    Args:
        graph: of an ONNX model, as `onnx_trees.parsed` reads it.
        inputs: of each input of the graph the raw columns that it holds, in their order.
    """
    known: dict[str, Operand] = {one.name: _constant(one) for one in graph.initializer}
    known |= inputs
    for node in graph.node:
        made = _made(node, [known.get(name) for name in node.input if name])
        for name in node.output:
            known[name] = made
    return {name: one for name, one in known.items() if _is_owned(one)}


def _is_owned(operand: Operand) -> TypeGuard[Ints]:
    return operand is not None and operand.dtype == np.int64


def _constant(tensor: Any) -> Operand:  # noqa: ANN401 - a message of ONNX
    """The numbers of a constant; of texts only that it is one."""
    try:
        return array_of(tensor)
    except (LookupError, ValueError, TypeError):
        return np.zeros(tuple(tensor.dims))


def _made(node: Any, operands: list[Operand]) -> Operand:  # noqa: ANN401 - a message of ONNX
    if node.op_type == "Constant":
        return _constant(next(iter(node.attribute)).t)
    if not operands or any(one is None for one in operands):
        return None
    if node.op_type in _ELEMENTWISE:
        return _joined(operands)
    make = _OPERATIONS.get(node.op_type)
    return None if make is None else make(Attributes(node), operands)


def _owners(operand: Operand) -> Ints:
    """Of a constant: none for each of its columns."""
    if operand is None or operand.dtype == np.int64:
        return np.asarray(operand)
    width = operand.shape[-1] if operand.ndim else 1
    return np.full(width, CONSTANT, dtype=np.int64)


def _joined(operands: list[Operand]) -> Operand:
    """Column by column, one column standing beside all of another tensor."""
    each = [_owners(one) for one in operands]
    width = max(len(one) for one in each)
    if any(len(one) not in (1, width) for one in each):
        return None
    return _together(np.stack([np.broadcast_to(one, width) for one in each]))


def _together(owners: Ints) -> Ints:
    """Of tensors `(tensors, columns)` what each column is made of."""
    highest = owners.max(axis=0)
    counts = np.where(owners == CONSTANT, highest, owners)
    is_one = (counts == highest).all(axis=0)
    return np.where(is_one, highest, SEVERAL).astype(np.int64)


def _all_of(owners: Ints) -> Ints:
    return _together(owners[:, None])


def _gather(said: Attributes, operands: list[Operand]) -> Operand:
    """Columns by their places; or rows of a table by a number of each row."""
    data, places = operands
    if data is None or places is None:
        return None
    if data.dtype != np.int64:  # a table of constants: all of what is found hangs on the number
        if places.dtype != np.int64 or said.number("axis", 0):
            return None
        width = data.shape[1] if data.ndim == _MATRIX else 1
        return np.full(width, _all_of(_owners(places))[0], dtype=np.int64)
    if places.dtype == np.int64 or said.number("axis", 0) != 1:
        return None
    return data[places.astype(np.int64).reshape(-1)]


def _concat(said: Attributes, operands: list[Operand]) -> Operand:
    if said.number("axis", 0) not in (1, -1):
        return None
    return np.concatenate([_owners(one) for one in operands])


def _product(_: Attributes, operands: list[Operand]) -> Operand:
    """Each column of a product is made of those that have a weight in it."""
    data, matrix = operands
    if data is None or matrix is None or data.dtype != np.int64 or matrix.dtype == np.int64:
        return None
    weights = matrix.reshape(len(data), -1)
    has_weight = np.where(weights != 0, data[:, None], CONSTANT)
    return _together(has_weight)


def _over_columns(_: Attributes, operands: list[Operand]) -> Operand:
    return _all_of(_owners(operands[0]))


def _reshaped(_: Attributes, operands: list[Operand]) -> Operand:
    """An axis of length 1 more or less: the second, as texts and numbers of categories have it."""
    data = _owners(operands[0])
    axes = operands[1] if len(operands) > 1 else None
    is_second = axes is not None and axes.dtype != np.int64 and axes.reshape(-1).tolist() == [1.0]
    return data if is_second else None


_OPERATIONS: Mapping[str, Callable[[Attributes, list[Operand]], Operand]] = {
    "Concat": _concat,
    "Gather": _gather,
    "MatMul": _product,
    "ReduceMax": _over_columns,
    "ReduceSum": _over_columns,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
}

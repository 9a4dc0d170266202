"""Operators that treat each value alone, or values in pairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.frameworks.importing.litert.network import Operator
from lichen.frameworks.importing.litert.writer import Handler, Writer, activated, clipped

_UNARY = {
    "ABS": "Abs",
    "NEG": "Neg",
    "EXP": "Exp",
    "LOG": "Log",
    "SQRT": "Sqrt",
    "SIN": "Sin",
    "COS": "Cos",
    "FLOOR": "Floor",
    "CEIL": "Ceil",
    "ROUND": "Round",
    "SIGN": "Sign",
    "TANH": "Tanh",
    "LOGISTIC": "Sigmoid",
    "RELU": "Relu",
    "ELU": "Elu",
    "HARD_SWISH": "HardSwish",
    "LOGICAL_NOT": "Not",
}
_BINARY = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "POW": "Pow",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
    "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual",
    "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual",
    "EQUAL": "Equal",
    "LOGICAL_AND": "And",
    "LOGICAL_OR": "Or",
}
_PICTURE = 4
_BOUNDS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}


def _unary(writer: Writer, operator: Operator) -> None:
    _apart(writer, operator, _UNARY[operator.kind])


def _leaky(writer: Writer, operator: Operator) -> None:
    _apart(writer, operator, "LeakyRelu", alpha=float(operator.options["alpha"]))


def _gelu(writer: Writer, operator: Operator) -> None:
    form = "tanh" if operator.options.get("approximate") else "none"
    _apart(writer, operator, "Gelu", approximate=form)


def _apart(writer: Writer, operator: Operator, kind: str, **attributes: Any) -> None:  # noqa: ANN401 - as ONNX has them
    """In whichever order the picture is there."""
    (given, *_), (answer, *_) = operator.inputs, operator.outputs
    if writer.is_channels_first(given):
        name = writer.emit(kind, [writer.channels_first(given)], **attributes)
        writer.put_channels_first(answer, name)
    else:
        writer.put(answer, writer.emit(kind, [writer.value(given)], **attributes))


def _bounded(writer: Writer, operator: Operator) -> None:
    (given, *_), (answer, *_) = operator.inputs, operator.outputs
    low, high = _BOUNDS[operator.kind]
    if writer.is_channels_first(given):
        writer.put_channels_first(answer, clipped(writer, writer.channels_first(given), low, high))
    else:
        writer.put(answer, clipped(writer, writer.value(given), low, high))


def _binary(writer: Writer, operator: Operator) -> None:
    one, other = operator.inputs
    (answer,) = operator.outputs
    kind = _BINARY[operator.kind]
    pair = _channels_first_pair(writer, one, other)
    if pair is not None:
        writer.put_channels_first(answer, activated(writer, operator, writer.emit(kind, pair)))
        return
    given = [writer.value(one), writer.value(other)]
    writer.put(answer, activated(writer, operator, writer.emit(kind, given)))


def _channels_first_pair(writer: Writer, one: int, other: int) -> list[str] | None:
    """Both with channels first, where the result is as cheap so; None: leave them."""
    if not (writer.is_channels_first(one) or writer.is_channels_first(other)):
        return None
    rank = max(len(writer.tensor(number).shape) for number in (one, other))
    if rank != _PICTURE:
        return None
    found = []
    for number in (one, other):
        values = writer.constant(number)
        if values is not None:
            found.append(writer.keep(_channels_first_constant(values)))
        elif writer.is_channels_first(number):
            found.append(writer.channels_first(number))
        else:
            return None
    return found


def _channels_first_constant(values: Array) -> Array:
    full = values.reshape((1,) * (_PICTURE - values.ndim) + values.shape)
    return full.transpose(0, 3, 1, 2)


def _squared_difference(writer: Writer, operator: Operator) -> None:
    less = writer.emit("Sub", [writer.value(number) for number in operator.inputs])
    writer.put(operator.outputs[0], writer.emit("Mul", [less, less]))


def _square(writer: Writer, operator: Operator) -> None:
    value = writer.value(operator.inputs[0])
    writer.put(operator.outputs[0], writer.emit("Mul", [value, value]))


def _rsqrt(writer: Writer, operator: Operator) -> None:
    root = writer.emit("Sqrt", [writer.value(operator.inputs[0])])
    writer.put(operator.outputs[0], writer.emit("Reciprocal", [root]))


def _not_equal(writer: Writer, operator: Operator) -> None:
    same = writer.emit("Equal", [writer.value(number) for number in operator.inputs])
    writer.put(operator.outputs[0], writer.emit("Not", [same]))


def _floor_div(writer: Writer, operator: Operator) -> None:
    share = writer.emit("Div", [writer.value(number) for number in operator.inputs])
    writer.put(operator.outputs[0], writer.emit("Floor", [share]))


def _add_all(writer: Writer, operator: Operator) -> None:
    given = [writer.value(number) for number in operator.inputs]
    writer.put(operator.outputs[0], writer.emit("Sum", given))


def _prelu(writer: Writer, operator: Operator) -> None:
    given, slope = operator.inputs
    values = writer.constant(slope)
    if writer.is_channels_first(given) and values is not None:
        name = writer.keep(_channels_first_constant(values))
        made = writer.emit("PRelu", [writer.channels_first(given), name])
        writer.put_channels_first(operator.outputs[0], made)
        return
    made = writer.emit("PRelu", [writer.value(given), writer.value(slope)])
    writer.put(operator.outputs[0], made)


def _where(writer: Writer, operator: Operator) -> None:
    given = [writer.value(number) for number in operator.inputs]
    writer.put(operator.outputs[0], writer.emit("Where", given))


def _cast(writer: Writer, operator: Operator) -> None:
    from onnx import helper

    answer = operator.outputs[0]
    kind = helper.np_dtype_to_tensor_dtype(writer.tensor(answer).dtype)
    writer.put(answer, writer.emit("Cast", [writer.value(operator.inputs[0])], to=kind))


def _rounding(writer: Writer, operator: Operator) -> None:
    """Into other steps, or out of them: real numbers flow here anyway."""
    given, answer = operator.inputs[0], operator.outputs[0]
    values = writer.constant(given)
    if values is not None and writer.tensor(answer).steps is None:
        writer.fold(answer, values.astype(np.float32))
    elif writer.is_channels_first(given):
        writer.put_channels_first(answer, writer.channels_first(given))
    else:
        writer.put(answer, writer.value(given))


OPERATORS: Mapping[str, Handler] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_BOUNDS, _bounded),
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE"), _rounding),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _where),
    "ADD_N": _add_all,
    "CAST": _cast,
    "FLOOR_DIV": _floor_div,
    "GELU": _gelu,
    "LEAKY_RELU": _leaky,
    "NOT_EQUAL": _not_equal,
    "PRELU": _prelu,
    "RSQRT": _rsqrt,
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": _squared_difference,
}

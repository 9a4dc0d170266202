"""Operators with weights, pools, and what follows them."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.litert.network import Operator
from lichen.frameworks.importing.litert.writer import Handler, Writer, activated

_PADDINGS = ("SAME_UPPER", "VALID")
_ABSENT = -1


def _make_real(writer: Writer, given: int, weights: int) -> None:
    """Rounded weights of real inputs: ONNX Runtime would round the inputs by a whole batch."""
    values = writer.constant(weights)
    if writer.tensor(given).steps is None and values is not None:
        writer.fold(weights, values)


def _convolution(writer: Writer, operator: Operator) -> None:
    """Weights `(outputs, height, width, inputs of a group)`."""
    given, weights = operator.inputs[:2]
    _make_real(writer, given, weights)
    shape = writer.tensor(weights).shape
    groups = writer.tensor(given).shape[3] // shape[3]
    kernel = writer.weights(weights, lambda one: one.transpose(0, 3, 1, 2), 0, operator.kind)
    _finish_convolution(writer, operator, kernel, (groups, *shape[1:3]))


def _depthwise(writer: Writer, operator: Operator) -> None:
    """Weights `(1, height, width, outputs)`, each output of one channel."""
    given, weights = operator.inputs[:2]
    _make_real(writer, given, weights)
    shape = writer.tensor(weights).shape
    kernel = writer.weights(weights, lambda one: one.transpose(3, 0, 1, 2), 0, operator.kind)
    _finish_convolution(writer, operator, kernel, (writer.tensor(given).shape[3], *shape[1:3]))


def _finish_convolution(
    writer: Writer, operator: Operator, kernel: str, sizes: tuple[int, ...]
) -> None:
    options = operator.options
    groups, *lengths = sizes
    inputs = [writer.channels_first(operator.inputs[0]), kernel]
    bias = operator.inputs[2] if len(operator.inputs) > 2 else _ABSENT
    if bias != _ABSENT:
        inputs.append(writer.weights(bias, lambda one: one, 0, operator.kind))
    name = writer.emit(
        "Conv",
        inputs,
        group=groups,
        kernel_shape=lengths,
        strides=[int(options["strideH"]), int(options["strideW"])],
        dilations=[int(options["dilationHFactor"]), int(options["dilationWFactor"])],
        auto_pad=_PADDINGS[int(options["padding"])],
    )
    writer.put_channels_first(operator.outputs[0], activated(writer, operator, name))


def _transposed_convolution(writer: Writer, operator: Operator) -> None:
    """Inputs: the shape of the answer, weights `(outputs, height, width, inputs)`, the picture."""
    weights, given = operator.inputs[1:3]
    _make_real(writer, given, weights)
    options, shape = operator.options, writer.tensor(weights).shape
    strides = [int(options["strideH"]), int(options["strideW"])]
    wanted = writer.tensor(operator.outputs[0]).shape[1:3]
    kernel = writer.weights(weights, lambda one: one.transpose(3, 0, 1, 2), 1, operator.kind)
    inputs = [writer.channels_first(given), kernel]
    if len(operator.inputs) > 3 and operator.inputs[3] != _ABSENT:
        inputs.append(writer.weights(operator.inputs[3], lambda one: one, 0, operator.kind))
    surplus = [
        max(stride * (length - 1) + side - want, 0)
        for stride, length, side, want in zip(
            strides, writer.tensor(given).shape[1:3], shape[1:3], wanted, strict=True
        )
    ]
    begin = [one // 2 for one in surplus]
    end = [one - one // 2 for one in surplus]
    name = writer.emit("ConvTranspose", inputs, strides=strides, pads=[*begin, *end])
    writer.put_channels_first(operator.outputs[0], activated(writer, operator, name))


def _pool(writer: Writer, operator: Operator) -> None:
    options = operator.options
    is_mean = operator.kind == "AVERAGE_POOL_2D"
    name = writer.emit(
        "AveragePool" if is_mean else "MaxPool",
        [writer.channels_first(operator.inputs[0])],
        kernel_shape=[int(options["filterHeight"]), int(options["filterWidth"])],
        strides=[int(options["strideH"]), int(options["strideW"])],
        auto_pad=_PADDINGS[int(options["padding"])],
    )
    writer.put_channels_first(operator.outputs[0], activated(writer, operator, name))


def _fully_connected(writer: Writer, operator: Operator) -> None:
    """Weights `(outputs, inputs)`."""
    given, weights = operator.inputs[:2]
    _make_real(writer, given, weights)
    inputs = writer.tensor(weights).shape[1]
    value, shape = writer.value(given), writer.tensor(given).shape
    if (len(shape) > 2 and not operator.options.get("keepNumDims")) or shape[-1] != inputs:
        value = writer.emit("Reshape", [value, writer.keep(np.array([-1, inputs]))])
    if writer.constant(weights) is None:
        kernel = writer.emit("Transpose", [writer.value(weights)], perm=[1, 0])
    else:
        kernel = writer.weights(weights, lambda one: one.T, 1, operator.kind)
    name = writer.emit("MatMul", [value, kernel])
    if len(operator.inputs) > 2 and operator.inputs[2] != _ABSENT:
        name = writer.emit("Add", [name, writer.value(operator.inputs[2])])
    writer.put(operator.outputs[0], activated(writer, operator, name))


def _matrix_product(writer: Writer, operator: Operator) -> None:
    given = []
    for number, flag in zip(operator.inputs, ("adjX", "adjY"), strict=True):
        value, rank = writer.value(number), len(writer.tensor(number).shape)
        if operator.options.get(flag):
            turned = [*range(rank - 2), rank - 1, rank - 2]
            value = writer.emit("Transpose", [value], perm=turned)
        given.append(value)
    writer.put(operator.outputs[0], writer.emit("MatMul", given))


def _softmax(writer: Writer, operator: Operator) -> None:
    value, beta = writer.value(operator.inputs[0]), float(operator.options.get("beta", 1.0))
    if operator.kind == "LOG_SOFTMAX":
        writer.put(operator.outputs[0], writer.emit("LogSoftmax", [value], axis=-1))
        return
    if beta != 1.0:
        value = writer.emit("Mul", [value, writer.keep(np.array(beta, dtype=np.float32))])
    writer.put(operator.outputs[0], writer.emit("Softmax", [value], axis=-1))


def _unit_length(writer: Writer, operator: Operator) -> None:
    value = writer.value(operator.inputs[0])
    writer.put(operator.outputs[0], writer.emit("LpNormalization", [value], axis=-1, p=2))


def _resize(writer: Writer, operator: Operator) -> None:
    size = writer.whole_numbers(operator.inputs[1], "the size of a resized picture")
    is_nearest = operator.kind == "RESIZE_NEAREST_NEIGHBOR"
    mode = "asymmetric"
    if operator.options.get("alignCorners"):
        mode = "align_corners"
    elif operator.options.get("halfPixelCenters"):
        mode = "half_pixel"
    name = writer.emit(
        "Resize",
        [writer.channels_first(operator.inputs[0]), "", "", writer.keep(np.array(size))],
        axes=[2, 3],
        mode="nearest" if is_nearest else "linear",
        coordinate_transformation_mode=mode,
        nearest_mode="floor" if mode == "asymmetric" else "round_prefer_ceil",
    )
    writer.put_channels_first(operator.outputs[0], name)


def _lstm(writer: Writer, operator: Operator) -> None:
    """Gates: input, forget, cell, output; ONNX has them as input, output, forget, cell."""
    if any(number != _ABSENT for number in (*operator.inputs[9:12], *operator.inputs[16:18])):
        raise InvalidInput("an LSTM with peepholes or a projection is not taken")
    if any(number != _ABSENT for number in operator.inputs[20:24]):
        raise InvalidInput("an LSTM with layer normalisation is not taken")
    gates = [0, 3, 1, 2]

    def stacked(first: int) -> list[np.ndarray]:
        found = [writer.constant(operator.inputs[first + gate]) for gate in gates]
        if any(one is None for one in found):
            raise InvalidInput("the weights of an LSTM are computed as the model runs")
        return [np.asarray(one, dtype=np.float32) for one in found]

    inputs, states, biases = (np.concatenate(stacked(first))[None] for first in (1, 5, 12))
    bias = np.concatenate([biases, np.zeros_like(biases)], axis=1)
    value = writer.value(operator.inputs[0])
    if not operator.options.get("timeMajor"):
        value = writer.emit("Transpose", [value], perm=[1, 0, 2])
    kept = [writer.keep(one) for one in (inputs, states, bias)]
    units = states.shape[2]
    steps = writer.emit("LSTM", [value, *kept], hidden_size=units)
    name = writer.emit("Squeeze", [steps, writer.keep(np.array([1]))])
    if not operator.options.get("timeMajor"):
        name = writer.emit("Transpose", [name], perm=[1, 0, 2])
    writer.put(operator.outputs[0], name)


OPERATORS: Mapping[str, Handler] = {
    "AVERAGE_POOL_2D": _pool,
    "BATCH_MATMUL": _matrix_product,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "L2_NORMALIZATION": _unit_length,
    "LOG_SOFTMAX": _softmax,
    "MAX_POOL_2D": _pool,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SOFTMAX": _softmax,
    "TRANSPOSE_CONV": _transposed_convolution,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}

"""The ONNX of a TFLite network as it is written: values by tensor, in either order of a picture.

Real numbers flow through it. A quantised tensor is rounded to its own steps where it is made
(QuantizeLinear, DequantizeLinear), which is what ONNX Runtime turns into whole-number arithmetic.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.litert.network import Network, Operator, Steps, Tensor
from lichen.frameworks.onnx_writer import IR_VERSION

OPSET = 20
"""The first with GELU. From 21 on, ONNX Runtime 1.31 mistakes the type of some rounded values."""
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
_ROWS = "rows"


class Writer:
    """Collects the nodes of one network."""

    def __init__(self, network: Network, *, is_open: bool) -> None:
        """Begin with its inputs.

        Args:
            network: what is written.
            is_open: whether any number of rows is to go through it, where the file has one.
        """
        self.network, self.is_open = network, is_open
        self._nodes: list[Any] = []
        self._kept: list[Any] = []
        self._names: dict[int, str] = {}
        self._channels_first: dict[int, str] = {}
        self._folded: dict[int, Array] = {}
        for name, number in network.inputs.items():
            steps = network.tensors[number].steps
            dtype = network.tensors[number].dtype
            self._names[number] = name if steps is None else self._real(name, steps, dtype)

    def tensor(self, number: int) -> Tensor:
        """What the file says of a tensor."""
        return self.network.tensors[number]

    def keep(self, values: Array) -> str:
        """The name of a constant."""
        from onnx import numpy_helper

        name = f"c{len(self._kept)}"
        self._kept.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def emit(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """The name of what one more node answers."""
        return self.emit_many(operator, inputs, 1, **attributes)[0]

    def emit_many(
        self,
        operator: str,
        inputs: Sequence[str],
        count: int,
        **attributes: Any,  # noqa: ANN401 - as ONNX has them
    ) -> list[str]:
        """The names of all that one more node answers."""
        from onnx import helper

        place = len(self._nodes)
        outputs = [f"n{place}_{number}" if number else f"n{place}" for number in range(count)]
        self._nodes.append(helper.make_node(operator, list(inputs), outputs, **attributes))
        return outputs

    def constant(self, number: int) -> Array | None:
        """The real values of a constant, or None."""
        if number in self._folded:
            return self._folded[number]
        tensor = self.tensor(number)
        if tensor.values is None or tensor.steps is None:
            return tensor.values
        shape = [1] * tensor.values.ndim
        if len(tensor.steps.scale) > 1:
            shape[tensor.steps.axis] = -1
        zero = tensor.steps.zero.reshape(shape)
        scale = tensor.steps.scale.reshape(shape)
        return ((tensor.values.astype(np.int64) - zero) * scale).astype(np.float32)

    def whole_numbers(self, number: int, why: str) -> list[int]:
        """The values of a constant of whole numbers, such as a shape.

        Raises:
            InvalidInput: it is computed as the model runs.
        """
        values = self.constant(number)
        if values is None:
            raise InvalidInput(f"{why} is computed as the model runs, which is not taken")
        return [int(one) for one in values.ravel()]

    def fold(self, number: int, values: Array) -> None:
        """A tensor turned out to be a constant."""
        self._folded[number] = values

    def value(self, number: int) -> str:
        """The name of a tensor's real value."""
        if number not in self._names:
            if number in self._channels_first:
                back = self._channels_first[number]
                self._names[number] = self.emit("Transpose", [back], perm=TO_NHWC)
            else:
                self._names[number] = self._constant_name(number)
        return self._names[number]

    def channels_first(self, number: int) -> str:
        """The same of a picture, its channels before its height and width."""
        if number not in self._channels_first:
            name = self.emit("Transpose", [self.value(number)], perm=TO_NCHW)
            self._channels_first[number] = name
        return self._channels_first[number]

    def is_channels_first(self, number: int) -> bool:
        """Is it there in that order already?"""
        return number in self._channels_first

    def put(self, number: int, name: str) -> None:
        """A tensor's value was computed; a quantised one is rounded to its steps."""
        self._names[number] = self._rounded(number, name)

    def put_channels_first(self, number: int, name: str) -> None:
        """The same of a picture in that order."""
        self._channels_first[number] = self._rounded(number, name)

    def weights(self, number: int, arrange: Callable[[Array], Array], axis: int, what: str) -> str:
        """A constant, put in another order; `axis` is where its steps are in that order.

        Raises:
            InvalidInput: it is computed as the model runs.
        """
        tensor = self.tensor(number)
        values = self._folded.get(number, tensor.values)
        if values is None:
            raise InvalidInput(f"the weights of {what} are computed as the model runs")
        name = self.keep(arrange(values))
        if tensor.steps is None or number in self._folded:
            return name
        return self._real(name, tensor.steps, tensor.dtype, axis)

    def _constant_name(self, number: int) -> str:
        if number < 0 or self.constant(number) is None:
            raise InvalidInput("an operator takes a tensor that nothing computes")
        tensor = self.tensor(number)
        if tensor.steps is None or number in self._folded:
            return self.keep(np.asarray(self.constant(number)))
        return self.weights(number, lambda values: values, tensor.steps.axis, tensor.name)

    def _rounded(self, number: int, name: str) -> str:
        tensor = self.tensor(number)
        if tensor.steps is None:
            return name
        if tensor.dtype not in (np.int8, np.uint8):
            raise InvalidInput(
                f"tensor {tensor.name!r} is rounded to {tensor.dtype}, which is not taken: convert "
                "the model with 8 bits or as real numbers"
            )
        if len(tensor.steps.scale) > 1:
            raise InvalidInput(f"tensor {tensor.name!r} has steps of its own for each channel")
        scale, zero = self._steps_of(tensor.steps, tensor.dtype)
        whole = self.emit("QuantizeLinear", [name, scale, zero])
        return self.emit("DequantizeLinear", [whole, scale, zero])

    def _real(self, name: str, steps: Steps, dtype: np.dtype[Any], axis: int = 0) -> str:
        """What whole numbers stand for."""
        scale, zero = self._steps_of(steps, dtype)
        given = [name, scale] if dtype == np.int32 else [name, scale, zero]
        return self.emit("DequantizeLinear", given, axis=axis if len(steps.scale) > 1 else 1)

    def _steps_of(self, steps: Steps, dtype: np.dtype[Any]) -> tuple[str, str]:
        single = len(steps.scale) == 1
        scale = steps.scale[0] if single else steps.scale
        zero = steps.zero[0] if single else steps.zero
        return self.keep(np.asarray(scale)), self.keep(np.asarray(zero, dtype=dtype))

    def model(self, name: str) -> bytes:
        """The ONNX: equal networks give equal bytes.

        Raises:
            InvalidInput: it breaks ONNX's rules.
        """
        from onnx import checker, helper

        outputs = [self._output(one, number) for one, number in self.network.outputs.items()]
        inputs = [
            self._described(one, self.tensor(number)) for one, number in self.network.inputs.items()
        ]
        used = {name for node in self._nodes for name in node.input}
        kept = [one for one in self._kept if one.name in used]
        graph = helper.make_graph(self._nodes, "network", inputs, outputs, initializer=kept)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="lichen",
            ir_version=IR_VERSION,
        )
        try:
            checker.check_model(model)
        except checker.ValidationError as error:
            reason = " ".join(str(error).split())[:300]
            raise InvalidInput(f"{name} cannot be written as ONNX: {reason}") from error
        return bytes(model.SerializeToString(deterministic=True))

    def _output(self, name: str, number: int) -> Any:  # noqa: ANN401 - onnx's own type
        """A tensor under the name that clients use; a quantised one as real numbers."""
        from onnx import helper

        self._nodes.append(helper.make_node("Identity", [self.value(number)], [name]))
        tensor = self.tensor(number)
        return self._described(name, tensor, np.dtype("f4") if tensor.steps else tensor.dtype)

    def _described(self, name: str, tensor: Tensor, dtype: np.dtype[Any] | None = None) -> Any:  # noqa: ANN401 - as above
        from onnx import helper

        lengths: list[int | str] = [
            length if length >= 0 else f"{name}_{place}"
            for place, length in enumerate(tensor.opened)
        ]
        if lengths and (self.is_open or tensor.opened[0] < 0):
            lengths[0] = _ROWS
        kind = helper.np_dtype_to_tensor_dtype(dtype or tensor.dtype)
        return helper.make_tensor_value_info(name, kind, lengths)


Handler = Callable[[Writer, Operator], None]
_RELU, _RELU_N1, _RELU6, _TANH = 1, 2, 3, 4


def activated(writer: Writer, operator: Operator, name: str) -> str:
    """What an operator does to its answer in the end.

    Raises:
        InvalidInput: it is an activation that no version here has.
    """
    kind = int(operator.options.get("fusedActivationFunction", 0))
    if kind == 0:
        return name
    if kind == _RELU:
        return writer.emit("Relu", [name])
    if kind == _TANH:
        return writer.emit("Tanh", [name])
    if kind not in (_RELU_N1, _RELU6):
        raise InvalidInput(f"{operator.kind} ends in activation number {kind}, which is not taken")
    return clipped(writer, name, *((-1.0, 1.0) if kind == _RELU_N1 else (0.0, 6.0)))


def clipped(writer: Writer, name: str, low: float, high: float) -> str:
    """Between two numbers."""
    bounds = [writer.keep(np.array(one, dtype=np.float32)) for one in (low, high)]
    return writer.emit("Clip", [name, *bounds])

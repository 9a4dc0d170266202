"""An ONNX graph that grows operator by operator; doubles, so that it answers as NumPy does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.tensors import Datatype
from lichen.frameworks.onnx_writer import IR_VERSION, OPSET

ML_OPSET = 5
"""Of ai.onnx.ml: trees of doubles that split on sets of categories."""
_ML = frozenset({"TreeEnsemble", "LabelEncoder", "SVMClassifier"})

Value = str | NDArray[Any] | float | int | list[int]
"""What an operator takes: the name of a tensor, or a constant."""
_KINDS = {
    Datatype.FP32: "FLOAT",
    Datatype.FP64: "DOUBLE",
    Datatype.INT64: "INT64",
    Datatype.BYTES: "STRING",
}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


class Graph:
    """Operators in the order in which they compute, and the constants that they take."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._kept: dict[str, NDArray[Any]] = {}
        self._notes: dict[str, str] = {}
        self._counted = 0

    def op(self, kind: str, *inputs: Value, **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """The output of one more operator."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: Value, **attributes: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
        """The outputs of one more operator that has several."""
        from onnx import helper

        named = [self._named(one) for one in inputs]
        self._counted += 1
        outputs = tuple(f"t{self._counted}_{number}" for number in range(count))
        domain = "ai.onnx.ml" if kind in _ML else ""
        self._nodes.append(helper.make_node(kind, named, outputs, domain=domain, **attributes))
        return outputs

    def keep(self, values: NDArray[Any]) -> str:
        """The name of a constant."""
        name = f"c{len(self._kept)}"
        self._kept[name] = values
        return name

    def fill(self, name: str, values: NDArray[Any]) -> None:
        """Say now what a constant is that was kept for its name alone."""
        self._kept[name] = values

    def note(self, key: str, value: str) -> None:
        """Say something in the metadata of the model, which runtimes pass over."""
        self._notes[key] = value

    def joined(self, parts: Iterable[str]) -> str:
        """Columns side by side."""
        given = list(parts)
        return given[0] if len(given) == 1 else self.op("Concat", *given, axis=1)

    def cast(self, tensor: str, datatype: Datatype) -> str:
        """The same numbers in another type."""
        from onnx import TensorProto

        return self.op("Cast", tensor, to=getattr(TensorProto, _KINDS[datatype]))

    def repeated(self, tensor: str, values: NDArray[Any]) -> str:
        """A row of constants `(1, k)` or `(1,)` for each row of a tensor, whatever that holds."""
        rows = self.op("Shape", tensor, end=1)
        shape = self.op("Concat", rows, list(values.shape[1:]), axis=0) if values.ndim > 1 else rows
        return self.op("Expand", values, shape)

    def total(self, parts: Iterable[str]) -> str:
        """The sum of tensors of one shape."""
        given = list(parts)
        return given[0] if len(given) == 1 else self.op("Sum", *given)

    def column(self, tensor: str, number: int) -> str:
        """One column of a tensor `(rows, k)`, as `(rows, 1)`."""
        return self.op("Gather", tensor, [number], axis=1)

    def chosen(self, condition: str, one: Value, other: Value) -> str:
        """`one` where the condition holds, else `other`."""
        return self.op("Where", condition, one, other)

    def model(self, inputs: Sequence[Port], outputs: Mapping[str, Port]) -> bytes:
        """The checked model; equal graphs give equal bytes.

        Args:
            inputs: what goes in.
            outputs: what comes out, by the tensor of the graph that it is.
        """
        from onnx import checker, helper, numpy_helper

        given = [
            helper.make_node("Identity", [tensor], [port.name]) for tensor, port in outputs.items()
        ]
        nodes, used = _needed([*self._nodes, *given], [port.name for port in outputs.values()])
        graph = helper.make_graph(
            nodes,
            "scikit",
            [_told(port) for port in inputs],
            [_told(port) for port in outputs.values()],
            initializer=[
                numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
                for name, values in self._kept.items()
                if name in used
            ],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
        )
        helper.set_model_props(model, self._notes)
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

    def _named(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        values = np.asarray(value, dtype=np.int64 if isinstance(value, list) else None)
        return self.keep(values.astype(np.object_) if values.dtype.kind == "U" else values)


def _told(port: Port) -> Any:  # noqa: ANN401 - onnx's own
    from onnx import TensorProto, helper

    kind = getattr(TensorProto, _KINDS[port.datatype])
    shape = ["rows", *(None if length < 0 else length for length in port.shape[1:])]
    return helper.make_tensor_value_info(port.name, kind, shape)


def _needed(nodes: Sequence[Any], outputs: Sequence[str]) -> tuple[list[Any], set[str]]:
    """The operators that the outputs hang on, in their order, and all tensors that they name."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1], wanted

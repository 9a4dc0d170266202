"""Draws ONNX graphs a node at a time; equal calls give equal bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET, ML_OPSET, IR_VERSION = 20, 3, 9
"""StringSplit and StringConcat came with 20."""


class Drawing:
    """Nodes and constants of one graph; each node's output has a name of its own."""

    def __init__(self, prefix: str = "") -> None:
        """Begin an empty graph whose names start with `prefix`."""
        self._prefix = prefix
        self.nodes: list[Any] = []
        self.kept: list[Any] = []
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], str] = {}

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - as onnx takes them
        """Add a node of one output; its name."""
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def nodes_of(
        self,
        kind: str,
        inputs: Sequence[str],
        count: int,
        **attributes: Any,  # noqa: ANN401 - as onnx takes them
    ) -> list[str]:
        """Add a node of so many outputs; their names."""
        from onnx import helper

        domain = "ai.onnx.ml" if kind == "LabelEncoder" else None
        outputs = [f"{self._prefix}{kind}_{len(self.nodes)}_{at}" for at in range(count)]
        self.nodes.append(
            helper.make_node(kind, list(inputs), outputs, domain=domain, **attributes)
        )
        return outputs

    def constant(self, values: object, dtype: type[np.generic] = np.int64) -> str:
        """A constant of numbers; its name, the same for equal ones."""
        from onnx import numpy_helper

        array: NDArray[Any] = np.asarray(values, dtype=dtype)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if key not in self._constants:
            name = f"{self._prefix}constant_{len(self.kept)}"
            self.kept.append(numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def texts(self, values: Sequence[str], shape: Sequence[int] | None = None) -> str:
        """A constant of texts; its name."""
        from onnx import TensorProto, helper

        name = f"{self._prefix}constant_{len(self.kept)}"
        encoded: Any = [one.encode() for one in values]
        lengths = [len(encoded)] if shape is None else list(shape)
        self.kept.append(helper.make_tensor(name, TensorProto.STRING, lengths, encoded))
        return name

    def name(self, made: str, name: str) -> None:
        """Give an output the name that it is answered by."""
        self.node_as("Identity", name, made)

    def node_as(self, kind: str, name: str, *inputs: str, **attributes: Any) -> None:  # noqa: ANN401 - as onnx takes them
        """Add a node whose only output has a name of the caller's choice."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))


def model_of(drawing: Drawing, inputs: Sequence[Any], outputs: Sequence[Any], title: str) -> bytes:
    """The serialised, checked model of a drawing."""
    from onnx import checker, helper

    graph = helper.make_graph(
        drawing.nodes, title, list(inputs), list(outputs), initializer=drawing.kept
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="lichen", ir_version=IR_VERSION
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))

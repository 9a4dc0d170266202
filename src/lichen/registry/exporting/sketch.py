"""A graph of ONNX in the making: nodes and constants with names of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
_AXES_ARE_INPUTS = 18
"""Of ReduceMax; of ReduceSum they have been since 13."""


class Sketch:
    """Collects what computes features and answers around a core."""

    def __init__(self, opset: int) -> None:
        self._opset = opset
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, values: NDArray[Any]) -> str:
        """The name of an array."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """The name of a list of integers, for axes, shapes and places."""
        return self.constant(np.array(values, dtype=np.int64))

    def double(self, values: float | Sequence[float] | NDArray[Any]) -> str:
        """The name of float64 values."""
        return self.constant(np.asarray(values, dtype=np.float64))

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """The name of the only output of a node; `domain` and `output` are its own."""
        output = str(attributes.pop("output", f"made_{len(self.nodes)}"))
        domain = str(attributes.pop("domain", ""))
        self.nodes.append(
            helper.make_node(kind, list(inputs), [output], domain=domain, **attributes)  # type: ignore[arg-type]
        )
        return output

    def several(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: object
    ) -> None:
        """A node of several outputs, by names of their own."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))  # type: ignore[arg-type]

    def cast(self, name: str, to: int) -> str:
        """The values as another type of TensorProto."""
        return self.node("Cast", name, to=to)

    def column(self, name: str, at: int) -> str:
        """One column `(rows,)` of `(rows, k)`."""
        return self.node("Gather", name, self.constant(np.array(at, dtype=np.int64)), axis=1)

    def upright(self, name: str) -> str:
        """`(rows,)` as `(rows, 1)`."""
        return self.node("Unsqueeze", name, self.integers(1))

    def clipped(self, name: str, low: str, high: str) -> str:
        """Within two names' values."""
        return self.node("Min", self.node("Max", name, low), high)

    def largest(self, name: str) -> str:
        """The largest of each row, `(rows, 1)`."""
        if self._opset < _AXES_ARE_INPUTS:
            return self.node("ReduceMax", name, axes=[1], keepdims=1)
        return self.node("ReduceMax", name, self.integers(1), keepdims=1)

    def is_place(self, places: str, width: int) -> str:
        """`(rows, width)`: whether a column is the one that `places` `(rows,)` names."""
        return self.node("Equal", self.upright(places), self.integers_row(width))

    def integers_row(self, width: int) -> str:
        """The name of 0, 1, ... as `(1, width)`."""
        return self.constant(np.arange(width, dtype=np.int64)[None])

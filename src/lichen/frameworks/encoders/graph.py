"""A graph of ONNX while it is written: nodes, and constants that each stand once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import IR_VERSION, OPSET

IDS, MASK = "ids", "mask"
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "tanh")


@dataclass(slots=True)
class EncoderGraph:
    """Nodes and constants; weights are taken by name."""

    weights: Mapping[str, NDArray[Any]]
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - as ONNX has them
        """One operator; the name of what it gives."""
        from onnx import helper

        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """The name of a constant."""
        self.constants[name] = value
        return name

    def numbers(self, *values: int) -> str:
        """Whole numbers as a constant."""
        name = "n_" + "_".join(str(one).replace("-", "m") for one in values)
        return self.constant(name, np.array(values, dtype=np.int64))

    def real(self, name: str, value: float) -> str:
        """A number as a constant."""
        return self.constant(name, np.array([value], dtype=np.float32))

    def has(self, name: str) -> bool:
        """Is there such a weight?"""
        return name in self.weights

    def weight(self, name: str, *, is_turned: bool = False) -> str:
        """A weight of the model; `is_turned`: as `(inputs, outputs)`.

        Raises:
            InvalidInput: there is none of that name.
        """
        found = self.weights.get(name)
        if found is None:
            raise InvalidInput(
                f"the encoder's weights lack {name!r}: they are not of the family that config.json "
                "names; save the model again by save_pretrained"
            )
        return self.constant(name, np.ascontiguousarray(found.T) if is_turned else found)

    def dense(self, x: str, name: str) -> str:
        """`x W + b`; without `b` where there is none."""
        product = self.add("MatMul", x, self.weight(f"{name}.weight", is_turned=True))
        if not self.has(f"{name}.bias"):
            return product
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def normalised(self, x: str, name: str, epsilon: float) -> str:
        """Layer normalisation (Ba, Kiros and Hinton, 2016)."""
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def activated(self, x: str, name: str) -> str:
        """One of `ACTIVATIONS`.

        Raises:
            InvalidInput: it is none of them.
        """
        match name:
            case "gelu":
                return self._gelu(x)
            case "gelu_new" | "gelu_pytorch_tanh":
                return self._gelu_by_tanh(x)
            case "relu" | "tanh":
                return self.add(name.capitalize(), x)
            case _:
                known = ", ".join(ACTIVATIONS)
                raise InvalidInput(f"the activation {name!r} is not written: {known} are")

    def _gelu(self, x: str) -> str:
        """`x (1 + erf(x / sqrt 2)) / 2` (Hendrycks and Gimpel, 2016)."""
        error = self.add("Erf", self.add("Div", x, self.real("root", sqrt(2))))
        whole = self.add("Mul", x, self.add("Add", error, self.real("one", 1.0)))
        return self.add("Mul", whole, self.real("half", 0.5))

    def _gelu_by_tanh(self, x: str) -> str:
        """`x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`, of the same paper."""
        cubed = self.add("Mul", self.add("Mul", x, x), x)
        inner = self.add("Add", x, self.add("Mul", cubed, self.real("cubic", 0.044715)))
        bent = self.add("Tanh", self.add("Mul", inner, self.real("slope", sqrt(2 / np.pi))))
        whole = self.add("Mul", x, self.add("Add", bent, self.real("one", 1.0)))
        return self.add("Mul", whole, self.real("half", 0.5))

    def model(self, last: str, output: str, shape: Sequence[str | int]) -> bytes:
        """The whole model: `ids` and `mask` int64 `(rows, tokens)` in, one float32 tensor out."""
        from onnx import TensorProto, checker, helper, numpy_helper

        if self.nodes[-1].output[0] == last:
            self.nodes[-1].output[0] = output
        else:
            self.nodes.append(helper.make_node("Identity", [last], [output]))
        made = helper.make_graph(
            self.nodes,
            "encoder",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"])
                for name in (IDS, MASK)
            ],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, list(shape))],
            initializer=[numpy_helper.from_array(v, name) for name, v in self.constants.items()],
        )
        model = helper.make_model(
            made,
            opset_imports=[helper.make_opsetid("", OPSET)],
            producer_name="lichen",
            ir_version=IR_VERSION,
        )
        checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))

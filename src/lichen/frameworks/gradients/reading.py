"""Read an ONNX graph and its tensors, as gradients are computed over them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.gradients.node import Array, Attribute, Node
from lichen.frameworks.onnx_message import parsed

_TYPES: Mapping[int, tuple[str, str]] = {
    1: ("<f4", "float_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("?", "int32_data"),
    10: ("<f2", ""),
    11: ("<f8", "double_data"),
}
"""Of ONNX's types of tensors: as NumPy calls it, and where its numbers stand if not raw."""
_FLOATS, _INTS = 6, 7


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph, its nodes in an order in which they can be computed.

    Attributes:
        nodes: the operators.
        constants: floats as float64, by name.
        inputs: names of what the model takes.
        outputs: names of what it gives.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_graph(content: bytes) -> Graph:
    """The graph of a model.

    Raises:
        InvalidInput: it cannot be read, or a weight stands in another file or is of a kind that is
            not computed with here.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = parsed(content)
    except DecodeError as error:
        raise InvalidInput("the model's graph cannot be read: import it again") from error
    own = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
    opset = int(max(own, default=1))
    constants = {one.name: _tensor(one) for one in model.graph.initializer}
    return Graph(
        tuple(_node(one, opset) for one in model.graph.node),
        constants,
        tuple(one.name for one in model.graph.input if one.name not in constants),
        tuple(one.name for one in model.graph.output),
    )


def _node(said: Any, opset: int) -> Node:  # noqa: ANN401 - a message of ONNX
    kind = str(said.op_type)
    if said.domain not in ("", "ai.onnx"):
        kind = f"{said.domain}.{kind}"
    attributes = {
        str(one.name): value
        for one, value in ((one, _attribute(one)) for one in said.attribute)
        if value is not None
    }
    return Node(kind, tuple(said.input), tuple(said.output), attributes, opset)


def _attribute(said: Any) -> Attribute | None:  # noqa: ANN401 - a message of ONNX
    match said.type:
        case 1:
            return float(said.f)
        case 2:
            return int(said.i)
        case 3:
            return bytes(said.s).decode(errors="replace")
        case 4:
            return _tensor(said.t)
        case _:
            return _repeated(said)


def _repeated(said: Any) -> Attribute | None:  # noqa: ANN401 - a message of ONNX
    if said.type == _FLOATS:
        return tuple(float(one) for one in said.floats)
    return tuple(int(one) for one in said.ints) if said.type == _INTS else None


def _tensor(said: Any) -> Array:  # noqa: ANN401 - a message of ONNX
    if said.data_type not in _TYPES or said.data_location:
        raise InvalidInput(f"the weight {said.name!r} is of a kind that is not computed with here")
    dtype, field = _TYPES[said.data_type]
    raw = bytes(said.raw_data)
    try:
        flat = np.frombuffer(raw, dtype) if raw or not field else np.array(getattr(said, field))
        shaped = flat.astype(dtype).reshape(tuple(said.dims))
    except ValueError as error:
        raise InvalidInput(f"the weight {said.name!r} has not the shape it says") from error
    return shaped.astype(np.float64) if shaped.dtype.kind == "f" else shaped

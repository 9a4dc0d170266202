"""An ONNX graph in two: what is made of its inputs up to a tensor, and what follows it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.frameworks.onnx_linear import Floats, array_of
from lichen.frameworks.onnx_message import parsed

_PASSED_OVER = ("Cast", "Identity", "Reshape", "Flatten")
"""What changes no number."""


def ending_at(content: bytes, tensor: str) -> bytes:
    """The same model, answering only one of its tensors; of its type the runtime knows.

    Raises:
        DecodeError: it is no model.
    """
    model = parsed(content)
    del model.graph.output[:]
    model.graph.output.add(name=tensor)
    return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class Stretched:
    """What follows a tensor of sums before any link: `sum * scale + centre` of each column."""

    scale: Floats
    centre: Floats


def stretched(graph: Any, tensor: str, width: int) -> Stretched:  # noqa: ANN401 - a message of ONNX
    """How the columns of a tensor are scaled and moved, as far as that goes on."""
    kept = {one.name: one for one in graph.initializer}
    scale, centre = np.ones(width), np.zeros(width)
    while True:
        following = next(
            (one for one in graph.node if tensor in one.input and _goes_on(one, tensor, kept)), None
        )
        if following is None:
            return Stretched(scale, centre)
        others = [kept[name] for name in following.input if name != tensor]
        term = array_of(others[0]) if others and following.op_type not in _PASSED_OVER else None
        scale, centre = _moved(following.op_type, scale, centre, term)
        tensor = str(following.output[0])


def _goes_on(node: Any, tensor: str, kept: dict[str, Any]) -> bool:  # noqa: ANN401 - as above
    if node.op_type in _PASSED_OVER:
        return bool(node.input[0] == tensor)
    is_first = node.input[0] == tensor
    is_known = len(node.input) == 2 and node.input[1 if is_first else 0] in kept
    kinds = ("Add", "Mul", "Sub", "Div") if is_first else ("Add", "Mul")
    return is_known and node.op_type in kinds


def _moved(kind: str, scale: Floats, centre: Floats, term: Floats | None) -> tuple[Floats, Floats]:
    if term is None:
        return scale, centre
    if kind in ("Add", "Sub"):
        return scale, centre + (term if kind == "Add" else -term)
    factor = term if kind == "Mul" else 1.0 / term
    return scale * factor, centre * factor

"""One operator of a graph as it is differentiated, and the shape that every rule has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Array


class NoRule(Exception):
    """An operator, or a form of one, that has no rule here; its words say which."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator.

    Attributes:
        kind: its name in ONNX, as `Gemm`.
        inputs: names; an empty one is left out.
        outputs: names.
        attributes: by name.
        opset: of the standard operators.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    opset: int

    def whole(self, name: str, default: int) -> int:
        """A whole number."""
        said = self.attributes.get(name, default)
        if not isinstance(said, int):
            raise NoRule(f"{self.kind} with an odd {name}")
        return said

    def number(self, name: str, default: float) -> float:
        """A number."""
        said = self.attributes.get(name, default)
        if not isinstance(said, int | float):
            raise NoRule(f"{self.kind} with an odd {name}")
        return float(said)

    def wholes(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        """Whole numbers; the default where none are said."""
        said = self.attributes.get(name)
        if not isinstance(said, tuple) or not said:
            return tuple(default)
        return tuple(int(one) for one in said)

    def word(self, name: str, default: str) -> str:
        """A word."""
        return str(self.attributes.get(name, default))


Pull = Callable[[Array], Sequence[Array | None]]
"""From the gradient of what a node gives to those of what it takes; None where there is none."""

Rule = Callable[[Node, Sequence[Array | None]], tuple[Array, Pull]]
"""What a node gives for its inputs, and how a gradient is pulled back through it."""


def given(inputs: Sequence[Array | None], place: int) -> Array:
    """An input that must be there."""
    if place >= len(inputs):
        raise NoRule("an operator without an input that it needs")
    found = inputs[place]
    if found is None:
        raise NoRule("an operator without an input that it needs")
    return found


def optional(inputs: Sequence[Array | None], place: int) -> Array | None:
    """An input that may be left out."""
    return inputs[place] if place < len(inputs) else None


def shrunk(gradient: Array, shape: tuple[int, ...]) -> Array:
    """A gradient summed over what was broadcast, so that it has the shape of what was taken."""
    extra = gradient.ndim - len(shape)
    summed = gradient.sum(axis=tuple(range(extra))) if extra else gradient
    widened = tuple(
        axis for axis, side in enumerate(shape) if side == 1 and summed.shape[axis] != 1
    )
    return np.asarray(summed.sum(axis=widened, keepdims=True) if widened else summed)

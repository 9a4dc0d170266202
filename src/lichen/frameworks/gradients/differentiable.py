"""A model of one tensor with its gradient: forward as ONNX says it, backward by the rules here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.frameworks.gradients.elementwise import ELEMENTWISE
from lichen.frameworks.gradients.node import Array, Node, NoRule, Rule
from lichen.frameworks.gradients.pooling import POOLING
from lichen.frameworks.gradients.products import PRODUCTS
from lichen.frameworks.gradients.reading import Graph, read_graph
from lichen.frameworks.gradients.reductions import REDUCTIONS
from lichen.frameworks.gradients.shapes import SHAPES

Floats = NDArray[np.float64]
RULES: dict[str, Rule] = {**ELEMENTWISE, **PRODUCTS, **POOLING, **REDUCTIONS, **SHAPES}
"""By operator."""
MOST_MULTIPLICATIONS = 1e8
"""Of a row: in NumPy its gradient takes near half a second, and an explanation takes dozens."""


@dataclass(frozen=True, slots=True)
class NoGradient:
    """A model whose gradient cannot be had here, and why: one clause."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Step:
    """A node that was computed: how a gradient goes back, and the multiplications it took."""

    node: Node
    pull: Callable[[Array], Sequence[Array | None]]
    multiplications: float


class Differentiable:
    """A graph of one input and one output, computed in float64 with its gradient."""

    def __init__(self, graph: Graph, output: int = 0) -> None:
        """Take a graph, and which of its outputs is looked at."""
        self._graph = graph
        self._input = graph.inputs[0]
        self._output = graph.outputs[output]

    def value(self, rows: Floats) -> Floats:
        """The output `(rows, ...)`.

        Raises:
            InvalidInput: the rows do not fit the graph.
        """
        return self._forward(rows)[0]

    def multiplications(self, row: Floats) -> float:
        """How many the value of one row takes, in weighted sums; a gradient takes thrice as many.

        Raises:
            InvalidInput: the row does not fit the graph.
        """
        return sum(step.multiplications for step in self._forward(row)[1])

    def gradients(self, rows: Floats, slopes: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
        """The output, and the gradient of what is made of it, as the rows are shaped.

        Args:
            rows: `(rows, ...)` as the model takes them; whole numbers as floats.
            slopes: from the output to how what is made of it changes with each of its numbers.

        Raises:
            InvalidInput: the rows do not fit the graph.
        """
        found, steps = self._forward(rows)
        pulled: dict[str, Array] = {self._output: slopes(found)}
        for step in reversed(steps):
            above = pulled.get(step.node.outputs[0])
            if above is None:
                continue
            parts = step.pull(above)
            for name, part in zip(step.node.inputs, parts, strict=False):
                if part is not None and name:
                    pulled[name] = pulled[name] + part if name in pulled else part
        return found, pulled.get(self._input, np.zeros(rows.shape))

    def _forward(self, rows: Floats) -> tuple[Floats, list[_Step]]:
        known: dict[str, Array] = {**self._graph.constants, self._input: rows}
        moved, steps = {self._input}, []
        try:
            for node in self._graph.nodes:
                taken = [known.get(name) if name else None for name in node.inputs]
                found, pull = RULES[node.kind](node, taken)
                known[node.outputs[0]] = found
                if moved & set(node.inputs):
                    moved.add(node.outputs[0])
                    steps.append(_Step(node, pull, _multiplications(node, taken, found)))
        except (ValueError, IndexError) as error:
            raise InvalidInput(f"the values do not fit the model's graph: {error}") from error
        return known[self._output], steps


def differentiable(content: bytes, example: Array, output: int = 0) -> Differentiable | NoGradient:
    """A model with its gradient, or why there is none.

    Args:
        content: an ONNX model.
        example: rows that it takes: it is tried with them.
        output: which of its outputs is looked at.
    """
    try:
        graph = read_graph(content)
        _check(graph)
        made = Differentiable(graph, output)
        rows = example.astype(np.float64)
        took = made.multiplications(rows[:1])
        if took > MOST_MULTIPLICATIONS:
            return NoGradient(
                f"it takes {took / 1e6:,.0f} million multiplications, and up to "
                f"{MOST_MULTIPLICATIONS / 1e6:,.0f} are differentiated"
            )
        made.gradients(rows, np.ones_like)
    except NoRule as error:
        return NoGradient(f"no gradient is known here of {error}")
    except InvalidInput as error:
        return NoGradient(str(error))
    return made


def _multiplications(node: Node, taken: Sequence[Array | None], found: Array) -> float:
    if node.kind not in PRODUCTS:
        return 0.0
    left, right = taken[0], taken[1]
    if left is None or right is None:
        return 0.0
    inner = float(np.prod(right.shape[1:])) if node.kind == "Conv" else float(left.shape[-1])
    return found.size * inner


def _check(graph: Graph) -> None:
    unknown = sorted({node.kind for node in graph.nodes} - RULES.keys())
    if unknown:
        raise NoRule(", ".join(unknown))
    if len(graph.inputs) != 1:
        raise InvalidInput(
            f"the model takes {len(graph.inputs)} tensors, and one is differentiated"
        )

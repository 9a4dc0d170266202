"""Operators that only move elements: reshaped, turned, taken, put together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lichen.frameworks.gradients.node import Array, Node, NoRule, Pull, Rule, given, optional

Inputs = Sequence[Array | None]


def _moved(values: Array, found: Array) -> tuple[Array, Pull]:
    return found, lambda pulled: (pulled.reshape(values.shape), None)


def _reshape(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, said = given(inputs, 0), given(inputs, 1)
    keeps = not node.whole("allowzero", 0)
    sides = [
        values.shape[place] if side == 0 and keeps else int(side)
        for place, side in enumerate(said.ravel())
    ]
    return _moved(values, values.reshape(sides))


def _flatten(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    axis = node.whole("axis", 1) % (values.ndim + 1)
    rows = int(np.prod(values.shape[:axis]))
    return _moved(values, values.reshape(rows, -1))


def _squeeze(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    axes = _said_axes(node, inputs)
    return _moved(values, np.squeeze(values, axis=axes or None))


def _unsqueeze(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    return _moved(values, np.expand_dims(values, _said_axes(node, inputs)))


def _said_axes(node: Node, inputs: Inputs) -> tuple[int, ...]:
    said = optional(inputs, 1)
    return node.wholes("axes", ()) if said is None else tuple(int(one) for one in said.ravel())


def _transpose(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values = given(inputs, 0)
    order = node.wholes("perm", tuple(reversed(range(values.ndim))))
    back = tuple(int(place) for place in np.argsort(order))
    return values.transpose(order), lambda pulled: (pulled.transpose(back),)


def _concat(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    taken = [given(inputs, place) for place in range(len(inputs))]
    axis = node.whole("axis", 0)
    ends = np.cumsum([one.shape[axis] for one in taken])[:-1]
    found = np.concatenate(taken, axis=axis)
    return found, lambda pulled: np.split(pulled, ends, axis=axis)


def _slice(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, starts, ends = (given(inputs, place) for place in range(3))
    axes, steps = optional(inputs, 3), optional(inputs, 4)
    order = np.arange(len(starts)) if axes is None else axes
    each = np.ones(len(starts), dtype=np.int64) if steps is None else steps
    taken = [slice(None)] * values.ndim
    for start, end, axis, step in zip(starts, ends, order, each, strict=True):
        if step < 1:
            raise NoRule("Slice backwards")
        taken[int(axis)] = slice(int(start), int(end), int(step))
    return _taken(values, tuple(taken))


def _gather(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, places = given(inputs, 0), given(inputs, 1)
    if places.dtype.kind == "f":
        raise NoRule("Gather at places that are computed")
    axis = node.whole("axis", 0) % values.ndim
    return _taken(values, (*(slice(None),) * axis, places.astype(np.int64)))


def _taken(values: Array, taken: Any) -> tuple[Array, Pull]:  # noqa: ANN401 - as NumPy indexes
    def pull(pulled: Array) -> Sequence[Array | None]:
        back = np.zeros(values.shape)
        np.add.at(back, taken, pulled)
        return (back, None)

    return values[taken], pull


def _pad(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    values, said = given(inputs, 0), optional(inputs, 1)
    if node.word("mode", "constant") != "constant" or optional(inputs, 3) is not None:
        raise NoRule("Pad otherwise than by a constant")
    value = optional(inputs, 2)
    pads = node.wholes("pads", ()) if said is None else tuple(int(one) for one in said.ravel())
    around = list(zip(pads[: values.ndim], pads[values.ndim :], strict=True))
    inner = tuple(
        slice(first, first + side) for (first, _), side in zip(around, values.shape, strict=True)
    )
    filled = 0.0 if value is None else float(value.ravel()[0])
    return np.pad(values, around, constant_values=filled), lambda pulled: (pulled[inner], None)


def _constant(node: Node, _: Inputs) -> tuple[Array, Pull]:
    value = node.attributes.get("value")
    if not isinstance(value, np.ndarray):
        raise NoRule("a Constant of an odd kind")
    return value, lambda _: ()


def _shape(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    sides = given(inputs, 0).shape
    chosen = sides[node.whole("start", 0) : node.whole("end", len(sides))]
    return np.array(chosen, dtype=np.int64), lambda _: (None,)


SHAPES: dict[str, Rule] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Slice": _slice,
    "Gather": _gather,
    "Pad": _pad,
    "Constant": _constant,
    "Shape": _shape,
}

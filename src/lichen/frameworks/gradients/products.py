"""Weighted sums: matrices and convolutions."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import numpy as np

from lichen.frameworks.gradients.node import (
    Array,
    Node,
    NoRule,
    Pull,
    Rule,
    given,
    optional,
    shrunk,
)
from lichen.frameworks.gradients.windows import Windows, padded, unpadded, windows_of

Inputs = Sequence[Array | None]


def _matmul(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    left, right = given(inputs, 0), given(inputs, 1)
    if min(left.ndim, right.ndim) < 2:
        raise NoRule("MatMul of a vector")

    def pull(pulled: Array) -> Sequence[Array]:
        to_left = pulled @ np.swapaxes(right, -1, -2)
        to_right = np.swapaxes(left, -1, -2) @ pulled
        return shrunk(to_left, left.shape), shrunk(to_right, right.shape)

    return left @ right, pull


def _gemm(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    left, right, added = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    turns_left, turns_right = node.whole("transA", 0), node.whole("transB", 0)
    own_left = left.T if turns_left else left
    own_right = right.T if turns_right else right
    found = alpha * (own_left @ own_right)

    def pull(pulled: Array) -> Sequence[Array | None]:
        to_left, to_right = alpha * (pulled @ own_right.T), alpha * (own_left.T @ pulled)
        return (
            to_left.T if turns_left else to_left,
            to_right.T if turns_right else to_right,
            None if added is None else shrunk(beta * pulled, added.shape),
        )

    return found if added is None else found + beta * added, pull


def _conv(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    """A product for each place in the kernel: no copy of the image is as large as its windows."""
    images, weight, added = given(inputs, 0), given(inputs, 1), optional(inputs, 2)
    groups = node.whole("group", 1)
    said = windows_of(node, weight.shape[2:], images.shape[2:])
    around = padded(images, said, 0.0)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    found = np.zeros((len(images), groups, kernel.shape[1], prod(said.made)))
    for place, taken in _places(said):
        found += _at(kernel, place) @ _columns(around[taken], groups)
    shaped = found.reshape(len(images), weight.shape[0], *said.made)

    def pull(pulled: Array) -> Sequence[Array | None]:
        if pulled.ndim != images.ndim:
            raise NoRule("Conv of an odd shape")
        back = np.zeros(around.shape)
        columns = pulled.reshape(len(images), groups, kernel.shape[1], -1)
        for place, taken in _places(said):
            part = np.swapaxes(_at(kernel, place), -1, -2) @ columns
            back[taken] += part.reshape(len(images), images.shape[1], *said.made)
        return unpadded(back, said), None, None

    return shaped if added is None else shaped + added.reshape(-1, *(1,) * len(said.made)), pull


def _places(said: Windows) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each place in the kernel, and what of the padded images it meets."""
    for place in product(*(range(side) for side in said.kernel)):
        yield place, said.at(place)


def _at(kernel: Array, place: tuple[int, ...]) -> Array:
    """The matrix `(groups, outputs, channels)` of one place in the kernel."""
    found: Array = kernel[(slice(None),) * 3 + place]
    return found


def _columns(met: Array, groups: int) -> Array:
    """`(rows, groups, channels a group, places)`."""
    rows, channels = met.shape[:2]
    return met.reshape(rows, groups, channels // groups, -1)


PRODUCTS: dict[str, Rule] = {"MatMul": _matmul, "Gemm": _gemm, "Conv": _conv}
"""Weights of convolutions get no gradient: nobody asks what a constant contributed."""

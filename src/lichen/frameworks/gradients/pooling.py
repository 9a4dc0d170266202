"""The largest or the mean of windows over images."""

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from lichen.frameworks.gradients.node import Array, Node, Pull, Rule, given
from lichen.frameworks.gradients.windows import padded, unpadded, windows_of

Inputs = Sequence[Array | None]


def _max_pool(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    images = given(inputs, 0)
    said = windows_of(node, node.wholes("kernel_shape", ()), images.shape[2:])
    around = padded(images, said, -np.inf)
    places = [said.at(place) for place in product(*(range(side) for side in said.kernel))]
    met = np.stack([around[taken] for taken in places])
    chosen = met.argmax(axis=0)

    def pull(pulled: Array) -> Sequence[Array]:
        back = np.zeros(around.shape)
        for number, taken in enumerate(places):
            back[taken] += pulled * (chosen == number)
        return (unpadded(back, said),)

    return met.max(axis=0), pull


def _mean_pool(node: Node, inputs: Inputs) -> tuple[Array, Pull]:
    images = given(inputs, 0)
    said = windows_of(node, node.wholes("kernel_shape", ()), images.shape[2:])
    around = padded(images, said, 0.0)
    places = [said.at(place) for place in product(*(range(side) for side in said.kernel))]
    counted = padded(np.ones((1, 1, *images.shape[2:])), said, node.whole("count_include_pad", 0))
    counts = np.sum([counted[taken] for taken in places], axis=0)
    found = np.sum([around[taken] for taken in places], axis=0) / counts

    def pull(pulled: Array) -> Sequence[Array]:
        back = np.zeros(around.shape)
        for taken in places:
            back[taken] += pulled / counts
        return (unpadded(back, said),)

    return found, pull


def _global_mean(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    images = given(inputs, 0)
    axes, count = tuple(range(2, images.ndim)), prod(images.shape[2:])
    return images.mean(axis=axes, keepdims=True), lambda pulled: (
        np.broadcast_to(pulled / count, images.shape),
    )


def _global_max(_: Node, inputs: Inputs) -> tuple[Array, Pull]:
    images = given(inputs, 0)
    flat = images.reshape(*images.shape[:2], -1)
    chosen = flat.argmax(axis=2)

    def pull(pulled: Array) -> Sequence[Array]:
        back = np.zeros(flat.shape)
        np.put_along_axis(back, chosen[..., None], pulled.reshape(*chosen.shape, 1), axis=2)
        return (back.reshape(images.shape),)

    return images.max(axis=tuple(range(2, images.ndim)), keepdims=True), pull


POOLING: dict[str, Rule] = {
    "MaxPool": _max_pool,
    "AveragePool": _mean_pool,
    "GlobalAveragePool": _global_mean,
    "GlobalMaxPool": _global_max,
}

"""Sliding windows over images: where they stand, and the padding around them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lichen.frameworks.gradients.node import Array, Node, NoRule


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over the last dimensions of `(rows, channels, *sides)`.

    Attributes:
        kernel: sides of a window.
        strides: from one to the next.
        dilations: from one element of a window to the next.
        before, after: padding.
        made: how many windows along each side.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    made: tuple[int, ...]

    def at(self, place: Sequence[int]) -> tuple[slice, ...]:
        """What one place of the windows meets in padded images."""
        each = zip(place, self.strides, self.dilations, self.made, strict=True)
        spatial = (
            slice(at * apart, at * apart + (count - 1) * stride + 1, stride)
            for at, stride, apart, count in each
        )
        return (slice(None), slice(None), *spatial)


def windows_of(node: Node, kernel: Sequence[int], sides: Sequence[int]) -> Windows:
    """The windows that a convolution or a pool says.

    Raises:
        NoRule: they are of a form that has no rule here.
    """
    count = len(sides)
    if node.whole("ceil_mode", 0):
        raise NoRule(f"{node.kind} that rounds up")
    strides = node.wholes("strides", (1,) * count)
    dilations = node.wholes("dilations", (1,) * count)
    reach = [(side - 1) * apart + 1 for side, apart in zip(kernel, dilations, strict=True)]
    before, after = _padding(node, reach, strides, sides)
    made = tuple(
        (side + first + last - far) // stride + 1
        for side, first, last, far, stride in zip(sides, before, after, reach, strides, strict=True)
    )
    return Windows(tuple(kernel), strides, dilations, before, after, made)


def _padding(
    node: Node, reach: Sequence[int], strides: Sequence[int], sides: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    count, automatic = len(sides), node.word("auto_pad", "NOTSET")
    if automatic in ("NOTSET", "VALID"):
        none = (0,) * (2 * count)
        pads = none if automatic == "VALID" else node.wholes("pads", none)
        return pads[:count], pads[count:]
    total = [
        max((-(-side // stride) - 1) * stride + far - side, 0)
        for side, stride, far in zip(sides, strides, reach, strict=True)
    ]
    less, more = tuple(each // 2 for each in total), tuple(each - each // 2 for each in total)
    return (less, more) if automatic == "SAME_UPPER" else (more, less)


def padded(images: Array, said: Windows, value: float) -> Array:
    """The images with their padding; a copy only where there is some."""
    if not any((*said.before, *said.after)):
        return images
    around = [(0, 0), (0, 0), *zip(said.before, said.after, strict=True)]
    return np.pad(images, around, constant_values=value)


def unpadded(back: Array, said: Windows) -> Array:
    """Without the padding."""
    inner = (
        slice(first, side - last)
        for first, last, side in zip(said.before, said.after, back.shape[2:], strict=True)
    )
    return back[(slice(None), slice(None), *inner)]

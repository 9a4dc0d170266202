"""What pictures are read from: one protocol, an adapter for each form of file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.data.findings import Finding

Pixels = NDArray[np.uint8]

CHUNK_BYTES = 1 << 24
"""Pixels are handed on about so many bytes at a time."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Some images of a source, in its order.

    Attributes:
        pixels: uint8 `(images, height, width, channels)`.
        labels: the class of each.
        splits: the part of the data that each belongs to, such as `train` or `test`; empty where
            the source tells none apart.
    """

    pixels: Pixels
    labels: tuple[str, ...]
    splits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture's header says.

    Attributes:
        width, height: in pixels, as it is to be seen.
        has_colour: whether it is more than shades of grey.
        remark: what is lost when it is read as 8 bits of grey or of red, green and blue; or ''.
    """

    width: int
    height: int
    has_colour: bool
    remark: str


class Gallery(Protocol):
    """Images of one size and their classes."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        ...

    @property
    def has_splits(self) -> bool:
        """Whether it tells parts of the data apart."""
        ...

    def chunks(self) -> Iterator[Labelled]:
        """All images, some at a time.

        Raises:
            InvalidInput: one cannot be read; it is named.
        """
        ...

    def notes(self) -> tuple[Finding, ...]:
        """What was odd about what was read so far."""
        ...


def chunk_length(shape: tuple[int, int, int]) -> int:
    """How many images of a shape are handed on at once."""
    return max(1, CHUNK_BYTES // max(1, shape[0] * shape[1] * shape[2]))

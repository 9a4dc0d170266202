"""Sizes of images: as people write them, and how large they may be."""

import re

from lichen.core.errors import InvalidInput, TooLarge
from lichen.data.options import Limits

Size = tuple[int, int]
"""Width and height in pixels."""

_WRITTEN = re.compile(r"([1-9]\d{0,3})[xX]([1-9]\d{0,3})")


def parse_size(text: str) -> Size:
    """Width and height of `28x28`.

    Raises:
        InvalidInput: it is not written so.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"size {text!r} is none: write width x height in pixels, as 28x28")
    return int(found[1]), int(found[2])


def size_text(size: Size) -> str:
    """A size as people write it."""
    return f"{size[0]}x{size[1]}"


def check_stored(shape: tuple[int, int, int], count: int, limits: Limits, name: str) -> None:
    """Refuse images too large to be kept as pixels, one by one and together.

    Raises:
        InvalidInput: there is none; TooLarge: they are over a limit.
    """
    height, width, channels = shape
    image_bytes = height * width * channels
    if not count or not image_bytes:
        raise InvalidInput(f"{name} holds no image: add some and try again")
    if image_bytes > limits.image_bytes:
        raise TooLarge(
            f"images of {width}x{height} pixels and {channels} channels are {image_bytes:,} bytes "
            f"each, the limit `image_bytes` is {limits.image_bytes:,}: bring them to a smaller "
            "size, as with --size 128x128"
        )
    if count * image_bytes > limits.bytes:
        raise TooLarge(
            f"{name} holds {count:,} images of {image_bytes:,} bytes, the limit `bytes` is "
            f"{limits.bytes:,}: take fewer, or bring them to a smaller size"
        )

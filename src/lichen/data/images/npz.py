"""The arrays of an `.npz` of NumPy, which is a zip file, as images and labels."""

import io
from collections.abc import Iterator
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.images.archive import Archive
from lichen.data.images.arrays import Arrays, part_of
from lichen.data.images.gallery import Pixels
from lichen.data.options import Limits

Array = NDArray[Any]

_IMAGES = ("images", "image", "x", "X", "data")
_LABELS = ("labels", "label", "y", "Y", "target")
_UNREADABLE = (ValueError, EOFError, OSError, TypeError, SyntaxError, TokenError, MemoryError)
"""What NumPy raises for a header that is broken, or that names an array that nobody could hold."""
_PARTS = ("train", "test", "validation", "val")

LAST_CHARACTER = 0x10FFFF


def read_npz(archive: Archive, limits: Limits) -> Arrays:
    """The arrays of an `.npz`: `images` (or `x`) and `labels` (or `y`), or `x_train` and so on.

    Raises:
        InvalidInput: there are none, they do not fit each other, or are no pixels.
    """
    held = {one.removesuffix(".npy"): one for one in archive.names if one.endswith(".npy")}
    pairs = tuple(_pairs(held))
    if not pairs:
        listed = ", ".join(sorted(held)) or "nothing"
        raise InvalidInput(
            f"{archive.name} holds {listed}: call the array of the images `images` and that of "
            "their classes `labels`"
        )
    parts = []
    for split, images, labels in pairs:
        pixels = _pixels(_array(archive, held[images]), f"{images} of {archive.name}")
        said = _texts(_array(archive, held[labels]), f"{labels} of {archive.name}")
        parts.append(part_of(split, pixels, said, archive.name))
    return Arrays(tuple(parts), limits, archive.name)


def _pairs(held: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """The part, the name of the images and the name of the labels of each part."""
    for images in _IMAGES:
        for labels in _LABELS:
            if images in held and labels in held:
                yield "", images, labels
                return
    for part in _PARTS:
        for images, labels in zip(_IMAGES, _LABELS, strict=True):
            for first, second in (
                (f"{images}_{part}", f"{labels}_{part}"),
                (f"{part}_{images}", f"{part}_{labels}"),
            ):
                if first in held and second in held:
                    yield part, first, second


def _array(archive: Archive, member: str) -> Array:
    try:
        loaded = np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)
    except _UNREADABLE as failure:
        raise InvalidInput(
            f"{member} in {archive.name} is no array of numbers or text ({failure}): save it "
            "with one shape for all images, numpy.savez(file, images=..., labels=...)"
        ) from failure
    return np.asarray(loaded)


def _pixels(array: Array, name: str) -> Pixels:
    """uint8 `(images, height, width, channels)`."""
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        shape = "x".join(map(str, array.shape))
        raise InvalidInput(
            f"{name} has the shape {shape}: images are (images, height, width), or with 1 or 3 "
            "channels behind"
        )
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{name} holds {array.dtype}, and pixels are numbers from 0 to 255")
    return _in_bytes(array, name)


def _in_bytes(array: Array, name: str) -> Pixels:
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (low >= 0 and high <= 255):
        raise InvalidInput(
            f"{name} holds values from {low:g} to {high:g}: pixels are from 0 to 255, or shares "
            "of white from 0 to 1"
        )
    whole = np.rint(array)
    if np.array_equal(whole, array):
        return np.ascontiguousarray(whole.astype(np.uint8))
    if high > 1:
        raise InvalidInput(
            f"{name} holds fractions up to {high:g}: round them to whole numbers from 0 to 255"
        )
    return np.ascontiguousarray(np.rint(array * 255).astype(np.uint8))


def _texts(array: Array, name: str) -> tuple[str, ...]:
    array = array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1 or array.dtype.kind not in "biufUS":
        raise InvalidInput(f"{name} must hold one class for each image, a number or a text")
    if array.dtype.kind == "f":
        if not np.array_equal(np.rint(array), array):
            raise InvalidInput(f"{name} holds fractions: a class is a whole number or a text")
        array = array.astype(np.int64)
    if array.dtype.kind == "S":
        return tuple(one.decode("utf-8", "replace") for one in array.tolist())
    if array.dtype.kind == "U":
        _check_characters(array, name)
    return tuple(map(str, array.tolist()))


def _check_characters(array: Array, name: str) -> None:
    """NumPy takes any four bytes for a character, and Python none that Unicode has not."""
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    points = np.frombuffer(native.tobytes(), dtype=np.uint32)
    if ((points > LAST_CHARACTER) | ((points >= 0xD800) & (points <= 0xDFFF))).any():
        raise InvalidInput(f"{name} holds a text that is no Unicode: save it anew")

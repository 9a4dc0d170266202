"""IDX files, as MNIST and its kin come: `NAME-images-idx3-ubyte` and `NAME-labels-idx1-ubyte`."""

import re
from math import prod

import numpy as np

from lichen.core.errors import InvalidInput, TooLarge
from lichen.data.images.archive import Archive
from lichen.data.images.arrays import Arrays, part_of
from lichen.data.images.gallery import Pixels
from lichen.data.options import Limits

_IDX_IMAGES = re.compile(r"(?:.*/)?([^/]*?)[-_]images[-_.]idx3[-_.]ubyte(?:\.gz)?")
_IDX_SPLITS = {"train": "train", "t10k": "test", "test": "test"}
_UBYTE = 8
_HEADER = 4


def holds_idx(archive: Archive) -> bool:
    """Whether it holds images as IDX files."""
    return any(_IDX_IMAGES.fullmatch(one) for one in archive.names)


def read_idx(archive: Archive, limits: Limits) -> Arrays:
    """Each `NAME-images-idx3-ubyte` with its `NAME-labels-idx1-ubyte`, either as `.gz`.

    Raises:
        InvalidInput: labels are missing, or a file is damaged.
    """
    parts = []
    for images in archive.names:
        found = _IDX_IMAGES.fullmatch(images)
        if found is None:
            continue
        labels = _labels_beside(archive, images)
        pixels = _idx(archive, images, 3, limits)[..., np.newaxis]
        said = tuple(map(str, _idx(archive, labels, 1, limits).tolist()))
        name = found[1].lower()
        parts.append(part_of(_IDX_SPLITS.get(name, name), pixels, said, f"{images}'s pair"))
    parts.sort(key=lambda one: (one.split != "train", one.split))
    return Arrays(tuple(parts), limits, archive.name)


def _labels_beside(archive: Archive, images: str) -> str:
    stem = images.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    for name in (stem, f"{stem}.gz"):
        if name in archive.names:
            return name
    raise InvalidInput(f"{archive.name} holds {images} and no {stem} beside it: add the labels")


def _idx(archive: Archive, member: str, dimensions: int, limits: Limits) -> Pixels:
    """The array of an IDX file: 00 00, the type, the dimensions, each size, the values."""
    body = archive.unzipped(member)
    start = _HEADER * (1 + dimensions)
    if len(body) < start or body[:4] != bytes((0, 0, _UBYTE, dimensions)):
        raise InvalidInput(
            f"{member} in {archive.name} is no IDX file of bytes with {dimensions} dimensions"
        )
    sizes = tuple(
        int.from_bytes(body[at : at + _HEADER], "big") for at in range(_HEADER, start, _HEADER)
    )
    if any(one > limits.bytes for one in sizes):
        raise TooLarge(f"{member} in {archive.name} says that it is larger than the limit `bytes`")
    wanted = prod(sizes)
    if len(body) - start != wanted:
        raise InvalidInput(
            f"{member} in {archive.name} should hold {wanted:,} bytes and holds "
            f"{len(body) - start:,}: fetch it anew"
        )
    return np.frombuffer(body, np.uint8, offset=start).reshape(sizes)

"""Which class and which part of the data a picture belongs to, by the folders it stands in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lichen.core.errors import InvalidInput

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
"""Folders that tell parts of the data apart, and what such a part is called."""


@dataclass(frozen=True, slots=True)
class Place:
    """One picture: its name in the archive, its class, and its part of the data or ''."""

    name: str
    label: str
    split: str = ""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """All pictures in order, and how many files are none."""

    places: tuple[Place, ...]
    passed_over: int

    @property
    def has_splits(self) -> bool:
        """Whether folders tell parts of the data apart."""
        return bool(self.places) and bool(self.places[0].split)


def arranged(names: Sequence[str], archive: str) -> Arrangement:
    """The classes of an archive's files: the first folder, below one that holds them all.

    Folders called `train`, `test` or `validation` around those of the classes are the splits.

    Raises:
        InvalidInput: there is no picture, or one stands in no folder.
    """
    parts = {
        name: PurePosixPath(name.replace("\\", "/")).parts for name in names if _is_picture(name)
    }
    if not parts:
        raise InvalidInput(
            f"{archive} holds no picture ({', '.join(PICTURES)}): put those of each class in a "
            "folder of its own"
        )
    start = _below_common(tuple(parts.values()))
    firsts = {one[start].lower() for one in parts.values() if len(one) > start + 2}
    every_is_deep = all(len(one) > start + 2 for one in parts.values())
    is_split = every_is_deep and firsts <= SPLITS.keys()
    places = tuple(
        _placed(name, one[start:], archive, is_split=is_split) for name, one in parts.items()
    )
    return Arrangement(places, len(names) - len(parts))


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in PICTURES and not hidden


def _below_common(every: Sequence[tuple[str, ...]]) -> int:
    """How many folders stand around all of them that are neither a class nor a split."""
    start = 0
    while (
        all(len(one) > start + 2 for one in every)
        and len({one[start] for one in every}) == 1
        and every[0][start].lower() not in SPLITS
    ):
        start += 1
    return start


def _placed(name: str, parts: tuple[str, ...], archive: str, *, is_split: bool) -> Place:
    split = SPLITS[parts[0].lower()] if is_split else ""
    left = parts[1:] if is_split else parts
    if len(left) < 2:
        raise InvalidInput(
            f"{name} in {archive} stands in no folder of a class: put the pictures of each class "
            "in a folder called as the class"
        )
    return Place(name, left[0], split)

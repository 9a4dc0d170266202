"""A whole pull: what the source lists, part after part, laid out in a folder; killed, it goes on.

Below the folder of a pull stand `parts`, what comes in, and `files`, the model once all of it came.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import DeadlinePassed, TooLarge
from lichen.fetching.parts import Listing, Part, checked_parts, checked_path
from lichen.fetching.receiving import Receiving
from lichen.fetching.unpacking import Archive, unpack
from lichen.fetching.web import Web
from lichen.store.failures import storage_failures

Told = Callable[[int, int | None], None]
"""Hears how many bytes are here, and how many there will be; may raise, to end the pull."""


def _nobody(_here: int, _total: int | None) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came.

    Attributes:
        files: the folder that holds the model's files, and nothing but they.
        listing: what it was.
        size: bytes of all parts.
        came_now: bytes that came over the network in this attempt.
        came_before: bytes of an earlier attempt that were gone on from.
    """

    files: Path
    listing: Listing
    size: int
    came_now: int
    came_before: int


class _Course:
    """Counts what comes, tells it, and ends what takes too long."""

    def __init__(self, listing: Listing, told: Told, seconds: float) -> None:
        sizes = [part.size for part in listing.parts]
        self._total = None if None in sizes else sum(one or 0 for one in sizes)
        self._told = told
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self.came_before = 0
        self.came_now = 0

    def hear(self, size: int) -> None:
        """So many bytes more."""
        self.came_now += size
        self._told(self.came_before + self.came_now, self._total)
        if time.monotonic() > self._until:
            raise DeadlinePassed(
                f"the pull took over {self._seconds:g} s, the limit: let an administrator raise "
                "the setting `pull_seconds`"
            )


def fetch(listing: Listing, web: Web, folder: Path, told: Told = _nobody) -> Fetched:
    """Everything of a listing, checked and laid out below `folder`.

    Raises:
        TooLarge, Corrupt, StorageFailed, InvalidInput: of the files.
        LichenError: of whoever has them.
    """
    policy, parts = web.policy, checked_parts(listing.parts, listing.origin)
    known = sum(part.size or 0 for part in parts)
    if known > policy.most_bytes:
        raise TooLarge(
            f"{listing.origin} has {known:,} bytes, and a pull may have {policy.most_bytes:,}: "
            "pull less, or let an administrator raise the setting `pull_bytes`"
        )
    coming, files = folder / "parts", folder / "files"
    with storage_failures(folder):
        coming.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(files, ignore_errors=True)  # it is laid out at once, from what came
        files.mkdir()
    course = _Course(listing, told, policy.seconds)
    places, left = [], policy.most_bytes
    for number, part in enumerate(parts):
        one = Receiving(web, part, coming / f"{number:05d}", left, course.hear)
        course.came_before += one.came()
        received = one.receive()
        places.append(received.path)
        left -= received.size
    unpacked = _laid_out(parts, places, files, policy.most_bytes)
    size = policy.most_bytes - left
    return Fetched(files, listing, max(size, unpacked), course.came_now, course.came_before)


def _laid_out(parts: tuple[Part, ...], places: list[Path], files: Path, most_bytes: int) -> int:
    size = 0
    for part, place in zip(parts, places, strict=True):
        if part.archive is None:
            target = files / checked_path(part.path, part.place.shown)
            with storage_failures(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(place)
            size += place.stat().st_size
            continue
        archive = Archive(place, part.archive, part.unpacked, part.path)
        size += unpack(archive, files, most_bytes - size)
    return size

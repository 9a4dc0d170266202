"""A file that is coming in: the bytes so far, and beside them which file they are the beginning of.

More is added only if it certainly belongs to the same bytes: because their digest will be checked,
or because the server compares its validator (If-Range, RFC 9110, 13.1.5) with what it sent first.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lichen.core.errors import Corrupt, StorageFailed, TooLarge
from lichen.fetching.parts import Check, Digesting, Part
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file

_CHUNK = 2**20
_SPARE_BYTES = 16 * 2**20
"""What is left free on a disk that is filled."""

Hear = Callable[[int], None]
"""Told of each chunk's size as it comes; may raise, to end the pull where it stands."""


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """Which bytes a partial file is the beginning of.

    Attributes:
        source: whose they are: what was asked for, without its query, and its digests.
        etag: the strong validator that the server gave them.
        size: of the whole, where it is known.
        checks: what headers stated: algorithm and digits.
    """

    source: str
    etag: str | None = None
    size: int | None = None
    checks: list[tuple[str, str]] = []


@dataclass(frozen=True, slots=True)
class Received:
    """A whole file, checked."""

    path: Path
    size: int
    sha256: str


class Partial:
    """`place.part` and `place.json` beside the place of a file, until all of it came."""

    def __init__(self, part: Part, place: Path) -> None:
        self.place = place
        self._part = part
        self._path = place.with_name(f"{place.name}.part")
        self._said = place.with_name(f"{place.name}.json")
        self._source = " ".join((part.place.shown, *(check.digits for check in part.checks)))

    @property
    def beginning(self) -> Beginning | None:
        """What is here already; None where nothing is, or something else."""
        try:
            begun = msgspec.json.decode(self._said.read_bytes(), type=Beginning)
        except (OSError, msgspec.MsgspecError):
            return None
        return begun if begun.source == self._source else None

    @property
    def size(self) -> int:
        """Bytes so far."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def came(self) -> int:
        """Bytes that are here and can be gone on from."""
        begun = self.beginning
        can_go_on = begun is not None and (self._part.checks or begun.etag is not None)
        return self.size if can_go_on else 0

    def begin(self, etag: str | None, size: int | None, stated: tuple[Check, ...]) -> None:
        """Start with no bytes, of a file that the server describes so."""
        begun = Beginning(
            source=self._source,
            etag=etag,
            size=size,
            checks=[(one.algorithm, one.digits) for one in stated],
        )
        replace_file(self._said, msgspec.json.encode(begun))
        with storage_failures(self._path):
            self._path.write_bytes(b"")

    def discard(self) -> None:
        """Keep nothing."""
        with storage_failures(self._path):
            self._path.unlink(missing_ok=True)
            self._said.unlink(missing_ok=True)

    def check_room(self, more: int) -> None:
        """Refuse what the disk has no room for.

        Raises:
            StorageFailed: so many bytes more do not fit.
        """
        with storage_failures(self.place):
            free = shutil.disk_usage(self.place.parent).free
        if free < more + _SPARE_BYTES:
            raise StorageFailed(
                f"{self._part.path} needs {more:,} bytes more, and the disk that holds the "
                f"platform's home has {free:,} free: make room and pull again"
            )

    def append(self, chunks: Iterator[bytes], start: int, most_bytes: int, hear: Hear) -> None:
        """Write what comes after the first `start` bytes.

        Raises:
            TooLarge: the file has more than `most_bytes`.
            StorageFailed: the disk does not take it.
        """
        size = start
        with storage_failures(self._path), self._path.open("r+b") as file:
            file.truncate(start)
            file.seek(start)
            for chunk in chunks:
                size += len(chunk)
                if size > most_bytes:
                    raise too_large(self._part)
                file.write(chunk)
                file.flush()
                hear(len(chunk))

    def finish(self) -> Received:
        """Check all of it, and put it into its place.

        Raises:
            Corrupt: it is not what it should be.
        """
        received = self.checked(self._path)
        with storage_failures(self.place):
            self._path.replace(self.place)
        return Received(self.place, received.size, received.sha256)

    def checked(self, path: Path) -> Received:
        """What a file is, where that is what it should be.

        Raises:
            Corrupt: by its size or a digest it is not.
        """
        begun = self.beginning or Beginning(source=self._source)
        stated = tuple(Check(algorithm, digits) for algorithm, digits in begun.checks)
        size = self._part.size if self._part.size is not None else begun.size
        with storage_failures(path):
            has = path.stat().st_size
            seen = _digests(path, Digesting((*self._part.checks, *stated), has))
        if size is not None and has != size:
            raise Corrupt(f"{self._part.path} has {has:,} bytes and should have {size:,}")
        wrong = seen.failed()
        if wrong is not None:
            check, digits = wrong
            raise Corrupt(
                f"{self._part.path} came with the {check.algorithm} {digits} and should have "
                f"{check.digits}: the source has changed, or somebody on the way changes it; "
                "nothing of it was imported"
            )
        return Received(path, has, seen.sha256)


def _digests(path: Path, seen: Digesting) -> Digesting:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            seen.update(chunk)
    return seen


def too_large(part: Part) -> TooLarge:
    """A part makes the pull larger than it may be."""
    return TooLarge(
        f"{part.path} makes the pull larger than the setting `pull_bytes` allows: pull less, or "
        "let an administrator raise it"
    )

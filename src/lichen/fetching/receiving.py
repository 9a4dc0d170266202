"""One file of a pull, from its first byte to its place: interrupted anywhere, it goes on.

What came so far lies in a file of its own; beside it stands which file that is the beginning of.
More is added only if it certainly belongs to the same bytes: because their digest will be checked,
or because the server compares its validator (If-Range, RFC 9110, 13.1.5) with what it sent first.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lichen.core.errors import Corrupt, InvalidInput, StorageFailed, TooLarge
from lichen.fetching.parts import Check, Digesting, Part, stated_checks
from lichen.fetching.refusals import TransientError
from lichen.fetching.web import Ask, Reply, Web, persisting
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file

_CHUNK = 2**20
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NOT_SATISFIED = re.compile(r"bytes \*/(\d+)")
_SPARE_BYTES = 16 * 2**20
"""What is left free on a disk that is filled."""


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


Hear = Callable[[int], None]
"""Told of each chunk's size as it comes; may raise, to end the pull where it stands."""


class Receiving:
    """Fetches one part into `place`; `place.part` and `place.json` stand beside it until then."""

    def __init__(self, web: Web, part: Part, place: Path, most_bytes: int, hear: Hear) -> None:
        self._web = web
        self._part = part
        self._place = place
        self._partial = place.with_name(f"{place.name}.part")
        self._said = place.with_name(f"{place.name}.json")
        self._most_bytes = most_bytes
        self._hear = hear
        self._source = " ".join((part.place.shown, *(check.digits for check in part.checks)))
        self._was_resumed = False

    def came(self) -> int:
        """Bytes that are here already and can be gone on from."""
        begun = self._beginning()
        return self._size() if begun is not None and self._can_go_on(begun) else 0

    def receive(self) -> Received:
        """The whole file, checked.

        Raises:
            Corrupt: its bytes do not have the digest they should have.
            TooLarge: it is larger than allowed.
            StorageFailed: there is no room for it.
            LichenError: the server refuses, or fails again and again.
        """
        if self._place.is_file():
            return self._checked(self._place, self._beginning() or Beginning(source=self._source))
        persisting(self._go_on, self._web.pause, self._size)
        try:
            return self._finished()
        except Corrupt:
            if not self._was_resumed:
                raise
            self._discard()  # what came first may have been of other bytes: once anew
            persisting(self._go_on, self._web.pause, self._size)
            return self._finished()

    def _go_on(self) -> None:
        begun = self._beginning()
        start = self.came()
        if start == 0:
            self._discard()
            begun = None
        elif begun is not None and start == (self._part.size or begun.size):
            return
        headers = dict(self._part.headers)
        if start:
            self._was_resumed = True
            headers["Range"] = f"bytes={start}-"
            if begun is not None and begun.etag and not self._part.checks:
                headers["If-Range"] = begun.etag
        with self._web.asked(Ask(self._part.place, headers=headers)) as reply:
            self._take(reply, start)

    def _take(self, reply: Reply, start: int) -> None:
        coding = reply.headers.get("content-encoding", "identity")
        if coding != "identity":
            raise InvalidInput(f"{reply.place.authority} sends the file in the coding {coding!r}")
        if reply.status == 416:
            self._refused_range(reply, start)
            return
        size = self._whole_size(reply, start)
        if reply.status == 206:
            self._check_range(reply, size)
        else:
            start = 0
            self._begin(reply, size)
        self._check_room(size, start)
        self._append(reply.chunks, start)
        if size is not None and self._size() < size:
            raise TransientError(
                f"{reply.place.shown} ended after {self._size():,} of {size:,} bytes"
            )

    def _check_range(self, reply: Reply, size: int | None) -> None:
        """Some servers know no If-Range: the validator is compared here once more."""
        begun = self._beginning()
        etag = reply.headers.get("etag")
        is_other = begun is not None and etag not in (None, begun.etag) and not self._part.checks
        if size is None or is_other:
            self._discard()
            raise TransientError(f"{reply.place.authority} sent another range than asked for")

    def _refused_range(self, reply: Reply, start: int) -> None:
        """416: either all of it is here, or the file is another by now."""
        found = _NOT_SATISFIED.fullmatch(reply.headers.get("content-range", "").strip())
        if found is None or int(found[1]) != start or start == 0:
            self._discard()
            raise TransientError(f"{reply.place.shown} is another file than when it was begun")

    def _whole_size(self, reply: Reply, start: int) -> int | None:
        """What the whole will have; None where that is not said, or is not what was asked for."""
        size: int | None = None
        if reply.status == 206:
            found = _RANGE.fullmatch(reply.headers.get("content-range", "").strip())
            if found is None or int(found[1]) != start:
                return None
            size = int(found[2]) + 1 if found[3] == "*" else int(found[3])
        elif (stated := reply.headers.get("content-length", "")).isdecimal():
            size = int(stated)
        known = self._part.size
        if known is not None and size is not None and size != known:
            raise Corrupt(
                f"{self._part.path} has {size:,} bytes at {reply.place.authority} and should have "
                f"{known:,}: the source has changed, or somebody on the way changes it"
            )
        return size if size is not None else known

    def _begin(self, reply: Reply, size: int | None) -> None:
        etag = reply.headers.get("etag", "")
        begun = Beginning(
            source=self._source,
            etag=etag if etag.startswith('"') else None,
            size=size,
            checks=[(one.algorithm, one.digits) for one in stated_checks(reply.headers)],
        )
        replace_file(self._said, msgspec.json.encode(begun))
        with storage_failures(self._partial):
            self._partial.write_bytes(b"")

    def _check_room(self, size: int | None, start: int) -> None:
        if size is None:
            return
        if size > self._most_bytes:
            raise self._too_large()
        with storage_failures(self._place):
            free = shutil.disk_usage(self._place.parent).free
        if free < size - start + _SPARE_BYTES:
            raise StorageFailed(
                f"{self._part.path} needs {size - start:,} bytes more, and the disk that holds the "
                f"platform's home has {free:,} free: make room and pull again"
            )

    def _append(self, chunks: Iterator[bytes], start: int) -> None:
        size = start
        with storage_failures(self._partial), self._partial.open("r+b") as file:
            file.truncate(start)
            file.seek(start)
            for chunk in chunks:
                size += len(chunk)
                if size > self._most_bytes:
                    raise self._too_large()
                file.write(chunk)
                file.flush()
                self._hear(len(chunk))

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"{self._part.path} makes the pull larger than {self._most_bytes:,} bytes allow: pull "
            "less, or let an administrator raise the setting `pull_bytes`"
        )

    def _finished(self) -> Received:
        begun = self._beginning() or Beginning(source=self._source)
        with storage_failures(self._partial):
            if not self._partial.exists():
                self._partial.touch()
        try:
            received = self._checked(self._partial, begun)
        except Corrupt:
            if not self._was_resumed:
                self._discard()
            raise
        with storage_failures(self._place):
            self._partial.replace(self._place)
        return Received(self._place, received.size, received.sha256)

    def _checked(self, path: Path, begun: Beginning) -> Received:
        stated = tuple(Check(algorithm, digits) for algorithm, digits in begun.checks)
        checks = (*self._part.checks, *stated)
        size = self._part.size if self._part.size is not None else begun.size
        with storage_failures(path):
            has = path.stat().st_size
            seen = Digesting(checks, has)
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    seen.update(chunk)
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

    def _beginning(self) -> Beginning | None:
        try:
            begun = msgspec.json.decode(self._said.read_bytes(), type=Beginning)
        except (OSError, msgspec.MsgspecError):
            return None
        return begun if begun.source == self._source else None

    def _can_go_on(self, begun: Beginning) -> bool:
        return bool(self._part.checks) or begun.etag is not None

    def _size(self) -> int:
        try:
            return self._partial.stat().st_size
        except OSError:
            return 0

    def _discard(self) -> None:
        with storage_failures(self._partial):
            self._partial.unlink(missing_ok=True)
            self._said.unlink(missing_ok=True)

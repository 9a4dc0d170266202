"""One file of a pull, from its first byte to its place: interrupted anywhere, it goes on."""

import re
from pathlib import Path

from lichen.core.errors import Corrupt, InvalidInput
from lichen.fetching.partial import Hear, Partial, Received, too_large
from lichen.fetching.parts import Part, stated_checks
from lichen.fetching.patience import persisting
from lichen.fetching.refusals import TransientError
from lichen.fetching.web import Ask, Reply, Web

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NOT_SATISFIED = re.compile(r"bytes \*/(\d+)")


class Receiving:
    """Fetches one part into a place."""

    def __init__(self, web: Web, part: Part, place: Path, most_bytes: int, hear: Hear) -> None:
        self._web = web
        self._part = part
        self._partial = Partial(part, place)
        self._most_bytes = most_bytes
        self._hear = hear
        self._was_resumed = False

    def came(self) -> int:
        """Bytes that are here already and can be gone on from."""
        return self._partial.came()

    def receive(self) -> Received:
        """The whole file, checked.

        Raises:
            Corrupt: its bytes do not have the digest they should have.
            TooLarge: it is larger than allowed.
            StorageFailed: there is no room for it.
            LichenError: the server refuses, or fails again and again.
        """
        partial = self._partial
        if partial.place.is_file():
            return partial.checked(partial.place)
        self._persist()
        try:
            return partial.finish()
        except Corrupt:
            partial.discard()
            if not self._was_resumed:
                raise
        self._persist()  # what came first may have been of other bytes: once anew
        return partial.finish()

    def _persist(self) -> None:
        persisting(self._go_on, self._web.pause, lambda: self._partial.size)

    def _go_on(self) -> None:
        begun, start = self._partial.beginning, self._partial.came()
        if start == 0 or begun is None:
            self._partial.discard()
            start = 0
        elif start == (self._part.size or begun.size):
            return
        headers = dict(self._part.headers)
        if start and begun is not None:
            self._was_resumed = True
            headers["Range"] = f"bytes={start}-"
            if begun.etag and not self._part.checks:
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
            etag = reply.headers.get("etag", "")
            is_strong = etag.startswith('"')
            self._partial.begin(etag if is_strong else None, size, stated_checks(reply.headers))
        if size is not None and size > self._most_bytes:
            raise too_large(self._part)
        self._partial.check_room(0 if size is None else size - start)
        self._partial.append(reply.chunks, start, self._most_bytes, self._hear)
        if size is not None and self._partial.size < size:
            raise TransientError(
                f"{reply.place.shown} ended after {self._partial.size:,} of {size:,} bytes"
            )

    def _check_range(self, reply: Reply, size: int | None) -> None:
        """Some servers know no If-Range: the validator is compared here once more."""
        begun = self._partial.beginning
        etag = reply.headers.get("etag")
        is_other = begun is not None and etag not in (None, begun.etag) and not self._part.checks
        if size is None or is_other:
            self._partial.discard()
            raise TransientError(f"{reply.place.authority} sent another range than asked for")

    def _refused_range(self, reply: Reply, start: int) -> None:
        """416: either all of it is here, or the file is another by now."""
        found = _NOT_SATISFIED.fullmatch(reply.headers.get("content-range", "").strip())
        if found is None or int(found[1]) != start or start == 0:
            self._partial.discard()
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

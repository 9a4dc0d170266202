"""Hash-chained records: each digest covers its payload and everything before it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock

from lichen.core.errors import Corrupt
from lichen.core.ids import Digest
from lichen.store.blobs import flush_folder
from lichen.store.failures import storage_failures

GENESIS = Digest("0" * 64)
"""What stands before the first record."""


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a chain, numbered from 1."""

    number: int
    digest: Digest
    payload: bytes


def link(previous: Digest, payload: bytes) -> Digest:
    """The digest of a record that follows `previous`."""
    return Digest(sha256(bytes.fromhex(previous) + payload).hexdigest())


def first_broken(links: Iterable[Link]) -> int | None:
    """The number of the first record that is not what the chain says, None when all are."""
    previous = GENESIS
    for expected, record in enumerate(links, start=1):
        if record.number != expected or record.digest != link(previous, record.payload):
            return expected
        previous = record.digest
    return None


class FileLog:
    """A chain in one file that is only ever appended to: a line a record, `DIGEST PAYLOAD-IN-HEX`.

    One process writes it. A line that a crash cut short was never acknowledged: it is cut off when
    the log is opened again.

    Raises:
        StorageFailed: the file cannot be made or read.
        Corrupt: the last record is not what the chain says.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        with storage_failures(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            flush_folder(path.parent)
            self._end = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, self._end)
        links = list(self.links())
        if (broken := first_broken(links)) is not None:
            raise Corrupt(f"record {broken} of {path} is damaged: restore it from a backup")
        self._count = len(links)
        self._head = links[-1].digest if links else GENESIS

    def append(self, payload: bytes) -> Link:
        """Add a record, durably; what a failed write left is overwritten by the next."""
        with self._lock, storage_failures(self._path):
            record = Link(self._count + 1, link(self._head, payload), payload)
            line = f"{record.digest} {payload.hex()}\n".encode()
            with self._path.open("r+b") as file:
                file.truncate(self._end)
                file.seek(self._end)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._end += len(line)
            self._count, self._head = record.number, record.digest
        return record

    def links(self) -> Iterator[Link]:
        """Every record, oldest first, as the file has it.

        Raises:
            Corrupt: a line has another form.
        """
        with storage_failures(self._path), self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    digest, payload = line.decode("ascii").removesuffix("\n").split(" ")
                    yield Link(number, Digest(digest), bytes.fromhex(payload))
                except ValueError as problem:
                    raise Corrupt(
                        f"record {number} of {self._path} is damaged: restore it from a backup"
                    ) from problem

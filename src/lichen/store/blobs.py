"""Content-addressed bytes: what is put is named by its SHA-256, and comes back the same.

A blob is written to a temporary file beside its place, flushed to the disk, renamed, and the folder
flushed: a crash at any instruction leaves the whole blob or none.
"""

import os
import re
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from lichen.core.errors import Corrupt, InvalidInput, NotFound
from lichen.core.ids import Digest, digest_of
from lichen.store.failures import storage_failures

_CHUNK_BYTES = 1 << 20
_TEMPORARY = ".writing-"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class BlobStore(Protocol):
    """Bytes by their SHA-256."""

    def put(self, content: bytes) -> Digest:
        """Keep the bytes, durably; their digest. Putting them again changes nothing.

        Raises:
            StorageFailed: the disk is full, read-only or broken; no part of the blob is left.
        """
        ...

    def put_file(self, path: Path) -> Digest:
        """Keep a copy of a file's bytes, read in pieces."""
        ...

    def get(self, digest: Digest) -> bytes:
        """The bytes, verified.

        Raises:
            NotFound: no such blob.
            Corrupt: the stored bytes no longer have this digest.
        """
        ...

    def path(self, digest: Digest) -> Path:
        """A file that holds the bytes, to be read only; not verified.

        Raises:
            NotFound: no such blob.
        """
        ...

    def has(self, digest: Digest) -> bool:
        """Whether there is such a blob; not verified."""
        ...


def checked_digest(digest: str) -> Digest:
    """The digest itself, if it is one: it becomes part of a path.

    Raises:
        InvalidInput: it is not 64 lower-case hexadecimal digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(f"{digest!r} is no SHA-256: it takes 64 lower-case hexadecimal digits")
    return Digest(digest)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, chunks: Iterable[bytes], mode: int = 0o666) -> Digest:
    """Write a new file and flush it to the disk; the digest of its bytes."""
    seen = sha256()
    path.touch(mode, exist_ok=False)
    with path.open("wb") as file:
        for chunk in chunks:
            seen.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Digest(seen.hexdigest())


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def digest_of_file(path: Path) -> Digest:
    """SHA-256 of a file's bytes, read in pieces."""
    seen = sha256()
    for chunk in _chunks(path):
        seen.update(chunk)
    return Digest(seen.hexdigest())


class LocalBlobs:
    """Blobs in a folder of this machine: `ab/abcd...`, the digest as the name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with storage_failures(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> Digest:
        """See BlobStore."""
        digest = digest_of(content)
        with storage_failures(self._folder):
            if not self._is_whole(digest):
                self._keep((content,))
        return digest

    def put_file(self, path: Path) -> Digest:
        """See BlobStore."""
        with storage_failures(path):
            digest = digest_of_file(path)
        with storage_failures(self._folder):
            # The file may change while it is read: what is kept is named by what was read.
            return digest if self._is_whole(digest) else self._keep(_chunks(path))

    def _is_whole(self, digest: Digest) -> bool:
        """Whether a put has nothing to do; a damaged blob is written anew."""
        place = self._place(digest)
        return place.is_file() and digest_of_file(place) == digest

    def _keep(self, chunks: Iterable[bytes]) -> Digest:
        temporary = self._folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
        try:
            digest = write_durably(temporary, chunks)
            place = self._place(digest)
            if not place.parent.is_dir():
                place.parent.mkdir(exist_ok=True)
                flush_folder(self._folder)
            temporary.replace(place)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(place.parent)
        return digest

    def get(self, digest: Digest) -> bytes:
        """See BlobStore."""
        place = self.path(digest)
        with storage_failures(place):
            content = place.read_bytes()
        if digest_of(content) != digest:
            raise Corrupt(
                f"the blob {place} is damaged, its bytes no longer have the digest in its name: "
                "restore it from a backup, or put the same content again"
            )
        return content

    def path(self, digest: Digest) -> Path:
        """See BlobStore."""
        place = self._place(checked_digest(digest))
        if not place.is_file():
            raise _no_blob(digest)
        return place

    def has(self, digest: Digest) -> bool:
        """See BlobStore."""
        return self._place(checked_digest(digest)).is_file()

    def sweep(self) -> int:
        """Remove what crashed writers left; how many files. Only while nobody else writes here."""
        with storage_failures(self._folder):
            left = list(self._folder.glob(f"{_TEMPORARY}*"))
            for temporary in left:
                temporary.unlink(missing_ok=True)
        return len(left)

    def _place(self, digest: Digest) -> Path:
        return self._folder / digest[:2] / digest


class MemoryBlobs:
    """Blobs of one process that vanish with it: for tests and trials."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
        self._folder: Path | None = None

    def put(self, content: bytes) -> Digest:
        """See BlobStore."""
        digest = digest_of(content)
        self._blobs[digest] = content
        return digest

    def put_file(self, path: Path) -> Digest:
        """See BlobStore."""
        with storage_failures(path):
            return self.put(path.read_bytes())

    def get(self, digest: Digest) -> bytes:
        """See BlobStore."""
        if not self.has(digest):
            raise _no_blob(digest)
        return self._blobs[digest]

    def path(self, digest: Digest) -> Path:
        """See BlobStore; the file stands in a temporary folder."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="lichen-blobs-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        place = self._folder / checked_digest(digest)
        if not place.exists():
            place.write_bytes(self.get(digest))
        return place

    def has(self, digest: Digest) -> bool:
        """See BlobStore."""
        return checked_digest(digest) in self._blobs


def _no_blob(digest: Digest) -> NotFound:
    return NotFound(
        f"no blob has the digest {digest}: `lichen models verify` names what is missing"
    )

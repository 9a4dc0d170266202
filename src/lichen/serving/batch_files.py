"""Files that batches read and write: a record for each, its bytes among the blobs.

No NumPy: the control plane's keeper of batches reads them too.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from lichen.core.clock import Clock
from lichen.core.errors import NotFound, TooLarge
from lichen.core.ids import Digest, TenantId
from lichen.store.blobs import BlobStore
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

FILES = "batch-files"
"""Document collection of `FileRecord`, by `TENANT/ID`."""
INPUT, OUTPUT = "batch", "batch_output"
_MICROSECONDS = 10**6
_END_OF_TIME = 1 << 56
"""Microseconds; ids count down to it, so that the newest comes first in the order of keys."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a tenant."""

    id: str
    tenant: TenantId
    filename: str
    size: int
    purpose: str
    digest: Digest
    created_at: datetime

    @property
    def key(self) -> str:
        """Where it stands."""
        return key_of(self.tenant, self.id)


def key_of(tenant: str, name: str) -> str:
    """The key of something of a tenant's."""
    return f"{tenant}/{name}"


def new_id(kind: str, now: datetime) -> str:
    """A fresh id; the newest sorts first."""
    left = _END_OF_TIME - round(now.timestamp() * _MICROSECONDS)
    return f"{kind}{left:014x}{secrets.token_hex(5)}"


def new_output(tenant: TenantId, filename: str, digest: Digest, size: int, now: datetime) -> Change:
    """What makes a file of a batch's answers."""
    record = FileRecord(new_id("file-", now), tenant, filename, size, OUTPUT, digest, now)
    return Change(FILES, record.key, msgspec.json.encode(record), MUST_NOT_EXIST)


class BatchFiles:
    """The files of all tenants; each sees its own."""

    def __init__(
        self, documents: DocumentStore, blobs: BlobStore, clock: Clock, most_bytes: int
    ) -> None:
        """`most_bytes` is what all files of a tenant may have together."""
        self._documents = documents
        self._blobs = blobs
        self._clock = clock
        self._most_bytes = most_bytes

    def add(self, tenant: TenantId, filename: str, path: Path) -> FileRecord:
        """Keep a file that was received: durable once this returns.

        Raises:
            TooLarge: the tenant's files would be over the limit.
            StorageFailed: the disk is full.
        """
        size = path.stat().st_size
        self.check_room(tenant, size)
        digest, now = self._blobs.put_file(path), self._clock.now()
        record = FileRecord(new_id("file-", now), tenant, filename, size, INPUT, digest, now)
        change = Change(FILES, record.key, msgspec.json.encode(record), MUST_NOT_EXIST)
        self._documents.commit([change])
        return record

    def check_room(self, tenant: TenantId, size: int) -> None:
        """Pass where a tenant may have so many bytes more.

        Raises:
            TooLarge: it may not.
        """
        used = sum(one.size for one in self._all(tenant))
        if used + size > self._most_bytes:
            raise TooLarge(
                f"the files of {tenant} have {used} bytes, and with this one they would be over "
                f"the limit of {self._most_bytes} (`batch_storage_bytes`): delete some"
            )

    def get(self, tenant: TenantId, file_id: str) -> FileRecord:
        """One file.

        Raises:
            NotFound: the tenant has none of this id.
        """
        document = self._documents.get(FILES, key_of(tenant, file_id))
        if document is None:
            raise NotFound(
                f"there is no file {file_id[:80]!r}: GET /v1/files lists those there are"
            )
        return msgspec.json.decode(document.body, type=FileRecord)

    def path(self, record: FileRecord) -> Path:
        """Where its bytes are, to be read only."""
        return self._blobs.path(record.digest)

    def page(self, tenant: TenantId, after: str, limit: int) -> list[FileRecord]:
        """Up to `limit` files, the newest first, older than the id `after`."""
        prefix = key_of(tenant, "")
        start = prefix + after if after else ""
        found = self._documents.scan(FILES, start, limit, prefix=prefix)
        return [msgspec.json.decode(one.body, type=FileRecord) for one in found]

    def delete(self, tenant: TenantId, file_id: str) -> None:
        """Forget a file; batches that read it go on.

        Raises:
            NotFound: the tenant has none of this id.
        """
        record = self.get(tenant, file_id)
        self._documents.commit([Change(FILES, record.key, None)])

    def _all(self, tenant: TenantId) -> Sequence[FileRecord]:
        found: list[FileRecord] = []
        while page := self.page(tenant, found[-1].id if found else "", 1000):
            found += page
        return found

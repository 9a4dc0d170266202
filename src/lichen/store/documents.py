"""Versioned records with compare-and-set: the one thing that processes share.

A document's version is the revision of the commit that wrote it. Versions therefore only grow and
are never used twice, not even by a document that was deleted and made again.

The SQL is what PostgreSQL takes too (its keys then want the collation `C`).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Protocol

from lichen.core.errors import Conflict, InvalidInput
from lichen.store.failures import database_failures, storage_failures

MUST_NOT_EXIST = 0
"""As `Change.expect`: the document must not be there."""

SCAN_LIMIT = 1000
"""How many documents one scan returns when nothing else is asked for."""

_BUSY_SECONDS = 10.0
_OPENING_ATTEMPTS = 5
_LAST_CHARACTER = "\U0010ffff"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS documents (collection TEXT NOT NULL, key TEXT NOT NULL,"
    " version BIGINT NOT NULL, body BYTEA NOT NULL, PRIMARY KEY (collection, key))",
    "CREATE TABLE IF NOT EXISTS revision (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO revision (id, value) VALUES (1, 0) ON CONFLICT (id) DO NOTHING",
)
_REVISION = "SELECT value FROM revision WHERE id = 1"
_ADVANCE = "UPDATE revision SET value = value + 1 WHERE id = 1"
_GET = "SELECT version, body FROM documents WHERE collection = ? AND key = ?"
_SCAN = (
    "SELECT key, version, body FROM documents WHERE collection = ? AND key > ?"
    " AND key >= ? AND key < ? ORDER BY key LIMIT ?"
)
_VERSIONS = "SELECT key, version FROM documents WHERE collection = ? ORDER BY key"
_VERSION = "SELECT version FROM documents WHERE collection = ? AND key = ?"
_DELETE = "DELETE FROM documents WHERE collection = ? AND key = ?"
_UPSERT = (
    "INSERT INTO documents (collection, key, version, body) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (collection, key) DO UPDATE SET version = excluded.version, body = excluded.body"
)


@dataclass(frozen=True, slots=True)
class Document:
    """A record as it was at some version; `body` is JSON, or any bytes."""

    collection: str
    key: str
    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """Write (or, with `body` None, delete) one document of a commit.

    `expect` None takes any state, 0 says that it must not exist, and n that it must be at version
    n. Deleting with `expect` 0 writes nothing: it makes the commit depend on the absence.
    """

    collection: str
    key: str
    body: bytes | None
    expect: int | None = None


class DocumentStore(Protocol):
    """Records by collection and key, committed all or nothing."""

    def get(self, collection: str, key: str) -> Document | None:
        """The newest state of one document, None when there is none."""
        ...

    def scan(
        self, collection: str, after: str = "", limit: int = SCAN_LIMIT, *, prefix: str = ""
    ) -> list[Document]:
        """Up to `limit` documents in key order, keys after `after` that start with `prefix`."""
        ...

    def versions(self, collection: str) -> dict[str, int]:
        """The version of each document of a collection, in key order; bodies are not read."""
        ...

    def commit(self, changes: Sequence[Change]) -> int:
        """Apply every change or none; the new revision, which is the version of what was written.

        Raises:
            Conflict: a document was not in the state that its change expects.
            StorageFailed: the disk is full, read-only or broken.
        """
        ...

    def revision(self) -> int:
        """Grows with every commit by any process; cheap enough to poll."""
        ...

    def close(self) -> None:
        """Release what is held; the store is of no use afterwards."""
        ...


def _refuse_twice(changes: Sequence[Change]) -> None:
    """Refuse a commit that changes one document twice.

    Raises:
        InvalidInput: two changes name the same document.
    """
    seen: set[tuple[str, str]] = set()
    for change in changes:
        place = (change.collection, change.key)
        if place in seen:
            raise InvalidInput(
                f"a commit changes {change.collection}/{change.key} twice: join the two changes"
            )
        seen.add(place)


def _conflict(change: Change) -> Conflict:
    """The document of this change is not in the state that was expected."""
    expected = (
        "exists already"
        if change.expect == MUST_NOT_EXIST
        else f"is no longer at version {change.expect}"
    )
    return Conflict(f"{change.collection}/{change.key} {expected}: read it again and retry")


def scan_all(documents: DocumentStore, collection: str) -> Iterator[Document]:
    """Every document of a collection in key order, read a page at a time.

    Raises:
        StorageFailed: the store cannot be read.
    """
    after = ""
    while page := documents.scan(collection, after, SCAN_LIMIT):
        yield from page
        after = page[-1].key


class SqliteDocuments:
    """Documents in the SQLite file `path` (WAL, synchronous FULL); threads may share one.

    Raises:
        StorageFailed: the file cannot be made or opened.
        Corrupt: it is no database of ours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_failures(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # The system says why a file cannot be written; SQLite only that it "cannot be opened".
            path.open("ab").close()
        self._writing, self._reading = Lock(), Lock()
        with database_failures(self._path):
            self._writer = self._connect()
            try:
                self._prepare()
                self._reader = self._connect()
            except BaseException:
                self._writer.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self) -> None:
        # Turning WAL on takes a lock for which SQLite does not wait, so two first starts may meet.
        for remaining in reversed(range(_OPENING_ATTEMPTS)):
            try:
                self._writer.execute("PRAGMA journal_mode = WAL").fetchall()
                break
            except sqlite3.OperationalError as failure:
                if failure.sqlite_errorcode != sqlite3.SQLITE_BUSY or not remaining:
                    raise
                self._writer.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
        with self._transaction():
            for statement in _SCHEMA:
                self._writer.execute(statement)

    def get(self, collection: str, key: str) -> Document | None:
        """See DocumentStore."""
        with self._reading, database_failures(self._path):
            row = self._reader.execute(_GET, (collection, key)).fetchone()
        return Document(collection, key, *row) if row else None

    def scan(
        self, collection: str, after: str = "", limit: int = SCAN_LIMIT, *, prefix: str = ""
    ) -> list[Document]:
        """See DocumentStore."""
        bounds = (collection, after, prefix, prefix + _LAST_CHARACTER, limit)
        with self._reading, database_failures(self._path):
            rows = self._reader.execute(_SCAN, bounds).fetchall()
        return [Document(collection, *row) for row in rows]

    def versions(self, collection: str) -> dict[str, int]:
        """See DocumentStore."""
        with self._reading, database_failures(self._path):
            return dict(self._reader.execute(_VERSIONS, (collection,)).fetchall())

    def commit(self, changes: Sequence[Change]) -> int:
        """See DocumentStore."""
        _refuse_twice(changes)
        if not changes:
            return self.revision()
        with self._writing, database_failures(self._path), self._transaction():
            self._writer.execute(_ADVANCE)
            revision = int(self._writer.execute(_REVISION).fetchone()[0])
            for change in changes:
                self._check(change)
                self._apply(change, revision)
        return revision

    def _check(self, change: Change) -> None:
        if change.expect is None:
            return
        row = self._writer.execute(_VERSION, (change.collection, change.key)).fetchone()
        if change.expect != (row[0] if row else MUST_NOT_EXIST):
            raise _conflict(change)

    def _apply(self, change: Change, revision: int) -> None:
        if change.body is None:
            self._writer.execute(_DELETE, (change.collection, change.key))
        else:
            self._writer.execute(_UPSERT, (change.collection, change.key, revision, change.body))

    def revision(self) -> int:
        """See DocumentStore."""
        with self._reading, database_failures(self._path):
            return int(self._reader.execute(_REVISION).fetchone()[0])

    def close(self) -> None:
        """Close the file; what was committed is safe with or without it."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise


class MemoryDocuments:
    """Documents of one process that vanish with it: for tests and trials."""

    def __init__(self) -> None:
        self._documents: dict[tuple[str, str], Document] = {}
        self._revision = 0
        self._lock = Lock()

    def get(self, collection: str, key: str) -> Document | None:
        """See DocumentStore."""
        return self._documents.get((collection, key))

    def scan(
        self, collection: str, after: str = "", limit: int = SCAN_LIMIT, *, prefix: str = ""
    ) -> list[Document]:
        """See DocumentStore."""
        with self._lock:
            found = [
                document
                for (place, key), document in self._documents.items()
                if place == collection and key > after and key.startswith(prefix)
            ]
        return sorted(found, key=lambda document: document.key)[:limit]

    def versions(self, collection: str) -> dict[str, int]:
        """See DocumentStore."""
        with self._lock:
            found = {
                key: document.version
                for (place, key), document in self._documents.items()
                if place == collection
            }
        return dict(sorted(found.items()))

    def commit(self, changes: Sequence[Change]) -> int:
        """See DocumentStore."""
        _refuse_twice(changes)
        with self._lock:
            for change in changes:
                self._check(change)
            if changes:
                self._revision += 1
            for change in changes:
                self._apply(change)
            return self._revision

    def _check(self, change: Change) -> None:
        present = self._documents.get((change.collection, change.key))
        version = present.version if present else MUST_NOT_EXIST
        if change.expect not in (None, version):
            raise _conflict(change)

    def _apply(self, change: Change) -> None:
        place = (change.collection, change.key)
        if change.body is None:
            self._documents.pop(place, None)
        else:
            self._documents[place] = Document(*place, self._revision, change.body)

    def revision(self) -> int:
        """See DocumentStore."""
        return self._revision

    def close(self) -> None:
        """Nothing is held."""

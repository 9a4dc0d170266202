"""The ledger in one SQLite file: WAL, synchronous FULL, one writer at a time over all processes."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lichen.carbon.ledger.books import Session
from lichen.core.errors import NotFound
from lichen.store.failures import database_failures, storage_failures

_BUSY_SECONDS = 1.0
_SPARE_PAGES = 256
"""Free pages that stay in the file, for the minutes to come: 1 MiB."""
_PAGES_A_STEP = 128


class SqliteBooks:
    """The ledger's file at `path`; connected when first asked, so that a reader makes no file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    @property
    def place(self) -> str:
        """The path."""
        return str(self.path)

    def create(self, schema: Sequence[str]) -> None:
        """Make the file, its folder and its tables if they are not there."""
        with storage_failures(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.writing() as session:
            for statement in schema:
                session.execute(statement)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction; waits up to a second for another writer (Unavailable)."""
        with database_failures(self.path):
            connection = self._connection = self._connection or _connected(self.path)
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot, opened read-only and closed again: any process may ask at any time."""
        if not self.path.exists():
            raise NotFound(
                f"there is no ledger at {self.path}: start the platform once with `lichen up`"
            )
        with database_failures(self.path):
            connection = self._snapshot()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def auditing(self) -> Iterator[sqlite3.Connection]:
        """As `reading`; text that is no UTF-8 is read as well, so that damage can be reported."""
        with self.reading() as connection:
            connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
            yield connection

    def damages(self, session: Session, schema: Sequence[str]) -> list[str]:
        """What SQLite finds damaged, and tables that are not those of `schema`."""
        found = [
            f"SQLite finds the file damaged: {row[0]}"
            for row in session.execute("PRAGMA integrity_check")
            if row[0] != "ok"
        ]
        if _tables(session) != _tables_of(schema):
            found.append("the ledger's tables are not as this version makes them")
        return found

    def shrink(self) -> None:
        """Give free pages beyond a mebibyte back, half a mebibyte at a time."""
        if self._connection is None:
            return
        with database_failures(self.path):
            free = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
            while free > _SPARE_PAGES:
                step = min(_PAGES_A_STEP, free - _SPARE_PAGES)
                # Each page that is given back is one row of this pragma: it must be read through.
                self._connection.execute(f"PRAGMA incremental_vacuum({step})").fetchall()
                left = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
                if left >= free:
                    return
                free = left

    def again(self) -> "SqliteBooks":
        """The same file through another connection."""
        return SqliteBooks(self.path)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _snapshot(self) -> sqlite3.Connection:
        where = self.path.absolute().as_uri()
        try:
            return _opened(f"{where}?mode=ro")
        except sqlite3.OperationalError as failure:
            # On a read-only disk SQLite cannot share the file, and need not: nobody writes it.
            unshared = failure.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN
            if not unshared or self.path.with_name(f"{self.path.name}-wal").exists():
                raise
            return _opened(f"{where}?immutable=1")


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            # Only before the first table is made; it lets `shrink` give pages back one by one.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _tables(session: Session) -> list[tuple[str, ...]]:
    rows = session.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
    return [tuple(row) for row in rows]


def _tables_of(schema: Sequence[str]) -> list[tuple[str, ...]]:
    """What SQLite keeps of the statements that made them."""
    with sqlite3.connect(":memory:") as model:
        for statement in schema:
            model.execute(statement)
        found = _tables(model)
    model.close()
    return found

"""The writer of the double-entry ledger: seconds to a journal, closed minutes sealed (L1, L3).

One process writes (the supervisor). Each window is one small durable transaction in SQLite (WAL,
synchronous FULL), so a `kill -9` loses at most the window that was open, and the next start books a
`gap` entry that says so. When the disk is full the windows wait in memory and are written as soon
as there is room: nothing is lost, and the caller is told by StorageFailed each time.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lichen.carbon.accounts import AccountTotal, Entry, LedgerReader, Statement
from lichen.carbon.chain import (
    ADJUSTMENT,
    FORMAT,
    GAP,
    SCHEMA,
    STOP,
    microseconds,
)
from lichen.carbon.chain_writer import ChainWriter, Head, OpenMinute
from lichen.carbon.postings import (
    Basis,
    Booking,
    Posting,
    added,
    as_postings,
    check_balanced,
)
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import Corrupt, LichenError
from lichen.store.failures import database_failures, storage_failures

__all__ = ["AccountTotal", "Entry", "Ledger", "LedgerReader", "Statement"]

_BUSY_SECONDS = 1.0
_MOST_WAITING = 120
"""Windows kept one by one while the disk is full; beyond, those of a minute are added up."""

_GAP_NOTE = (
    "the writer ended without closing the books: the window open at that moment is not booked, "
    "and nothing was metered until this start"
)


@dataclass(slots=True)
class Ledger:
    """The open books; use `Ledger.open`."""

    path: Path
    clock: Clock
    _connection: sqlite3.Connection
    _writer: ChainWriter
    _head: Head | None = None
    _waiting: list[Booking] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, clock: Clock | None = None) -> "Ledger":
        """The books at `path`, made if they are not there; a crash of the last writer is booked.

        Raises:
            StorageFailed: the disk is full, read-only or broken.
            Corrupt: the file is damaged or no ledger of this version.
            Unavailable: another writer holds it.
        """
        with storage_failures(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with database_failures(path):
            connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        ledger = cls(path, clock or SystemClock(), connection, ChainWriter(connection))
        try:
            ledger._prepare()
            ledger._book_gap()
        except BaseException:
            connection.close()
            raise
        return ledger

    @property
    def waiting(self) -> int:
        """Bookings that wait in memory for a disk that was full or broken."""
        return len(self._waiting)

    def record(self, booking: Booking) -> None:
        """Book one window durably, with every window that still waited.

        Raises:
            Unbalanced: its postings do not sum to zero; nothing was booked or kept.
            StorageFailed, Unavailable: it could not be written now; it waits in memory and goes
                with the next.
        """
        check_balanced(booking.postings, f"the window of {booking.started_at.isoformat()}")
        self._waiting.append(booking)
        try:
            self._write_waiting()
        except LichenError:
            self._waiting = _merged(self._waiting)
            raise

    def adjust(self, moment: datetime, postings: Sequence[Posting], basis: Basis, note: str) -> int:
        """Correct booked grams by an entry of its own, and say why; its number (L3).

        Raises:
            Unbalanced: the postings do not sum to zero.
            StorageFailed: it could not be written.
        """
        check_balanced(postings, f"the adjustment {note!r}")
        at = microseconds(moment)
        with self._transaction():
            head = self._writer.sealed(self._current())
            entry = OpenMinute(at, at, 0, basis.text(), added({}, postings))
            self._head = self._writer.entered(head, entry, ADJUSTMENT, note)
        return self._head.number

    def seal(self) -> None:
        """Seal the open minute now, without waiting for its end."""
        with self._transaction():
            self._head = self._writer.sealed(self._current())

    def close(self) -> None:
        """Write what waits, seal, and close the books, so that the next start books no gap."""
        try:
            self._write_waiting()
            with self._transaction():
                head = self._writer.sealed(self._current())
                if head.number and head.kind != STOP:
                    head = self._writer.marked(
                        head, head.ended_us, STOP, "the writer closed the books"
                    )
                self._head = head
        finally:
            self._connection.close()

    def _prepare(self) -> None:
        with database_failures(self.path):
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
        with self._transaction():
            for statement in SCHEMA:
                self._connection.execute(statement)
            if self._connection.execute("SELECT 1 FROM books").fetchone() is None:
                self._connection.execute(
                    "INSERT INTO books (format, seed) VALUES (?, ?)", (FORMAT, os.urandom(8).hex())
                )
        self._current()

    def _current(self) -> Head:
        if self._head is None:
            try:
                with database_failures(self.path):
                    self._head = self._writer.read_head()
            except (ValueError, TypeError) as damage:
                raise Corrupt(
                    f"{self.path} is damaged ({damage}): run `lichen ledger verify`, and restore "
                    "it from a backup"
                ) from damage
        return self._head

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with database_failures(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._head = None
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _book_gap(self) -> None:
        head = self._current()
        if head.minute is None and head.kind in ("", STOP):
            return
        with self._transaction():
            head = self._writer.sealed(head)
            self._head = self._writer.marked(head, microseconds(self.clock.now()), GAP, _GAP_NOTE)

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        with self._transaction():
            head = self._current()
            for booking in self._waiting:
                head = self._writer.journalled(head, booking)
            self._head = head
        self._waiting = []


def _merged(waiting: list[Booking]) -> list[Booking]:
    """The same bookings, those of one minute and basis added up once there are very many."""
    if len(waiting) <= _MOST_WAITING:
        return waiting
    merged: list[Booking] = []
    for booking in waiting:
        last = merged[-1] if merged else None
        if last is None or last.basis != booking.basis or not _same_minute(last, booking):
            merged.append(booking)
            continue
        sums = added(added({}, last.postings), booking.postings)
        ended = max(last.ended_at, booking.ended_at)
        merged[-1] = Booking(last.started_at, ended, as_postings(sums), booking.basis)
    return merged


def _same_minute(one: Booking, other: Booking) -> bool:
    return one.started_at.replace(second=0, microsecond=0) == other.started_at.replace(
        second=0, microsecond=0
    )

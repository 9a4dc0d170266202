"""The writer of the double-entry ledger: seconds to a journal, closed minutes sealed (L1, L3).

One process writes (the supervisor). Each window is one small durable transaction in SQLite (WAL,
synchronous FULL), so a `kill -9` loses at most the window that was open, and the next start books a
`gap` entry that says so. When the disk is full the windows wait in memory and are written as soon
as there is room: nothing is lost, and the caller is told by StorageFailed each time.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from lichen.carbon.accounts import AccountTotal, Entry, LedgerReader, Statement
from lichen.carbon.chain import (
    ADJUSTMENT,
    FORMAT,
    GAP,
    MINUTE,
    SCHEMA,
    STOP,
    Record,
    content_of,
    first_digest,
    microseconds,
    postings_of,
)
from lichen.carbon.postings import (
    Basis,
    Booking,
    Posting,
    Sums,
    added,
    as_postings,
    check_balanced,
)
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import Corrupt, LichenError
from lichen.store.failures import database_failures, storage_failures

__all__ = ["AccountTotal", "Entry", "Ledger", "LedgerReader", "Statement"]

_BUSY_SECONDS = 1.0
_MINUTE_US = 60_000_000
_MOST_WAITING = 120
"""Windows kept one by one while the disk is full; beyond, those of a minute are added up."""

_GAP_NOTE = (
    "the writer ended without closing the books: the window open at that moment is not booked, "
    "and nothing was metered until this start"
)


@dataclass(frozen=True, slots=True)
class _OpenMinute:
    """The windows that wait to be sealed together."""

    started_us: int
    ended_us: int
    windows: int
    basis: str
    sums: Sums

    def takes(self, started_us: int, basis: str) -> bool:
        """Whether a window that starts then, on that basis, belongs to this minute."""
        return basis == self.basis and started_us // _MINUTE_US == self.started_us // _MINUTE_US


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the chain stands: the next record is linked to this."""

    number: int
    digest: str
    kind: str
    ended_us: int
    second: int
    second_digest: str
    minute: _OpenMinute | None


@dataclass(slots=True)
class Ledger:
    """The open books; use `Ledger.open`."""

    path: Path
    clock: Clock
    _connection: sqlite3.Connection
    _head: _Head | None = None
    _account_ids: dict[str, int] = field(default_factory=dict)
    _basis_ids: dict[str, int] = field(default_factory=dict)
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
        ledger = cls(path, clock or SystemClock(), connection)
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
            head = self._sealed(self._current())
            entry = _OpenMinute(at, at, 0, basis.text(), added({}, postings))
            self._head = self._entered(head, entry, ADJUSTMENT, note)
        return self._head.number

    def seal(self) -> None:
        """Seal the open minute now, without waiting for its end."""
        with self._transaction():
            self._head = self._sealed(self._current())

    def close(self) -> None:
        """Write what waits, seal, and close the books, so that the next start books no gap."""
        try:
            self._write_waiting()
            with self._transaction():
                head = self._sealed(self._current())
                if head.number and head.kind != STOP:
                    head = self._marked(head, head.ended_us, STOP, "the writer closed the books")
                self._head = head
        finally:
            self._connection.close()

    # -- reading the head ---------------------------------------------------------------------

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

    def _current(self) -> _Head:
        if self._head is None:
            try:
                self._head = self._read_head()
            except (ValueError, TypeError) as damage:
                raise Corrupt(
                    f"{self.path} is damaged ({damage}): run `lichen ledger verify`, and restore "
                    "it from a backup"
                ) from damage
        return self._head

    def _read_head(self) -> _Head:
        query = self._connection.execute
        format_, seed = query("SELECT format, seed FROM books").fetchone()
        if format_ != FORMAT:
            raise Corrupt(f"{self.path} has format {format_}; this version writes {FORMAT}")
        self._account_ids = dict(query("SELECT name, id FROM accounts").fetchall())
        self._basis_ids = dict(query("SELECT content, id FROM bases").fetchall())
        last = query(
            "SELECT number, digest, kind, ended_us FROM entries ORDER BY number DESC LIMIT 1"
        ).fetchone()
        number, digest, kind, ended_us = last or (0, first_digest(format_, seed), "", 0)
        head = _Head(number, digest, kind, ended_us, 0, digest, None)
        contents = {identity: content for content, identity in self._basis_ids.items()}
        for row in query(
            "SELECT number, started_us, ended_us, basis, content, digest FROM journal"
            " ORDER BY number"
        ):
            second, started, ended, basis, content, second_digest = row
            minute = _extended(
                head.minute, started, ended, contents.get(basis, ""), postings_of(content)
            )
            head = replace(head, second=second, second_digest=second_digest, minute=minute)
        return head

    # -- writing ------------------------------------------------------------------------------

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
            head = self._sealed(head)
            self._head = self._marked(head, microseconds(self.clock.now()), GAP, _GAP_NOTE)

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        with self._transaction():
            head = self._current()
            for booking in self._waiting:
                head = self._journalled(head, booking)
            self._head = head
        self._waiting = []

    def _journalled(self, head: _Head, booking: Booking) -> _Head:
        basis = booking.basis.text()
        started, ended = microseconds(booking.started_at), microseconds(booking.ended_at)
        if head.minute is not None and not head.minute.takes(started, basis):
            head = self._sealed(head)
        content = content_of(booking.postings)
        number = head.second + 1
        record = Record(number, "second", started, ended, 1, basis, "", content)
        digest = record.digest(head.second_digest)
        self._connection.execute(
            "INSERT INTO journal (number, started_us, ended_us, basis, content, digest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (number, started, ended, self._basis_id(basis), content, digest),
        )
        minute = _extended(head.minute, started, ended, basis, booking.postings)
        return replace(head, second=number, second_digest=digest, minute=minute)

    def _sealed(self, head: _Head) -> _Head:
        if head.minute is None:
            return head
        self._connection.execute("DELETE FROM journal")
        return self._entered(head, head.minute, MINUTE, "")

    def _marked(self, head: _Head, until_us: int, kind: str, note: str) -> _Head:
        span = _OpenMinute(head.ended_us, max(head.ended_us, until_us), 0, "", {})
        return self._entered(head, span, kind, note)

    def _entered(self, head: _Head, minute: _OpenMinute, kind: str, note: str) -> _Head:
        number = head.number + 1
        postings = as_postings(minute.sums)
        record = Record(
            number,
            kind,
            minute.started_us,
            minute.ended_us,
            minute.windows,
            minute.basis,
            note,
            content_of(postings),
        )
        digest = record.digest(head.digest)
        basis = self._basis_id(minute.basis) if minute.basis else None
        self._connection.execute(
            "INSERT INTO entries (number, kind, started_us, ended_us, windows, basis, note, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, kind, minute.started_us, minute.ended_us, minute.windows, basis, note, digest),
        )
        self._connection.executemany(
            "INSERT INTO postings (entry, account, nj, ng, units) VALUES (?, ?, ?, ?, ?)",
            [
                (number, self._account_id(one.account), one.nj, one.ng, one.units)
                for one in postings
            ],
        )
        return _Head(number, digest, kind, max(head.ended_us, minute.ended_us), 0, digest, None)

    def _account_id(self, name: str) -> int:
        identity = self._account_ids.get(name)
        if identity is None:
            identity = self._account_ids[name] = len(self._account_ids) + 1
            self._connection.execute(
                "INSERT INTO accounts (id, name) VALUES (?, ?)", (identity, name)
            )
        return identity

    def _basis_id(self, content: str) -> int:
        identity = self._basis_ids.get(content)
        if identity is None:
            identity = self._basis_ids[content] = len(self._basis_ids) + 1
            self._connection.execute(
                "INSERT INTO bases (id, content) VALUES (?, ?)", (identity, content)
            )
        return identity


def _extended(
    minute: _OpenMinute | None,
    started_us: int,
    ended_us: int,
    basis: str,
    postings: Iterable[Posting],
) -> _OpenMinute:
    if minute is None:
        return _OpenMinute(started_us, ended_us, 1, basis, added({}, postings))
    return _OpenMinute(
        min(minute.started_us, started_us),
        max(minute.ended_us, ended_us),
        minute.windows + 1,
        basis,
        added(minute.sums, postings),
    )


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

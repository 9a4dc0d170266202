"""The writer of the double-entry ledger: seconds to a journal, closed minutes sealed (L1, L3).

Each window is one small durable transaction, so a `kill -9` loses at most the window that was open,
and the next start books a `gap` entry that says so. Several processes may write: the keeper, whose
absence is a gap (`Ledger.open`: the supervisor), and those that join it (`Ledger.join`). When the
disk is full the windows wait in memory and are written as soon as there is room: nothing is lost,
and the caller is told by StorageFailed each time.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lichen.carbon.ledger.accounts import AccountTotal, Entry, LedgerReader, Statement
from lichen.carbon.ledger.books import Books, Session
from lichen.carbon.ledger.chain import (
    ADJUSTMENT,
    FORMAT,
    GAP,
    SCHEMA,
    STOP,
    keeping_digest,
    microseconds,
)
from lichen.carbon.ledger.chain_writer import ChainWriter, ended_us
from lichen.carbon.ledger.gathering import Draft
from lichen.carbon.ledger.postings import (
    Basis,
    Booking,
    Posting,
    added,
    as_postings,
    check_balanced,
)
from lichen.carbon.ledger.rollup import Retention, RollUp
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import LichenError

__all__ = ["AccountTotal", "Entry", "Ledger", "LedgerReader", "Statement"]

_MOST_WAITING = 120
"""Windows kept one by one while the disk is full; beyond, those of a minute are added up."""

_GAP_NOTE = (
    "the writer ended without closing the books: the window open at that moment is not booked, "
    "and nothing was metered until this start"
)


@dataclass(slots=True)
class Ledger:
    """Books open for writing; use `Ledger.open` or `Ledger.join`."""

    books: Books
    clock: Clock
    _keeps: bool
    _writer: ChainWriter = field(default_factory=ChainWriter)
    _waiting: list[Booking] = field(default_factory=list)

    @classmethod
    def open(cls, place: Path | Books, clock: Clock | None = None) -> "Ledger":
        """The books at `place` for their keeper, made if they are not there.

        There is one keeper at a time. If the last one ended without closing, its gap is booked.

        Raises:
            StorageFailed: the disk is full, read-only or broken.
            Corrupt: the file is damaged or no ledger of this version.
            Unavailable: another writer holds it.
        """
        return cls._opened(place, clock, keeps=True)

    @classmethod
    def join(cls, place: Path | Books, clock: Clock | None = None) -> "Ledger":
        """The same books for one more writer, beside the keeper or without one; raises as `open`.

        Its end is no gap, and its closing no stop.
        """
        return cls._opened(place, clock, keeps=False)

    @classmethod
    def _opened(cls, place: Path | Books, clock: Clock | None, *, keeps: bool) -> "Ledger":
        books = SqliteBooks(place) if isinstance(place, Path) else place
        ledger = cls(books, clock or SystemClock(), keeps)
        try:
            books.create(SCHEMA)
            with ledger._transaction() as session:
                if session.execute("SELECT 1 FROM books").fetchone() is None:
                    _title(session)
                ledger._writer.head(session)
                if keeps:
                    ledger._keep(session)
        except BaseException:
            books.close()
            raise
        return ledger

    @property
    def waiting(self) -> int:
        """Bookings that wait in memory for a disk that was full or broken."""
        return len(self._waiting)

    def reader(self) -> LedgerReader:
        """Questions to these books."""
        return LedgerReader(self.books)

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
        owed = as_postings(added({}, postings))
        with self._transaction() as session:
            self._writer.sealed(session)
            draft = Draft(ADJUSTMENT, at, at, 0, basis.text(), note, owed)
            return self._writer.entered(session, draft)

    def roll_up(self, retention: Retention) -> bool:
        """Let sums stand for the oldest hour or day that is past its keeping; False if none is.

        One short transaction, so that a crash leaves the old or the new; call it until False.

        Raises:
            StorageFailed, Unavailable: it could not be written now.
            Corrupt: what would be rolled up is not what was booked.
        """
        now = self.clock.now()
        with self._transaction() as session:
            is_done = RollUp(session, self._writer).step(retention, now)
        if is_done:
            self.books.shrink()
        return is_done

    def seal(self) -> None:
        """Seal the open minute now, without waiting for its end."""
        with self._transaction() as session:
            self._writer.sealed(session)

    def close(self) -> None:
        """Write what waits and close; a keeper seals first, and its next start is no gap."""
        try:
            self._write_waiting()
            if self._keeps:
                with self._transaction() as session:
                    self._stop(session)
        finally:
            self.books.close()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with self.books.writing() as session:
                self._writer.look(session)
                yield session
        except BaseException:
            self._writer.forget()
            raise

    def _keep(self, session: Session) -> None:
        """Mark the books as open; if they still are, say since when nobody kept them."""
        now_us = microseconds(self.clock.now())
        left_open = session.execute("SELECT MAX(opened_us) FROM keeping").fetchone()[0]
        if left_open is not None:
            self._writer.sealed(session)
            since_us = max(left_open, ended_us(session))
            self._mark(session, GAP, (since_us, max(since_us, now_us)), _GAP_NOTE)
            session.execute("DELETE FROM keeping")
        seed = session.execute("SELECT seed FROM books").fetchone()[0]
        session.execute(
            "INSERT INTO keeping (opened_us, digest) VALUES (?, ?)",
            (now_us, keeping_digest(seed, now_us)),
        )

    def _stop(self, session: Session) -> None:
        self._writer.sealed(session)
        session.execute("DELETE FROM keeping")
        last = session.execute(_LAST_KIND).fetchone()
        if last is not None and last[0] != STOP:
            at = ended_us(session)
            self._mark(session, STOP, (at, at), "the writer closed the books")

    def _mark(self, session: Session, kind: str, span_us: tuple[int, int], note: str) -> None:
        self._writer.entered(session, Draft(kind, *span_us, 0, "", note, ()))

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        with self._transaction() as session:
            for booking in self._waiting:
                self._writer.journalled(session, booking)
        self._waiting = []


def _title(session: Session) -> None:
    session.execute("INSERT INTO books (format, seed) VALUES (?, ?)", (FORMAT, os.urandom(8).hex()))


_LAST_KIND = "SELECT kind FROM entries ORDER BY number DESC LIMIT 1"


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

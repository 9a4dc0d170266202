"""Write the hash chain: seconds to the journal, minutes as entries, each linked to the last (L3).

Several processes may write one ledger, one at a time: each transaction begins with a `look` whether
the chain still ends where this process left it, and `forget` follows when one is undone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lichen.carbon.ledger.books import Session
from lichen.carbon.ledger.chain import (
    ADJUSTMENT,
    FORMAT,
    MINUTE,
    SECOND,
    Record,
    content_of,
    first_digest,
    microseconds,
    postings_of,
)
from lichen.carbon.ledger.gathering import Draft, Gathering
from lichen.carbon.ledger.postings import Booking, Posting
from lichen.core.errors import Corrupt

_MINUTE_US = 60_000_000

Second = tuple[int, int, int, str | None, str, str]
"""Number, start, end, basis, content and digest."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain stands: the next record is linked to this.

    `minute` counts from 1970 and is the newest that the journal holds; None when it is empty.
    """

    number: int
    digest: str
    second: int
    second_digest: str
    minute: int | None


class ChainWriter:
    """Appends to the tables of one ledger."""

    def __init__(self) -> None:
        self._head: Head | None = None
        self._account_ids: dict[str, int] = {}
        self._basis_ids: dict[str, int] = {}
        self._own: dict[str, Sequence[Posting]] = {}
        """What this process wrote into the open journal, by digest: not read again to be sealed."""

    def forget(self) -> None:
        """Read everything anew the next time: what was written last was undone."""
        self._head = None
        self._own.clear()
        self._account_ids.clear()
        self._basis_ids.clear()

    def look(self, session: Session) -> None:
        """See at the start of a transaction whether somebody else has appended since the last."""
        if self._head is not None and _tip(session) != (self._head.number, self._head.second):
            self._head = None

    def head(self, session: Session) -> Head:
        """Where the chain stands within this transaction.

        Raises:
            Corrupt: the books are damaged, or of another format.
        """
        if self._head is None:
            self._head = _read_head(session)
        return self._head

    def journalled(self, session: Session, booking: Booking) -> None:
        """Append one second to the journal; seal what is open first if it is of a minute before."""
        head = self.head(session)
        basis = booking.basis.text()
        started, ended = microseconds(booking.started_at), microseconds(booking.ended_at)
        minute = started // _MINUTE_US
        if head.minute is not None and minute > head.minute:
            head = self.sealed(session)
        content = content_of(booking.postings)
        number = head.second + 1
        record = Record(number, SECOND, started, ended, 1, basis, "", content)
        digest = record.digest(head.second_digest)
        session.execute(
            "INSERT INTO journal (number, started_us, ended_us, basis, content, digest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (number, started, ended, self._basis_id(session, basis), content, digest),
        )
        self._own[digest] = booking.postings
        newest = minute if head.minute is None else max(head.minute, minute)
        self._head = replace(head, second=number, second_digest=digest, minute=newest)

    def sealed(self, session: Session) -> Head:
        """Seal the journal: one entry for each minute and basis in it.

        Raises:
            Corrupt: a second in it is not what was booked.
        """
        head = self.head(session)
        if head.second:
            drafts = _minutes(session.execute(_SECONDS).fetchall(), head.digest, self._own)
            session.execute("DELETE FROM journal")
            self._own.clear()
            for draft in drafts:
                self.entered(session, draft)
        return self.head(session)

    def entered(self, session: Session, draft: Draft) -> int:
        """Append one entry after the journal was sealed; its number."""
        head = self.head(session)
        number = head.number + 1
        record = draft.record(number)
        digest = record.digest(head.digest)
        self.row(session, record, digest, draft.postings)
        self._head = Head(number, digest, 0, digest, None)
        return number

    def row(
        self, session: Session, record: Record, digest: str, postings: Iterable[Posting]
    ) -> None:
        """Write the row of an entry, and its postings."""
        basis = self._basis_id(session, record.basis) if record.basis else None
        session.execute(
            "INSERT INTO entries (number, kind, started_us, ended_us, windows, basis, note, digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.number,
                record.kind,
                record.started_us,
                record.ended_us,
                record.windows,
                basis,
                record.note,
                digest,
            ),
        )
        rows = [
            (record.number, self._account_id(session, one.account), one.nj, one.ng, one.units)
            for one in postings
        ]
        session.executemany(
            "INSERT INTO postings (entry, account, nj, ng, units) VALUES (?, ?, ?, ?, ?)", rows
        )

    def _account_id(self, session: Session, name: str) -> int:
        return _identity(session, self._account_ids, _ACCOUNT, name)

    def _basis_id(self, session: Session, content: str) -> int:
        return _identity(session, self._basis_ids, _BASIS, content)


def ended_us(session: Session) -> int:
    """Until when sealed entries reach; 0 when there are none."""
    row = session.execute(_ENDED, (ADJUSTMENT,)).fetchone()
    return int(row[0]) if row else 0


def _identity(
    session: Session, known: dict[str, int], statements: tuple[str, str, str], text: str
) -> int:
    """The number by which the rows call a text; a new text gets the next one."""
    found = known.get(text)
    if found is None:
        find, next_, insert = statements
        row = session.execute(find, (text,)).fetchone()
        if row is None:
            row = session.execute(next_).fetchone()
            session.execute(insert, (int(row[0]), text))
        found = known[text] = int(row[0])
    return found


def _tip(session: Session) -> tuple[int, int]:
    entry, second = session.execute(_TIP).fetchone()
    return entry or 0, second or 0


def _read_head(session: Session) -> Head:
    title = session.execute("SELECT format, seed FROM books").fetchone()
    if title is None:
        raise Corrupt(f"the ledger has lost its title page: {_ADVICE}")
    if title[0] != FORMAT:
        raise Corrupt(f"the ledger has format {title[0]}; this version writes {FORMAT}")
    number, digest = session.execute(_LAST_ENTRY).fetchone() or (0, first_digest(*title))
    second, second_digest = session.execute(_LAST_SECOND).fetchone() or (0, digest)
    newest_us = session.execute("SELECT MAX(started_us) FROM journal").fetchone()[0]
    minute = None if newest_us is None else newest_us // _MINUTE_US
    return Head(number, digest, second, second_digest, minute)


def _minutes(
    seconds: Iterable[Second], previous: str, own: Mapping[str, Sequence[Posting]]
) -> list[Draft]:
    """The journal's minutes, in the order in which they were begun, one for each basis."""
    gathering = Gathering()
    for number, started, ended, basis, content, digest in seconds:
        record = Record(number, MINUTE, started, ended, 1, basis or "", "", content)
        postings = own.get(digest)
        if postings is None:
            if replace(record, kind=SECOND).digest(previous) != digest:
                raise Corrupt(
                    f"second {number} of the open minute was changed on the disk: {_ADVICE}"
                )
            postings = postings_of(content)
        gathering.add((started // _MINUTE_US, record.basis), record, postings)
        previous = digest
    return gathering.drafts()


_ADVICE = "run `lichen ledger verify`, and restore it from a backup"
_TIP = "SELECT (SELECT MAX(number) FROM entries), (SELECT MAX(number) FROM journal)"
_ENDED = "SELECT ended_us FROM entries WHERE kind <> ? ORDER BY number DESC LIMIT 1"
_LAST_ENTRY = "SELECT number, digest FROM entries ORDER BY number DESC LIMIT 1"
_LAST_SECOND = "SELECT number, digest FROM journal ORDER BY number DESC LIMIT 1"
_SECONDS = """SELECT j.number, j.started_us, j.ended_us, b.content, j.content, j.digest
 FROM journal j LEFT JOIN bases b ON b.id = j.basis ORDER BY j.number"""
_ACCOUNT = (
    "SELECT id FROM accounts WHERE name = ?",
    "SELECT COALESCE(MAX(id), 0) + 1 FROM accounts",
    "INSERT INTO accounts (id, name) VALUES (?, ?)",
)
_BASIS = (
    "SELECT id FROM bases WHERE content = ?",
    "SELECT COALESCE(MAX(id), 0) + 1 FROM bases",
    "INSERT INTO bases (id, content) VALUES (?, ?)",
)

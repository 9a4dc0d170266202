"""Write the hash chain: seconds to the journal, minutes as entries, each linked to the last (L3).

Every method takes the head of the chain and returns the next one; it becomes true when the caller's
transaction commits, and is forgotten when it does not.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace

from lichen.carbon.chain import (
    FORMAT,
    MINUTE,
    Record,
    content_of,
    first_digest,
    microseconds,
    postings_of,
)
from lichen.carbon.postings import Booking, Posting, Sums, added, as_postings
from lichen.core.errors import Corrupt

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class OpenMinute:
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
class Head:
    """Where the chain stands: the next record is linked to this."""

    number: int
    digest: str
    kind: str
    ended_us: int
    second: int
    second_digest: str
    minute: OpenMinute | None


class ChainWriter:
    """Appends to the tables of one ledger, within the transactions of whoever holds it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._account_ids: dict[str, int] = {}
        self._basis_ids: dict[str, int] = {}

    def read_head(self) -> Head:
        """Where the chain stands by what is on the disk.

        Raises:
            Corrupt: the books are of another format.
            ValueError, TypeError: the books are damaged.
        """
        query = self._connection.execute
        format_, seed = query("SELECT format, seed FROM books").fetchone()
        if format_ != FORMAT:
            raise Corrupt(f"the ledger has format {format_}; this version writes {FORMAT}")
        self._account_ids = dict(query("SELECT name, id FROM accounts").fetchall())
        self._basis_ids = dict(query("SELECT content, id FROM bases").fetchall())
        last = query(
            "SELECT number, digest, kind, ended_us FROM entries ORDER BY number DESC LIMIT 1"
        ).fetchone()
        number, digest, kind, ended_us = last or (0, first_digest(format_, seed), "", 0)
        head = Head(number, digest, kind, ended_us, 0, digest, None)
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

    def journalled(self, head: Head, booking: Booking) -> Head:
        """Append one second to the journal; seal the open minute first if it is not of it."""
        basis = booking.basis.text()
        started, ended = microseconds(booking.started_at), microseconds(booking.ended_at)
        if head.minute is not None and not head.minute.takes(started, basis):
            head = self.sealed(head)
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

    def sealed(self, head: Head) -> Head:
        """Seal the open minute as an entry, if there is one."""
        if head.minute is None:
            return head
        self._connection.execute("DELETE FROM journal")
        return self.entered(head, head.minute, MINUTE, "")

    def marked(self, head: Head, until_us: int, kind: str, note: str) -> Head:
        """Append an entry without postings, from where the last one ended: a gap or a stop."""
        span = OpenMinute(head.ended_us, max(head.ended_us, until_us), 0, "", {})
        return self.entered(head, span, kind, note)

    def entered(self, head: Head, minute: OpenMinute, kind: str, note: str) -> Head:
        """Append one entry."""
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
        return Head(number, digest, kind, max(head.ended_us, minute.ended_us), 0, digest, None)

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
    minute: OpenMinute | None,
    started_us: int,
    ended_us: int,
    basis: str,
    postings: Iterable[Posting],
) -> OpenMinute:
    if minute is None:
        return OpenMinute(started_us, ended_us, 1, basis, added({}, postings))
    return OpenMinute(
        min(minute.started_us, started_us),
        max(minute.ended_us, ended_us),
        minute.windows + 1,
        basis,
        added(minute.sums, postings),
    )

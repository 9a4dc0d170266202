"""Read the books through, link by link, and say what is wrong where (L1, L3)."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lichen.carbon.chain import Record, content_of, first_digest, postings_of
from lichen.carbon.postings import Posting


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `entry` is 0 when it concerns no entry of its own."""

    entry: int
    what: str


def findings(connection: sqlite3.Connection) -> list[Finding]:
    """Everything that is wrong: structure, chain, balance, and what nobody refers to."""
    damaged = [
        Finding(0, f"SQLite finds the file damaged: {row[0]}")
        for row in connection.execute("PRAGMA integrity_check")
        if row[0] != "ok"
    ]
    books = connection.execute("SELECT format, seed FROM books").fetchall()
    if len(books) != 1:
        return [*damaged, Finding(0, f"the books have {len(books)} title pages, not one")]
    start = first_digest(*books[0])
    head, in_entries = _entries(connection, start)
    return [*damaged, *in_entries, *_journal(connection, head), *_strays(connection)]


def _entries(connection: sqlite3.Connection, start: str) -> tuple[str, list[Finding]]:
    found: list[Finding] = []
    previous, expected = start, 1
    for row in connection.execute(_ENTRIES):
        number, kind, started, ended, windows, note, digest, basis_id, basis = row
        postings = [Posting(*one) for one in connection.execute(_POSTINGS, (number,))]
        record = Record(
            number, kind, started, ended, windows, basis or "", note, content_of(postings)
        )
        if number != expected:
            found.append(Finding(number, f"entry {expected} is missing before entry {number}"))
        if basis_id is not None and basis is None:
            found.append(Finding(number, f"entry {number} stands on a basis that is not there"))
        if record.digest(previous) != digest:
            found.append(
                Finding(number, f"entry {number} was changed after it was sealed, or the chain cut")
            )
        found.extend(_unbalanced(number, f"entry {number}", postings))
        previous, expected = digest, number + 1
    return previous, found


def _journal(connection: sqlite3.Connection, head: str) -> Iterator[Finding]:
    previous = head
    for number, started, ended, basis, content, digest in connection.execute(_SECONDS):
        record = Record(number, "second", started, ended, 1, basis or "", "", content)
        if record.digest(previous) != digest:
            yield Finding(0, f"second {number} of the open minute was changed after it was booked")
        try:
            yield from _unbalanced(0, f"second {number}", postings_of(content))
        except (ValueError, TypeError) as damage:
            yield Finding(0, f"second {number} of the open minute cannot be read: {damage}")
        previous = digest


def _strays(connection: sqlite3.Connection) -> Iterator[Finding]:
    for entry, count in connection.execute(_LOOSE):
        yield Finding(entry, f"{count} postings belong to an entry or account that is not there")


def _unbalanced(entry: int, what: str, postings: Iterable[Posting]) -> Iterator[Finding]:
    postings = tuple(postings)
    nj = sum(posting.nj for posting in postings)
    ng = sum(posting.ng for posting in postings)
    if nj or ng:
        yield Finding(entry, f"{what} does not sum to zero: {nj:+d} nJ, {ng:+d} ng")


_ENTRIES = """SELECT e.number, e.kind, e.started_us, e.ended_us, e.windows, e.note, e.digest,
 e.basis, b.content FROM entries e LEFT JOIN bases b ON b.id = e.basis ORDER BY e.number"""
_POSTINGS = """SELECT a.name, p.nj, p.ng, p.units
 FROM postings p JOIN accounts a ON a.id = p.account
 WHERE p.entry = ?"""
_SECONDS = """SELECT j.number, j.started_us, j.ended_us, b.content, j.content, j.digest
 FROM journal j LEFT JOIN bases b ON b.id = j.basis ORDER BY j.number"""
_LOOSE = """SELECT p.entry, COUNT(*) FROM postings p LEFT JOIN entries e ON e.number = p.entry
 LEFT JOIN accounts a ON a.id = p.account
 WHERE e.number IS NULL OR a.id IS NULL GROUP BY p.entry"""

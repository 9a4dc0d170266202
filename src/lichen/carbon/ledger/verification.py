"""Read the books through, link by link, and say what is wrong where (L1, L3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lichen.carbon.ledger.books import Session
from lichen.carbon.ledger.chain import ROLLUP, SECOND, Record, RolledUp, keeping_digest, postings_of
from lichen.carbon.ledger.postings import Posting
from lichen.carbon.ledger.rows import LAST, KeptRollUp, Row, roll_ups, rows, start_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `entry` is 0 when it concerns no entry of its own."""

    entry: int
    what: str


def findings(session: Session) -> list[Finding]:
    """Everything that is wrong: chain, balance, roll-ups, and what nobody refers to."""
    books = session.execute("SELECT format, seed FROM books").fetchall()
    if len(books) != 1:
        return [Finding(0, f"the books have {len(books)} title pages, not one")]
    walk = Walk(session, 1, start_of(session))
    found = walk.findings(LAST)
    return [
        *found,
        *_journal(session, walk.digest),
        *_unvouched(walk),
        *_keeping(session, books[0][1]),
        *_strays(session),
    ]


@dataclass(slots=True)
class Walk:
    """Goes along the chain from entry `number`, which must be linked to `digest`."""

    session: Session
    number: int
    digest: str
    vouched: set[str] = field(default_factory=set)
    """What entries on the way vouch for."""
    kept: list[KeptRollUp] = field(default_factory=list)
    """The roll-ups on the way."""
    seen: list[Row] | None = None
    """The entries on the way, for whoever gives a list for them."""

    def findings(self, last: int) -> list[Finding]:
        """What is wrong up to entry `last`."""
        self.kept = roll_ups(self.session, self.number, last)
        ahead = iter(self.kept)
        kept, gathered = next(ahead, None), list[Row]()
        found: list[Finding] = []
        for row in rows(self.session, self.number, last):
            found += _of_itself(row)
            if self.seen is not None:
                self.seen.append(row)
            if row.record.kind == ROLLUP:
                self.vouched.add(row.record.note)
            if kept is None or row.record.number < kept.rolled_up.first:
                found += self._linked(row)
                continue
            gathered.append(row)
            if row.record.number >= kept.rolled_up.last:
                found += self._rolled_up(kept, gathered)
                kept, gathered = next(ahead, None), []
        if kept is not None:
            found.append(Finding(kept.rolled_up.last, f"{_named(kept.rolled_up)} is not whole"))
        return found

    def _linked(self, row: Row) -> Iterator[Finding]:
        record = row.record
        yield from self._next(record.number)
        if record.digest(self.digest) != row.digest:
            yield Finding(
                record.number,
                f"entry {record.number} was changed after it was sealed, or the chain cut",
            )
        self.number, self.digest = record.number + 1, row.digest

    def _rolled_up(self, kept: KeptRollUp, gathered: list[Row]) -> Iterator[Finding]:
        one = kept.rolled_up
        yield from self._next(one.first)
        is_linked = one.before == self.digest and one.after == gathered[-1].digest
        told = [(row.record, row.digest) for row in gathered]
        if (
            not is_linked
            or gathered[-1].record.number != one.last
            or one.digest(told) != kept.digest
        ):
            yield Finding(one.last, f"{_named(one)} was changed after it was made")
        self.number, self.digest = one.last + 1, one.after

    def _next(self, number: int) -> Iterator[Finding]:
        if number != self.number:
            yield Finding(number, f"entry {self.number} is missing before entry {number}")


def _of_itself(row: Row) -> Iterator[Finding]:
    number = row.record.number
    if row.lost_basis:
        yield Finding(number, f"entry {number} stands on a basis that is not there")
    yield from _unbalanced(number, f"entry {number}", row.postings)


def _journal(session: Session, head: str) -> Iterator[Finding]:
    previous = head
    for number, started, ended, basis, content, digest in session.execute(_SECONDS).fetchall():
        record = Record(number, SECOND, started, ended, 1, basis or "", "", content)
        if record.digest(previous) != digest:
            yield Finding(0, f"second {number} of the open minute was changed after it was booked")
        try:
            yield from _unbalanced(0, f"second {number}", postings_of(content))
        except (ValueError, TypeError) as damage:
            yield Finding(0, f"second {number} of the open minute cannot be read: {damage}")
        previous = digest


def _unvouched(walk: Walk) -> Iterator[Finding]:
    for kept in walk.kept:
        if kept.rolled_up.voucher(kept.digest) not in walk.vouched:
            yield Finding(
                kept.rolled_up.last, f"no entry vouches for the sums of {_named(kept.rolled_up)}"
            )


def _keeping(session: Session, seed: str) -> Iterator[Finding]:
    for opened_us, digest in session.execute("SELECT opened_us, digest FROM keeping").fetchall():
        if keeping_digest(seed, opened_us) != digest:
            yield Finding(0, "the mark that the books are open was changed")


def _strays(session: Session) -> Iterator[Finding]:
    for entry, count in session.execute(_LOOSE).fetchall():
        yield Finding(entry, f"{count} postings belong to an entry or account that is not there")


def _unbalanced(entry: int, what: str, postings: Iterable[Posting]) -> Iterator[Finding]:
    postings = tuple(postings)
    nj = sum(posting.nj for posting in postings)
    ng = sum(posting.ng for posting in postings)
    if nj or ng:
        yield Finding(entry, f"{what} does not sum to zero: {nj:+d} nJ, {ng:+d} ng")


def _named(one: RolledUp) -> str:
    return f"the roll-up of entries {one.first} to {one.last}"


_SECONDS = """SELECT j.number, j.started_us, j.ended_us, b.content, j.content, j.digest
 FROM journal j LEFT JOIN bases b ON b.id = j.basis ORDER BY j.number"""
_LOOSE = """SELECT p.entry, COUNT(*) FROM postings p LEFT JOIN entries e ON e.number = p.entry
 LEFT JOIN accounts a ON a.id = p.account
 WHERE e.number IS NULL OR a.id IS NULL GROUP BY p.entry"""

"""Read entries of the chain as what their digests cover, a few hundred at a time."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lichen.carbon.ledger.books import Session
from lichen.carbon.ledger.chain import Record, RolledUp, content_of, first_digest
from lichen.carbon.ledger.postings import Posting

_AT_ONCE = 500
LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it stands in the books; `lost_basis` when its basis is not there."""

    record: Record
    digest: str
    lost_basis: bool
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class KeptRollUp:
    """A roll-up as it stands in the books."""

    rolled_up: RolledUp
    digest: str


def rows(session: Session, first: int, last: int = LAST) -> Iterator[Row]:
    """Entries `first` to `last`, in order."""
    after = first - 1
    while found := session.execute(_ENTRIES, (after, last, _AT_ONCE)).fetchall():
        upto = found[-1][0]
        postings = _postings(session, after + 1, upto)
        for number, kind, started, ended, windows, note, digest, basis_id, basis in found:
            own = tuple(postings[number])
            record = Record(
                number, kind, started, ended, windows, basis or "", note, content_of(own)
            )
            yield Row(record, digest, basis_id is not None and basis is None, own)
        after = upto


def roll_ups(session: Session, first: int, last: int = LAST) -> list[KeptRollUp]:
    """Roll-ups of entries from `first` to `last`, in order."""
    return [
        KeptRollUp(RolledUp(*row[:5]), row[5])
        for row in session.execute(_ROLLUPS, (first, last)).fetchall()
    ]


def start_of(session: Session) -> str:
    """The digest that the chain of these books starts from."""
    return first_digest(*session.execute("SELECT format, seed FROM books").fetchone())


def _postings(session: Session, first: int, last: int) -> dict[int, list[Posting]]:
    found: dict[int, list[Posting]] = defaultdict(list)
    for entry, *posting in session.execute(_POSTINGS, (first, last)):
        found[entry].append(Posting(*posting))
    return found


_ENTRIES = """SELECT e.number, e.kind, e.started_us, e.ended_us, e.windows, e.note, e.digest,
 e.basis, b.content FROM entries e LEFT JOIN bases b ON b.id = e.basis
 WHERE e.number > ? AND e.number <= ? ORDER BY e.number LIMIT ?"""
_POSTINGS = """SELECT p.entry, a.name, p.nj, p.ng, p.units
 FROM postings p JOIN accounts a ON a.id = p.account WHERE p.entry >= ? AND p.entry <= ?"""
_ROLLUPS = """SELECT first_number, last_number, span_us, digest_before, digest_after, digest
 FROM rollups WHERE first_number >= ? AND last_number <= ? ORDER BY first_number"""

"""The reader of the ledger: exact totals by account, entries page by page, and verification (L3).

It takes a snapshot for each question, so any process may ask while others write.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lichen.carbon.ledger.books import Books, Rows, Session
from lichen.carbon.ledger.chain import DAY, HOUR, SCHEMA, microseconds, moment_of, postings_of
from lichen.carbon.ledger.postings import Basis, Posting, Sums, added, as_postings
from lichen.carbon.ledger.shares import Extent, Share, extent_of, shares_of
from lichen.carbon.ledger.sqlite_books import SqliteBooks
from lichen.carbon.ledger.verification import Finding, findings
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, NotFound

_FIRST, _LAST = -(2**63), 2**63 - 1
_HALF = 32
_RECENT = 20_000

_SUMS = """SELECT p.account AS account, SUM(p.nj >> 32) AS nj_high,
 SUM(p.nj & 4294967295) AS nj_low, SUM(p.ng >> 32) AS ng_high, SUM(p.ng & 4294967295) AS ng_low,
 SUM(p.units) AS units FROM postings p """
_NAMED = "SELECT a.name, s.nj_high, s.nj_low, s.ng_high, s.ng_low, s.units FROM ("
_TOTALS = f"""{_NAMED}{_SUMS} JOIN entries e ON e.number = p.entry
 WHERE p.entry <= ? AND e.started_us >= ? AND e.started_us < ?
 GROUP BY p.account) s JOIN accounts a ON a.id = s.account"""
_ALL_TOTALS = f"""{_NAMED}{_SUMS}
 WHERE p.entry <= ? GROUP BY p.account) s JOIN accounts a ON a.id = s.account"""


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """What one account holds, signed: the meter is negative, all accounts sum to zero.

    `units` is how many pieces of work it holds.
    """

    account: str
    nj: int
    ng: int
    units: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One sealed entry: a minute, a gap, a stop or an adjustment.

    Once rolled up, an hour or a day in place of minutes, and the voucher of a roll-up.
    """

    number: int
    kind: str
    started_at: datetime
    ended_at: datetime
    windows: int
    basis: Basis | None
    note: str
    digest: str
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """The accounts over a span as of an entry: equal questions get equal answers for ever (L3).

    `digest` is that of entry `as_of`; `bases` are the figures on which the entries stand;
    `unsealed_windows` counts the seconds that are in it but not yet sealed (only without an
    explicit `as_of`).
    """

    as_of: int
    digest: str
    unsealed_windows: int
    accounts: tuple[AccountTotal, ...]
    bases: tuple[Basis, ...]


class LedgerReader:
    """Questions to the ledger at `place`: a SQLite file's path, or the books themselves."""

    def __init__(self, place: Path | Books) -> None:
        self._books = SqliteBooks(place) if isinstance(place, Path) else place

    def accounts(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> list[AccountTotal]:
        """Exact totals by account, by name; see `statement`."""
        return list(self.statement(since, until, as_of).accounts)

    def statement(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> Statement:
        """Totals of the entries that started in [since, until), sealed up to entry `as_of`.

        Without `as_of` the seconds of the open minute are in it as well.

        Raises:
            NotFound: there is no ledger, or no entry `as_of`: not yet, or not any more.
            InvalidInput: `since` or `until` lies within an hour or a day that was rolled up.
            Corrupt, StorageFailed: it cannot be read.
        """
        with self._books.reading() as session:
            asked = _bounds(session, since, until, as_of)
            sums: Sums = {
                row[0]: Posting(row[0], *_exact(row[1:])) for row in _totals(session, asked)
            }
            bases = {row[0] for row in session.execute(_BASES, asked.values)}
            seconds = [] if as_of is not None else _open(session, asked)
        for content, basis in seconds:
            sums = added(sums, postings_of(content))
            bases.add(basis)
        return Statement(
            asked.number,
            asked.digest,
            len(seconds),
            tuple(_total(one) for one in as_postings(sums)),
            tuple(Basis.parse(text) for text in sorted(bases)),
        )

    def shares(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: int | None = None,
    ) -> tuple[Extent, list[Share]]:
        """What each account got on each basis in sealed entries alone, up to `as_of` or the last.

        Raises:
            NotFound: there is no ledger, nothing sealed yet, or no entry `as_of`.
            InvalidInput, Corrupt, StorageFailed: as `statement`.
        """
        with self._books.reading() as session:
            asked = _bounds(session, since, until, as_of)
            if not asked.number:
                raise NotFound("no entry of the ledger is sealed yet: ask again in a minute")
            return extent_of(session, asked.values, asked.digest), shares_of(session, asked.values)

    def entries(
        self,
        after: int = 0,
        limit: int = 100,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Entry]:
        """Up to `limit` entries with numbers above `after` that started in [since, until)."""
        if limit < 1:
            raise InvalidInput(f"limit {limit} is not usable: ask for at least one entry")
        with self._books.reading() as session:
            asked = (after, *_span(since, until), limit)
            rows = session.execute(_ENTRIES, asked).fetchall()
            return [_entry(row, _postings_of(session, row[0])) for row in rows]

    def recent(self, since: datetime, is_wanted: Callable[[Entry], bool]) -> list[Entry]:
        """The wanted entries of times from `since` on, among the last 20,000 (a fortnight).

        `is_wanted` is asked with an entry whose postings are not loaded yet.
        """
        parsed = lru_cache(Basis.parse)  # the minutes of an hour stand on the same few
        with self._books.reading() as session:
            rows = session.execute(_RECENT_ENTRIES, (_RECENT, microseconds(since))).fetchall()
            found = (_entry(row, (), parsed) for row in rows)
            return [
                replace(one, postings=_postings_of(session, one.number))
                for one in found
                if is_wanted(one)
            ]

    def rolled_up_until(self) -> datetime | None:
        """Until when hours and days stand for the minutes; None when nothing was rolled up."""
        with self._books.reading() as session:
            row = session.execute(_ROLLED_UP_UNTIL, (HOUR, DAY)).fetchone()
        return None if row[0] is None else moment_of(row[0])

    def head(self) -> tuple[int, str]:
        """Number and digest of the last sealed entry; number 0 when none is sealed."""
        with self._books.reading() as session:
            return _sealed_up_to(session, None)

    def verify(self) -> list[Finding]:
        """Everything that is wrong with the books; an empty list when they are sound.

        Raises:
            NotFound: there is no ledger.
        """
        try:
            with self._books.auditing() as session:
                damages = self._books.damages(session, SCHEMA)
                return [*(Finding(0, one) for one in damages), *findings(session)]
        except NotFound:
            raise
        except Exception as failure:  # noqa: BLE001 - damage shows as any error of any layer
            return [Finding(0, f"the file cannot be read through: {failure}")]


class _Bounds(NamedTuple):
    """What a statement is about: entries up to a number, that started in a span."""

    number: int
    digest: str
    since_us: int
    until_us: int

    @property
    def values(self) -> tuple[int, int, int]:
        return self.number, self.since_us, self.until_us


def _bounds(
    session: Session, since: datetime | None, until: datetime | None, as_of: int | None
) -> _Bounds:
    number, digest = _sealed_up_to(session, as_of)
    asked = _Bounds(number, digest, *_span(since, until))
    for moment, moment_us in ((since, asked.since_us), (until, asked.until_us)):
        if moment is None:
            continue
        cut = session.execute(_CUT, (HOUR, DAY, moment_us, moment_us)).fetchone()
        if cut is not None:
            raise InvalidInput(
                f"{rfc3339(moment)} lies within {rfc3339(moment_of(cut[0]))} to "
                f"{rfc3339(moment_of(cut[1]))}, of which the ledger keeps one sum: ask from or to "
                "one of these"
            )
    return asked


def _sealed_up_to(session: Session, as_of: int | None) -> tuple[int, str]:
    row = session.execute(_HEAD, (_LAST if as_of is None else as_of,)).fetchone()
    number, digest = row or (0, "")
    if as_of is None:
        return int(number), str(digest)
    within = session.execute(_WITHIN, (as_of, as_of)).fetchone()
    if within is not None:
        raise NotFound(
            f"entry {as_of} was rolled up with entries {within[0]} to {within[1]}: ask as of entry "
            f"{within[1]}"
        )
    if number != as_of:
        raise NotFound(f"entry {as_of} is not sealed yet; the last one is {number}")
    return int(number), str(digest)


def _span(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    return (
        _FIRST if since is None else microseconds(since),
        _LAST if until is None else microseconds(until),
    )


def _totals(session: Session, asked: _Bounds) -> Rows:
    if (asked.since_us, asked.until_us) == (_FIRST, _LAST):
        return session.execute(_ALL_TOTALS, (asked.number,))
    return session.execute(_TOTALS, asked.values)


def _open(session: Session, asked: _Bounds) -> list[tuple[str, str]]:
    return session.execute(_JOURNAL, (asked.since_us, asked.until_us)).fetchall()


def _exact(halves: Sequence[int]) -> tuple[int, int, int]:
    """Nanojoules, nanograms and units from sums that were taken in two halves."""
    nj_high, nj_low, ng_high, ng_low, units = (int(half) for half in halves)
    return _joined(nj_high, nj_low), _joined(ng_high, ng_low), units


def _joined(high: int, low: int) -> int:
    return (high << _HALF) + low


def _entry(
    row: tuple[int, str, int, int, int, str, str, str | None],
    postings: tuple[Posting, ...],
    parse: Callable[[str], Basis] = Basis.parse,
) -> Entry:
    number, kind, started, ended, windows, note, digest, basis = row
    return Entry(
        number,
        kind,
        moment_of(started),
        moment_of(ended),
        windows,
        None if basis is None else parse(basis),
        note,
        digest,
        postings,
    )


def _postings_of(session: Session, number: int) -> tuple[Posting, ...]:
    return tuple(Posting(*row) for row in session.execute(_POSTINGS, (number,)))


def _total(posting: Posting) -> AccountTotal:
    return AccountTotal(posting.account, posting.nj, posting.ng, posting.units)


_BASES = """SELECT DISTINCT b.content FROM entries e JOIN bases b ON b.id = e.basis
 WHERE e.number <= ? AND e.started_us >= ? AND e.started_us < ?"""
_JOURNAL = """SELECT j.content, b.content FROM journal j JOIN bases b ON b.id = j.basis
 WHERE j.started_us >= ? AND j.started_us < ? ORDER BY j.number"""
_CUT = """SELECT started_us, ended_us FROM entries
 WHERE kind IN (?, ?) AND started_us < ? AND ended_us > ? ORDER BY number LIMIT 1"""
_WITHIN = """SELECT first_number, last_number FROM rollups
 WHERE first_number <= ? AND last_number > ?"""
_ROLLED_UP_UNTIL = "SELECT MAX(ended_us) FROM entries WHERE kind IN (?, ?)"
_HEAD = "SELECT number, digest FROM entries WHERE number <= ? ORDER BY number DESC LIMIT 1"
_ENTRIES = """SELECT e.number, e.kind, e.started_us, e.ended_us, e.windows, e.note, e.digest,
 b.content FROM entries e LEFT JOIN bases b ON b.id = e.basis
 WHERE e.number > ? AND e.started_us >= ? AND e.started_us < ? ORDER BY e.number LIMIT ?"""
_RECENT_ENTRIES = """SELECT e.number, e.kind, e.started_us, e.ended_us, e.windows, e.note, e.digest,
 b.content FROM entries e LEFT JOIN bases b ON b.id = e.basis
 WHERE e.number > (SELECT COALESCE(MAX(number), 0) FROM entries) - ? AND e.started_us >= ?
 ORDER BY e.number"""
_POSTINGS = """SELECT a.name, p.nj, p.ng, p.units
 FROM postings p JOIN accounts a ON a.id = p.account
 WHERE p.entry = ? ORDER BY a.name"""

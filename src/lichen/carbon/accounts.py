"""The reader of the ledger: exact totals by account, entries page by page, and verification (L3).

It opens the file read-only for each question, so any process may ask while the supervisor writes.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from lichen.carbon.chain import lenient, microseconds, moment_of, postings_of
from lichen.carbon.postings import Basis, Posting, Sums, added, as_postings
from lichen.carbon.shares import Extent, Share, extent_of, shares_of
from lichen.carbon.verification import Finding, findings
from lichen.core.errors import InvalidInput, NotFound
from lichen.store.failures import database_failures

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
    """One sealed entry: a minute, a gap, a stop or an adjustment."""

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
    """Questions to the ledger at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

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
            NotFound: there is no ledger, or no entry `as_of` yet.
            Corrupt, StorageFailed: it cannot be read.
        """
        span = (
            _FIRST if since is None else microseconds(since),
            _LAST if until is None else microseconds(until),
        )
        with self._reading() as connection:
            number, digest = self._sealed_up_to(connection, as_of)
            bounds = (number, *span)
            sums: Sums = {
                row[0]: Posting(row[0], _joined(row[1], row[2]), _joined(row[3], row[4]), row[5])
                for row in _totals(connection, bounds)
            }
            bases = {row[0] for row in connection.execute(_BASES, bounds)}
            seconds = [] if as_of is not None else connection.execute(_JOURNAL, span).fetchall()
        for content, basis in seconds:
            sums = added(sums, postings_of(content))
            bases.add(basis)
        return Statement(
            number,
            digest,
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
            NotFound: there is no ledger, nothing sealed yet, or no entry `as_of` yet.
            Corrupt, StorageFailed: it cannot be read.
        """
        span = (
            _FIRST if since is None else microseconds(since),
            _LAST if until is None else microseconds(until),
        )
        with self._reading() as connection:
            number, digest = self._sealed_up_to(connection, as_of)
            if not number:
                raise NotFound("no entry of the ledger is sealed yet: ask again in a minute")
            bounds = (number, *span)
            return extent_of(connection, bounds, digest), shares_of(connection, bounds)

    def entries(self, after: int = 0, limit: int = 100) -> list[Entry]:
        """Up to `limit` entries with numbers above `after`, in order."""
        if limit < 1:
            raise InvalidInput(f"limit {limit} is not usable: ask for at least one entry")
        with self._reading() as connection:
            rows = connection.execute(_ENTRIES, (after, limit)).fetchall()
            return [_entry(row, _postings_of(connection, row[0])) for row in rows]

    def recent(self, since: datetime, is_wanted: Callable[[Entry], bool]) -> list[Entry]:
        """The wanted entries of times from `since` on, among the last 20,000 (a fortnight).

        `is_wanted` is asked with an entry whose postings are not loaded yet.
        """
        parsed = lru_cache(Basis.parse)  # the minutes of an hour stand on the same few
        with self._reading() as connection:
            rows = connection.execute(_RECENT_ENTRIES, (_RECENT, microseconds(since))).fetchall()
            found = (_entry(row, (), parsed) for row in rows)
            return [
                replace(one, postings=_postings_of(connection, one.number))
                for one in found
                if is_wanted(one)
            ]

    def head(self) -> tuple[int, str]:
        """Number and digest of the last sealed entry; number 0 when none is sealed."""
        with self._reading() as connection:
            return self._sealed_up_to(connection, None)

    def verify(self) -> list[Finding]:
        """Everything that is wrong with the books; an empty list when they are sound."""
        if not self._path.exists():
            raise _no_ledger(self._path)
        try:
            with self._reading() as connection:
                return findings(lenient(connection))
        except Exception as failure:  # noqa: BLE001 - damage shows as any error of any layer
            return [Finding(0, f"the file cannot be read through: {failure}")]

    @staticmethod
    def _sealed_up_to(connection: sqlite3.Connection, as_of: int | None) -> tuple[int, str]:
        row = connection.execute(_HEAD, (_LAST if as_of is None else as_of,)).fetchone()
        number, digest = row or (0, "")
        if as_of is not None and number != as_of:
            raise NotFound(f"entry {as_of} is not sealed yet; the last one is {number}")
        return int(number), str(digest)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not self._path.exists():
            raise _no_ledger(self._path)
        with database_failures(self._path):
            connection = self._connected()
            try:
                yield connection
            finally:
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        """A connection within one snapshot for all its statements."""
        where = self._path.absolute().as_uri()
        try:
            return _opened(f"{where}?mode=ro")
        except sqlite3.OperationalError as failure:
            # On a read-only disk SQLite cannot share the file, and need not: nobody writes it.
            unshared = failure.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CANTOPEN
            if not unshared or self._path.with_name(f"{self._path.name}-wal").exists():
                raise
            return _opened(f"{where}?immutable=1")


def _totals(connection: sqlite3.Connection, bounds: tuple[int, int, int]) -> sqlite3.Cursor:
    if bounds[1:] == (_FIRST, _LAST):
        return connection.execute(_ALL_TOTALS, bounds[:1])
    return connection.execute(_TOTALS, bounds)


def _joined(high: int, low: int) -> int:
    return (high << _HALF) + low


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


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


def _postings_of(connection: sqlite3.Connection, number: int) -> tuple[Posting, ...]:
    return tuple(Posting(*row) for row in connection.execute(_POSTINGS, (number,)))


def _total(posting: Posting) -> AccountTotal:
    return AccountTotal(posting.account, posting.nj, posting.ng, posting.units)


def _no_ledger(path: Path) -> NotFound:
    return NotFound(f"there is no ledger at {path}: start the platform once with `lichen up`")


_BASES = """SELECT DISTINCT b.content FROM entries e JOIN bases b ON b.id = e.basis
 WHERE e.number <= ? AND e.started_us >= ? AND e.started_us < ?"""
_JOURNAL = """SELECT j.content, b.content FROM journal j JOIN bases b ON b.id = j.basis
 WHERE j.started_us >= ? AND j.started_us < ? ORDER BY j.number"""
_HEAD = "SELECT number, digest FROM entries WHERE number <= ? ORDER BY number DESC LIMIT 1"
_ENTRIES = """SELECT e.number, e.kind, e.started_us, e.ended_us, e.windows, e.note, e.digest,
 b.content FROM entries e LEFT JOIN bases b ON b.id = e.basis
 WHERE e.number > ? ORDER BY e.number LIMIT ?"""
_RECENT_ENTRIES = """SELECT e.number, e.kind, e.started_us, e.ended_us, e.windows, e.note, e.digest,
 b.content FROM entries e LEFT JOIN bases b ON b.id = e.basis
 WHERE e.number > (SELECT COALESCE(MAX(number), 0) FROM entries) - ? AND e.started_us >= ?
 ORDER BY e.number"""
_POSTINGS = """SELECT a.name, p.nj, p.ng, p.units
 FROM postings p JOIN accounts a ON a.id = p.account
 WHERE p.entry = ? ORDER BY a.name"""

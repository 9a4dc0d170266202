"""The ledger's tables, and the bytes that its hash chain is made of (L3).

Every digest covers the one before it and the whole content of its record, account names and basis
spelled out: a byte changed anywhere in the books breaks the chain where it was changed. The SQL is
such that PostgreSQL takes it too; 64-bit sums are taken in two halves, so they never overflow.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from lichen.carbon.ledger.postings import Posting

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS books (format BIGINT NOT NULL, seed TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS bases (id BIGINT PRIMARY KEY, content TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS accounts (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS entries (number BIGINT PRIMARY KEY, kind TEXT NOT NULL,"
    " started_us BIGINT NOT NULL, ended_us BIGINT NOT NULL, windows BIGINT NOT NULL,"
    " basis BIGINT, note TEXT NOT NULL, digest TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS postings (entry BIGINT NOT NULL, account BIGINT NOT NULL,"
    " nj BIGINT NOT NULL, ng BIGINT NOT NULL, units BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS postings_of_entry ON postings (entry)",
    "CREATE TABLE IF NOT EXISTS journal (number BIGINT PRIMARY KEY, started_us BIGINT NOT NULL,"
    " ended_us BIGINT NOT NULL, basis BIGINT NOT NULL, content TEXT NOT NULL,"
    " digest TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS rollups (first_number BIGINT PRIMARY KEY,"
    " last_number BIGINT NOT NULL, span_us BIGINT NOT NULL, digest_before TEXT NOT NULL,"
    " digest_after TEXT NOT NULL, digest TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS keeping (opened_us BIGINT NOT NULL, digest TEXT NOT NULL)",
)
FORMAT = 1

SECOND = "second"
"""One window of the open minute, in the journal."""
MINUTE = "minute"
"""A sealed minute (or the part of one that has the same basis)."""
GAP = "gap"
"""Time in which nobody metered, because a writer ended without closing."""
STOP = "stop"
"""The writer closed the books properly."""
ADJUSTMENT = "adjustment"
"""Grams corrected after the fact, with a note that says why."""
HOUR = "hour"
"""The minutes of an hour on one basis, rolled up into their exact sums."""
DAY = "day"
"""The hours of a day on one basis, rolled up."""
ROLLUP = "rollup"
"""What entries were rolled up, and the digest of what stands for them: it vouches for a roll-up."""
SUMMED = (MINUTE, HOUR, DAY)
"""Kinds that hold what was metered, at whatever length."""

ROLLED_UP_HOUR_US = 3_600_000_000
ROLLED_UP_DAY_US = 24 * ROLLED_UP_HOUR_US
ROLLED_UP_KIND = {ROLLED_UP_HOUR_US: HOUR, ROLLED_UP_DAY_US: DAY}
"""Length of a roll-up's spans, and the kind of its entries."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """UTC microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds_: int) -> datetime:
    """The UTC moment that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=microseconds_)


@dataclass(frozen=True, slots=True)
class Record:
    """What one digest covers: an entry, or one second of the open minute (kind `second`)."""

    number: int
    kind: str
    started_us: int
    ended_us: int
    windows: int
    basis: str
    note: str
    content: str

    def digest(self, previous: str) -> str:
        """SHA-256 over the digest before this one and everything in this record."""
        return _digest(
            [
                previous,
                self.number,
                self.kind,
                self.started_us,
                self.ended_us,
                self.windows,
                self.basis,
                self.note,
                self.content,
            ]
        )


@dataclass(frozen=True, slots=True)
class RolledUp:
    """Entries `first` to `last` of the chain, which a few rows of exact sums stand for.

    The chain goes on from `after`, the digest of entry `last`, as it went on to entry `first` from
    `before`. Each row has the number and the digest of the last entry in it.
    """

    first: int
    last: int
    span_us: int
    before: str
    after: str

    def digest(self, rows: Iterable[tuple[Record, str]]) -> str:
        """SHA-256 over this and everything in the rows that stand for it."""
        return _digest(
            [
                self.before,
                self.first,
                self.last,
                self.span_us,
                self.after,
                *(row.digest(digest) for row, digest in rows),
            ]
        )

    def voucher(self, digest: str) -> str:
        """The note of the entry that vouches for it further on in the chain."""
        kind = ROLLED_UP_KIND.get(self.span_us, str(self.span_us))
        return f"entries {self.first} to {self.last} were rolled up by the {kind}: {digest}"


def keeping_digest(seed: str, opened_us: int) -> str:
    """What guards the mark that a keeper has these books open."""
    return _digest([seed, "keeping", opened_us])


def _digest(told: list[str | int]) -> str:
    payload = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    # A byte changed into half a character must break the chain, not this function.
    return sha256(payload.encode(errors="surrogateescape")).hexdigest()


def content_of(postings: Iterable[Posting]) -> str:
    """Postings as canonical text, by account name."""
    rows = sorted((one.account, one.nj, one.ng, one.units) for one in postings)
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def postings_of(content: str) -> tuple[Posting, ...]:
    """The postings that `content_of` wrote.

    Raises:
        ValueError, TypeError: it was not written by it.
    """
    return tuple(
        Posting(str(account), int(nj), int(ng), int(units))
        for account, nj, ng, units in json.loads(content)
    )


def first_digest(format_: int, seed: str) -> str:
    """What the chain of these books starts from."""
    return sha256(f"lichen ledger {format_} {seed}".encode(errors="surrogateescape")).hexdigest()

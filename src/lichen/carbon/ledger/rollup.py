"""Roll old entries up: exact sums by hour, later by day, stand for them; the chain goes on (L3).

What is summed: the minutes of one hour (the hours of one day) that follow each other on one basis
become one entry, whose postings are their sums by account. Every basis survives, so intervals and
intensities stay provable, and no gram is computed anew. Gaps, stops and adjustments stay.

Why it can be trusted: a roll-up keeps the numbers of its first and last entry and the digests
before and after them, and an entry further on in the chain vouches for the digest of its rows.
Nobody can change a sum without rewriting the chain from there on.
"""

from collections.abc import Hashable, Iterable
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta

from lichen.carbon.ledger.books import Session
from lichen.carbon.ledger.chain import (
    HOUR,
    MINUTE,
    ROLLED_UP_DAY_US,
    ROLLED_UP_HOUR_US,
    ROLLED_UP_KIND,
    ROLLUP,
    SUMMED,
    Record,
    RolledUp,
    microseconds,
)
from lichen.carbon.ledger.chain_writer import ChainWriter, ended_us
from lichen.carbon.ledger.gathering import Draft, Gathering
from lichen.carbon.ledger.rows import Row, roll_ups, start_of
from lichen.carbon.ledger.verification import Walk
from lichen.core.errors import Corrupt

_MOST_ENTRIES = 500
"""Entries that one transaction rolls up at most, so that no other writer waits for long."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long minutes and hours are kept; None for ever. Days are kept for ever."""

    minutes: timedelta | None = None
    hours: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries that stay together when it is decided what to roll up.

    `span` is the hour (day) of what was metered in it, counted from 1970; None if nothing was.
    """

    first: int
    last: int
    span: int | None
    ended_us: int


def chosen(pieces: Iterable[Piece], limit_us: int, *, is_full: bool) -> tuple[int, int] | None:
    """First and last entry of the oldest whole hour (day) that ended by `limit_us`, if any. Pure.

    Args:
        pieces: in the order of the chain, from the first entry that was not rolled up yet.
        limit_us: what is younger stays.
        is_full: there are more pieces than these, which are as many as may be rolled up at once.
    """
    taken: list[Piece] = []
    span: int | None = None
    for piece in pieces:
        if span is not None and piece.span is not None and piece.span > span:
            return taken[0].first, taken[-1].last  # whole: the next one has begun
        if piece.ended_us > limit_us:
            return None
        span = piece.span if span is None else span
        taken.append(piece)
    return (taken[0].first, taken[-1].last) if is_full and taken else None


class RollUp:
    """Rolls up within one transaction of a ledger's writer."""

    def __init__(self, session: Session, writer: ChainWriter) -> None:
        self._session = session
        self._writer = writer

    def step(self, retention: Retention, now: datetime) -> bool:
        """Roll one hour up, or else one day; False if there is nothing to do."""
        if retention.minutes is not None:
            found = self._old_hour(microseconds(now - retention.minutes))
            if found is not None:
                self._replace(*found, ROLLED_UP_HOUR_US)
                return True
        if retention.hours is not None:
            found = self._old_day(microseconds(now - retention.hours))
            if found is not None:
                self._replace(*found, ROLLED_UP_DAY_US)
                return True
        return False

    def _old_hour(self, limit_us: int) -> tuple[int, int] | None:
        done = self._session.execute(_ROLLED_UP_TO).fetchone()[0] or 0
        rows = self._session.execute(_AFTER, (done, _MOST_ENTRIES)).fetchall()
        pieces = (
            Piece(number, number, _hour(kind, started), ended)
            for number, kind, started, ended in rows
        )
        return chosen(pieces, limit_us, is_full=len(rows) == _MOST_ENTRIES)

    def _old_day(self, limit_us: int) -> tuple[int, int] | None:
        rows = self._session.execute(_HOURS, (HOUR, ROLLED_UP_HOUR_US, _MOST_ENTRIES)).fetchall()
        pieces = (
            Piece(first, last, None if started is None else started // ROLLED_UP_DAY_US, ended or 0)
            for first, last, started, ended in rows
        )
        return chosen(pieces, limit_us, is_full=len(rows) == _MOST_ENTRIES)

    def _replace(self, first: int, last: int, span_us: int) -> None:
        found = self._sound(first, last)
        still_vouched = {
            kept.rolled_up.voucher(kept.digest)
            for kept in roll_ups(self._session, 1)
            if not first <= kept.rolled_up.first <= last
        }
        gathering = Gathering()
        for row in found:
            record = row.record
            is_past = record.kind == ROLLUP and record.note not in still_vouched
            if not is_past or record.number == last:
                gathering.follow(*_placed(record, span_us), row.postings)
        for statement in _FORGET:
            self._session.execute(statement, (first, last))
        digests = {row.record.number: row.digest for row in found}
        written = [self._write(draft, digests[draft.last]) for draft in gathering.drafts()]
        made = RolledUp(first, last, span_us, self._before(first), digests[last])
        digest = made.digest(sorted(written, key=lambda one: one[0].number))
        self._session.execute(_KEEP, (*astuple(made), digest))
        self._writer.sealed(self._session)
        at = ended_us(self._session)  # no later than what is booked: it moves no span's end
        self._writer.entered(self._session, Draft(ROLLUP, at, at, 0, "", made.voucher(digest), ()))

    def _write(self, draft: Draft, digest: str) -> tuple[Record, str]:
        record = draft.record(draft.last)
        self._writer.row(self._session, record, digest, draft.postings)
        return record, digest

    def _sound(self, first: int, last: int) -> list[Row]:
        """The entries, if they are what was booked: damage must not be rolled up into a sum."""
        seen: list[Row] = []
        wrong = Walk(self._session, first, self._before(first), seen=seen).findings(last)
        if wrong:
            raise Corrupt(
                f"{wrong[0].what}, so it is not rolled up: run `lichen ledger verify`, and restore "
                "the ledger from a backup"
            )
        return seen

    def _before(self, first: int) -> str:
        """The digest that entry `first` is linked to."""
        if first == 1:
            return start_of(self._session)
        row = self._session.execute(_DIGEST, (first - 1,)).fetchone()
        return "" if row is None else str(row[0])


def _placed(record: Record, span_us: int) -> tuple[Hashable, Record]:
    """With what it is added up, and as what; a gap, a stop or an adjustment stays alone."""
    if record.kind not in SUMMED:
        return record.number, record
    kind = ROLLED_UP_KIND[span_us]
    return (record.started_us // span_us, record.basis), replace(record, kind=kind)


def _hour(kind: str, started_us: int) -> int | None:
    return started_us // ROLLED_UP_HOUR_US if kind == MINUTE else None


_ROLLED_UP_TO = "SELECT MAX(last_number) FROM rollups"
_AFTER = """SELECT number, kind, started_us, ended_us FROM entries
 WHERE number > ? ORDER BY number LIMIT ?"""
_HOURS = """SELECT r.first_number, r.last_number, MIN(e.started_us), MAX(e.ended_us)
 FROM rollups r LEFT JOIN entries e
 ON e.number >= r.first_number AND e.number <= r.last_number AND e.kind = ?
 WHERE r.span_us = ? GROUP BY r.first_number, r.last_number ORDER BY r.first_number LIMIT ?"""
_DIGEST = "SELECT digest FROM entries WHERE number = ?"
_KEEP = """INSERT INTO rollups
 (first_number, last_number, span_us, digest_before, digest_after, digest)
 VALUES (?, ?, ?, ?, ?, ?)"""
_FORGET = (
    "DELETE FROM postings WHERE entry BETWEEN ? AND ?",
    "DELETE FROM entries WHERE number BETWEEN ? AND ?",
    "DELETE FROM rollups WHERE first_number BETWEEN ? AND ?",
)

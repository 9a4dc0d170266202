"""What each account got on each basis: sums of sealed entries, from which reports are made (L3)."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from lichen.carbon.ledger.books import Session
from lichen.carbon.ledger.chain import moment_of
from lichen.carbon.ledger.postings import Basis

Bounds = tuple[int, int, int]
"""The last entry's number, and microseconds since 1970 from which and before which entries began.
"""

_HALF = 32


@dataclass(frozen=True, slots=True)
class Share:
    """One account's sum over the entries of one basis; an adjustment moves grams alone."""

    account: str
    basis: Basis
    is_adjustment: bool
    nj: int
    ng: int
    units: int


@dataclass(frozen=True, slots=True)
class Extent:
    """How far the sealed entries of a span reach.

    `digest` is that of entry `as_of`. `first` and `last` are the ends of the entries of the span,
    None when it holds none; `ledger_ends` is that of all entries up to `as_of`. `metered_us` is
    the time that windows cover; `gaps` counts spells in which nobody metered, `gap_us` their
    length.
    """

    as_of: int
    digest: str
    first: datetime | None
    last: datetime | None
    ledger_ends: datetime
    metered_us: int
    gaps: int
    gap_us: int


def extent_of(session: Session, bounds: Bounds, digest: str) -> Extent:
    """What the span's entries reach over."""
    first, last, metered, gaps, gap = session.execute(_EXTENT, bounds).fetchone()
    ends = session.execute(_ENDS, bounds[:1]).fetchone()[0]
    return Extent(
        bounds[0],
        digest,
        None if first is None else moment_of(first),
        None if last is None else moment_of(last),
        moment_of(ends or 0),
        metered or 0,
        gaps or 0,
        gap or 0,
    )


def shares_of(session: Session, bounds: Bounds) -> list[Share]:
    """The sums, by account, then by basis."""
    parse = lru_cache(maxsize=None)(Basis.parse)
    return [
        Share(
            account,
            parse(basis),
            bool(is_adjustment),
            (int(nj_high) << _HALF) + int(nj_low),
            (int(ng_high) << _HALF) + int(ng_low),
            int(units),
        )
        for account, basis, is_adjustment, nj_high, nj_low, ng_high, ng_low, units in (
            session.execute(_SHARES, bounds)
        )
    ]


_SHARES = """SELECT a.name, b.content, s.adjusted, s.nj_high, s.nj_low, s.ng_high, s.ng_low,
 s.units FROM (SELECT p.account AS account, e.basis AS basis,
 CASE WHEN e.kind = 'adjustment' THEN 1 ELSE 0 END AS adjusted,
 SUM(p.nj >> 32) AS nj_high, SUM(p.nj & 4294967295) AS nj_low,
 SUM(p.ng >> 32) AS ng_high, SUM(p.ng & 4294967295) AS ng_low, SUM(p.units) AS units
 FROM postings p JOIN entries e ON e.number = p.entry
 WHERE e.number <= ? AND e.started_us >= ? AND e.started_us < ?
 GROUP BY p.account, e.basis, CASE WHEN e.kind = 'adjustment' THEN 1 ELSE 0 END) s
 JOIN accounts a ON a.id = s.account JOIN bases b ON b.id = s.basis
 ORDER BY a.name, b.content, s.adjusted"""
_EXTENT = """SELECT MIN(e.started_us), MAX(e.ended_us),
 SUM(CASE WHEN e.windows > 0 THEN e.ended_us - e.started_us ELSE 0 END),
 SUM(CASE WHEN e.kind = 'gap' THEN 1 ELSE 0 END),
 SUM(CASE WHEN e.kind = 'gap' THEN e.ended_us - e.started_us ELSE 0 END)
 FROM entries e WHERE e.number <= ? AND e.started_us >= ? AND e.started_us < ?"""
_ENDS = "SELECT MAX(ended_us) FROM entries WHERE number <= ?"

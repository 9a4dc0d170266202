"""Add records of the chain up into fewer ones: seconds into minutes, minutes into hours (L3)."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from lichen.carbon.ledger.chain import Record, content_of
from lichen.carbon.ledger.postings import Posting

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """What becomes one entry; `last` is the number of the last record in it."""

    kind: str
    started_us: int
    ended_us: int
    windows: int
    basis: str
    note: str
    postings: Sequence[Posting]
    last: int = 0

    def record(self, number: int) -> Record:
        """It as the entry of that number, ready for its digest."""
        return Record(
            number,
            self.kind,
            self.started_us,
            self.ended_us,
            self.windows,
            self.basis,
            self.note,
            content_of(self.postings),
        )


Member = tuple[Record, Sequence[Posting]]


class Gathering:
    """Groups of members, in the order in which they were begun."""

    def __init__(self) -> None:
        self._groups: list[list[Member]] = []
        self._open: dict[Hashable, list[Member]] = {}

    def add(self, key: Hashable, record: Record, postings: Sequence[Posting]) -> None:
        """Add a record to the group of its key."""
        group = self._open.get(key)
        if group is None:
            group = self._open[key] = []
            self._groups.append(group)
        group.append((record, postings))

    def follow(self, key: Hashable, record: Record, postings: Sequence[Posting]) -> None:
        """As `add`, if it begins when the last of the group ended: else it begins a group.

        So the time that the drafts cover, summed, is that of their members.
        """
        group = self._open.get(key)
        if group is not None and group[-1][0].ended_us != record.started_us:
            del self._open[key]
        self.add(key, record, postings)

    def drafts(self) -> list[Draft]:
        """One draft a group; more where 64 bits would not hold a sum."""
        return [draft for members in self._groups for draft in _drafts(members)]


def _drafts(members: Sequence[Member]) -> list[Draft]:
    sums = _summed(members)
    is_too_large = any(max(map(abs, numbers)) > _LARGEST for numbers in sums.values())
    if is_too_large and len(members) > 1:
        half = len(members) // 2
        return [*_drafts(members[:half]), *_drafts(members[half:])]
    records = [record for record, _ in members]
    return [
        Draft(
            records[0].kind,
            min(record.started_us for record in records),
            max(record.ended_us for record in records),
            sum(record.windows for record in records),
            records[0].basis,
            records[0].note,
            tuple(Posting(name, *sums[name]) for name in sorted(sums) if any(sums[name])),
            records[-1].number,
        )
    ]


def _summed(members: Sequence[Member]) -> dict[str, list[int]]:
    sums: dict[str, list[int]] = {}
    for _, postings in members:
        for one in postings:  # in place: a hundred accounts come sixty times a minute
            held = sums.get(one.account)
            if held is None:
                sums[one.account] = [one.nj, one.ng, one.units]
            else:
                held[0] += one.nj
                held[1] += one.ng
                held[2] += one.units
    return sums

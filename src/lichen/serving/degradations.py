"""Counts the requests that a cheaper deployment answered, by the hour: what savings are told from.

Counted on the event loop, written by the thread that follows the store. A kill loses what was not
written yet, some seconds of counts: savings are told lower by them, and nothing else is.
"""

from dataclasses import dataclass

import msgspec

from lichen.carbon.levers import DEGRADED, DegradedRequests
from lichen.core.clock import Clock
from lichen.core.errors import Conflict
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore


@dataclass(slots=True)
class Instead:
    """How often one deployment answered for another in this process, and how much is written."""

    asked: str
    answered_by: str
    requests: int = 0
    written: int = 0


class Degradations:
    """The counts of one process, and where they are written."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._counted: dict[tuple[str, str], Instead] = {}

    def of(self, asked: str, answered_by: str) -> Instead:
        """The count of a pair, the same object each time."""
        key = (asked, answered_by)
        known = self._counted.get(key)
        if known is None:
            known = self._counted.setdefault(key, Instead(asked, answered_by))
        return known

    def write(self) -> None:
        """Add to the hour that is now what was counted since the last time.

        Raises:
            StorageFailed: the disk does not take it; it is kept for the next time.
        """
        hour = self._clock.now().replace(minute=0, second=0, microsecond=0)
        for one in list(self._counted.values()):
            fresh = one.requests - one.written
            if not fresh:
                continue
            try:
                self._add(DegradedRequests(hour, one.asked, one.answered_by, fresh))
            except Conflict:
                continue  # another process wrote in this moment: the next time
            one.written += fresh

    def _add(self, more: DegradedRequests) -> None:
        document = self._documents.get(DEGRADED, more.key)
        there, seen = 0, MUST_NOT_EXIST
        if document is not None:
            there = msgspec.json.decode(document.body, type=DegradedRequests).requests
            seen = document.version
        whole = DegradedRequests(more.hour, more.asked, more.answered_by, there + more.requests)
        self._documents.commit([Change(DEGRADED, more.key, msgspec.json.encode(whole), seen)])

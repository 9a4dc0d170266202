"""The running numbers of one record: kept here, and stored in the mapped file at every event.

`add` is for one thread: the event loop's. Each number is stored by itself, as one aligned word:
`struct.pack_into` clears what it is about to write, and whoever looks then sees counters at 0.
"""

from bisect import bisect_left
from time import time_ns

from lichen.core.events import ANSWERED, Answered, Ran
from lichen.monitoring.layout import (
    BATCH_SUMS,
    COMPUTE_BUCKETS_WORD,
    NS_BOUNDS,
    OUTCOMES,
    ROWS_BOUNDS,
    ROWS_BUCKETS_WORD,
    SIZES,
    SIZES_WORD,
    SUMS,
    SUMS_AT,
    TOTAL_BUCKETS_WORD,
    WAITING_WORD,
    WORD,
)
from lichen.monitoring.slots import Slot

_OUTCOME_WORD = {name: word for word, name in enumerate(OUTCOMES)}
_ANY_OTHER = len(OUTCOMES) - 1
_NS_PER_MS = 1_000_000


class Series:
    """What one tenant asked of one variant: outcomes, durations, energy, carbon."""

    __slots__ = (
        *("_answered", "_compute_buckets", "_compute_ns", "_failed_ns", "_ng", "_nj", "_outcomes"),
        *("_queue_ns", "_rows", "_sums", "_total_buckets", "_total_ns", "_words"),
    )

    def __init__(self, slot: Slot, at: int) -> None:
        self._words, self._sums = slot.words, (at + SUMS_AT) // WORD
        first = self._outcomes = at // WORD
        self._total_buckets = first + TOTAL_BUCKETS_WORD
        self._compute_buckets = first + COMPUTE_BUCKETS_WORD
        sums = SUMS.unpack_from(slot.mapped, at + SUMS_AT)
        self._answered, self._rows, self._queue_ns, self._compute_ns = sums[:4]
        self._total_ns, self._failed_ns, self._nj, self._ng = sums[4:]

    def add(self, event: Answered) -> None:
        """Count one request; once this returns, a `kill -9` cannot lose it."""
        words, sums, total_ns = self._words, self._sums, event.total_ns
        if event.outcome == ANSWERED:
            compute_ns = event.compute_ns
            words[self._total_buckets + bisect_left(NS_BOUNDS, total_ns)] += 1
            words[self._compute_buckets + bisect_left(NS_BOUNDS, compute_ns)] += 1
            self._answered += 1
            self._rows += event.rows
            self._queue_ns += event.queue_ns
            self._compute_ns += compute_ns
            self._total_ns += total_ns
            words[sums] = self._answered
            words[sums + 1] = self._rows
            words[sums + 2] = self._queue_ns
            words[sums + 3] = self._compute_ns
            words[sums + 4] = self._total_ns
        else:
            words[self._outcomes + _OUTCOME_WORD.get(event.outcome, _ANY_OTHER)] += 1
            self._failed_ns += total_ns
            words[sums + 5] = self._failed_ns
        if event.nj is not None:
            self._nj += event.nj
            words[sums + 6] = self._nj
        if event.ng is not None:
            self._ng += event.ng
            words[sums + 7] = self._ng


class Batches:
    """The batches of one variant, and how many requests wait for it."""

    __slots__ = (*("_batches", "_cpu_ns", "_first", "_rows", "_wall_ns", "_words"),)

    def __init__(self, slot: Slot, at: int) -> None:
        self._words, self._first = slot.words, at // WORD
        sums = BATCH_SUMS.unpack_from(slot.mapped, at)
        self._batches, self._rows, self._cpu_ns, self._wall_ns = sums[:4]

    def add(self, event: Ran) -> None:
        """Count one batch."""
        words, first, rows = self._words, self._first, event.rows
        self._batches += 1
        self._rows += rows
        self._cpu_ns += event.cpu_ns
        wall_ns = event.wall_ns
        self._wall_ns += wall_ns
        if 0 < rows <= SIZES:  # the reader puts these into their buckets
            size = first + SIZES_WORD + 2 * (rows - 1)
            words[size] += 1
            words[size + 1] += wall_ns
        else:
            words[first + ROWS_BUCKETS_WORD + bisect_left(ROWS_BOUNDS, rows)] += 1
        words[first] = self._batches
        words[first + 1] = self._rows
        words[first + 2] = self._cpu_ns
        words[first + 3] = self._wall_ns
        words[first + 4] = time_ns() // _NS_PER_MS

    def waits(self, requests: int) -> None:
        """So many requests wait now."""
        self._words[self._first + WAITING_WORD] = requests

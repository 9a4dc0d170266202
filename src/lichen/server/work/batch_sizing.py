"""How many rows to compute at once where nobody waits: as many as cost the least CPU time a row.

Measured on the first rows of the job, and kept for each variant and processor, so that later jobs
need not measure again, and give the same bits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

import msgspec

from lichen.core.errors import Conflict
from lichen.store.documents import Change, DocumentStore

SIZES = (1, 8, 32, 128, 512, 2048)
"""Rows that are tried at once."""
RUNS = 3
MOST_TRIAL_NS = 2_000_000_000
"""A size that should take longer than this is not tried."""
_NEARLY = 1.03
CHUNK_NS = 5_000_000_000
"""A chunk, which is what a kill costs at most, aims at so much CPU time."""
MOST_CHUNK_ROWS = 65_536
MOST_CHUNK_VALUES = 1_000_000
SIZINGS = "batch-sizes"
"""Document collection of `Sizing`, by `MODEL@VERSION/VARIANT/THREADS`."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """How a variant is best asked for many rows on a processor.

    Attributes:
        processor: where that was measured.
        batch_rows: computed at once.
        row_ns: CPU nanoseconds of one row then.
    """

    processor: str
    batch_rows: int
    row_ns: float


def trials(rows: int) -> Iterator[int]:
    """The sizes to measure where there are so many rows."""
    yield from (size for size in SIZES if size <= max(1, rows))


def is_worth_trying(size: int, row_ns: float) -> bool:
    """May a size be measured, when a row took so long in the last one?"""
    return size * row_ns * RUNS <= MOST_TRIAL_NS


def cheapest(row_ns: Mapping[int, float]) -> int:
    """The smallest size whose rows cost within 3 % of the cheapest; pure.

    Args:
        row_ns: CPU nanoseconds of a row, by the rows that were computed at once.
    """
    least = min(row_ns.values(), default=inf)
    return min((size for size, cost in row_ns.items() if cost <= _NEARLY * least), default=1)


def chunk_rows(sizing: Sizing, values_per_row: int) -> int:
    """Rows of a chunk: a power of two times the batch, some seconds of work, not too much memory.

    Args:
        sizing: what a row takes.
        values_per_row: numbers that go in and come out.
    """
    by_time = CHUNK_NS / max(1.0, sizing.row_ns)
    by_memory = MOST_CHUNK_VALUES / max(1, values_per_row)
    most = min(by_time, by_memory, MOST_CHUNK_ROWS)
    rows = sizing.batch_rows
    while rows * 2 <= most:
        rows *= 2
    return rows


def kept_sizing(documents: DocumentStore, variant: str, processor: str) -> Sizing | None:
    """What was measured of a variant on this processor; None when nothing was."""
    document = documents.get(SIZINGS, variant)
    if document is None:
        return None
    try:
        kept = msgspec.json.decode(document.body, type=Sizing)
    except msgspec.MsgspecError:  # of another release: measure again
        return None
    return kept if kept.processor == processor else None


def keep_sizing(documents: DocumentStore, variant: str, sizing: Sizing) -> Sizing:
    """Keep what was measured, unless another job was quicker; what is kept now."""
    document = documents.get(SIZINGS, variant)
    expect = 0 if document is None else document.version
    try:
        documents.commit([Change(SIZINGS, variant, msgspec.json.encode(sizing), expect)])
    except Conflict:
        return kept_sizing(documents, variant, sizing.processor) or sizing
    return sizing

"""What all workers counted, summed over their files: the same in whichever process asks."""

import mmap
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lichen.core.events import ANSWERED
from lichen.energy.counters import start_ticks
from lichen.monitoring.layout import (
    BATCH_SUM_WORDS,
    COMPUTE_BUCKETS_WORD,
    FILE_BYTES,
    MAGIC,
    MAGIC_WORD,
    OUTCOME_WORDS,
    OUTCOMES,
    PID_WORD,
    ROWS_BOUNDS,
    ROWS_BUCKETS,
    ROWS_BUCKETS_WORD,
    SECONDS_BUCKETS,
    SERIES,
    SIZES,
    SIZES_WORD,
    STARTED_WORD,
    SUBJECTS,
    SUM_WORDS,
    TICKS_WORD,
    TOTAL_BUCKETS_WORD,
    WAITING_WORD,
    WORD,
    Shape,
)
from lichen.monitoring.slots import SUFFIX, keys

OTHER = "other"
_LAST_WORD = BATCH_SUM_WORDS - 1


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """A variant as metrics name it; all names are `other` beyond the bound on series."""

    deployment: str
    model: str
    version: str
    variant: str


_Key = tuple[Variant, str]
"""A variant and the tenant who asked."""


@dataclass(frozen=True, slots=True)
class RequestTotals:
    """What one tenant asked of one variant; durations in nanoseconds, buckets not cumulative."""

    outcomes: Mapping[str, int]
    rows: int
    queue_ns: int
    compute_ns: int
    total_ns: int
    failed_ns: int
    nj: int
    ng: int
    total_buckets: tuple[int, ...]
    compute_buckets: tuple[int, ...]

    @property
    def answered(self) -> int:
        """How many were answered as asked."""
        return self.outcomes[ANSWERED]


@dataclass(frozen=True, slots=True)
class BatchTotals:
    """The batches of one variant; `sizes`: batches and their wall nanoseconds, by rows."""

    batches: int
    rows: int
    cpu_ns: int
    wall_ns: int
    last_ms: int
    waiting: int
    rows_buckets: tuple[int, ...]
    sizes: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Process:
    """A process that lives, when it started, and its resident memory."""

    name: str
    started_seconds: float
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """All that was counted since the platform started."""

    requests: Mapping[tuple[Variant, str], RequestTotals] = field(default_factory=dict)
    batches: Mapping[Variant, BatchTotals] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()


def totals(folder: Path) -> Totals:
    """The sums over all files in `folder`; none when there is no folder.

    A file that is being made, or was left by another version of this package, is passed over.
    """
    requests: dict[_Key, list[int]] = {}
    batches: dict[Variant, list[int]] = {}
    processes: list[Process] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        mapped = _opened(path)
        if mapped is None:
            continue
        with mapped, memoryview(mapped).cast("q") as words:
            process = _process(path.stem, words)
            for names, record in _records(mapped, words, SERIES):
                _add(requests, (Variant(*names[:4]), names[4]), record)
            for names, record in _records(mapped, words, SUBJECTS):
                if process is None:
                    record[WAITING_WORD] = 0  # nobody waits for a dead process
                _add_batches(batches, Variant(*names[:4]), record)
            processes += [] if process is None else [process]
    return Totals(
        {key: _requests(record) for key, record in sorted(requests.items())},
        {key: _batches(record) for key, record in sorted(batches.items())},
        tuple(processes),
    )


def this_process(name: str, started_seconds: float) -> Process:
    """The process that asks."""
    return Process(name, started_seconds, _resident_bytes(os.getpid()))


def _opened(path: Path) -> mmap.mmap | None:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != FILE_BYTES:
                return None
            mapped = mmap.mmap(file.fileno(), FILE_BYTES, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    if int.from_bytes(mapped[MAGIC_WORD * WORD : (MAGIC_WORD + 1) * WORD], "little") != MAGIC:
        mapped.close()
        return None
    return mapped


def _records(
    mapped: mmap.mmap, words: "memoryview[int]", shape: Shape
) -> Iterator[tuple[list[str], list[int]]]:
    """Names and numbers of each record in use, and of `other` where it was needed."""
    known: Iterable[list[str]] = [msgspec.json.decode(key) for key in keys(mapped, shape)]
    size, first = shape.record_bytes // WORD, shape.start // WORD
    length = shape.key_at // WORD
    for number, names in enumerate(known):
        at = first + number * size
        yield names, words[at : at + length].tolist()
    at = first + (shape.records - 1) * size
    other = words[at : at + length].tolist()
    if any(other):
        yield [OTHER] * 5, other


def _add(sums: dict[_Key, list[int]], key: _Key, more: list[int]) -> None:
    known = sums.get(key)
    sums[key] = more if known is None else [a + b for a, b in zip(known, more, strict=True)]


def _add_batches(sums: dict[Variant, list[int]], key: Variant, more: list[int]) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = more
        return
    last = max(known[_LAST_WORD], more[_LAST_WORD])
    sums[key] = [a + b for a, b in zip(known, more, strict=True)]
    sums[key][_LAST_WORD] = last


def _requests(record: list[int]) -> RequestTotals:
    answered, rows, queue_ns, compute_ns, total_ns, failed_ns, nj, ng = _part(
        record, OUTCOME_WORDS, SUM_WORDS
    )
    return RequestTotals(
        outcomes={**dict(zip(OUTCOMES, record, strict=False)), ANSWERED: answered},
        rows=rows,
        queue_ns=queue_ns,
        compute_ns=compute_ns,
        total_ns=total_ns,
        failed_ns=failed_ns,
        nj=nj,
        ng=ng,
        total_buckets=_part(record, TOTAL_BUCKETS_WORD, SECONDS_BUCKETS),
        compute_buckets=_part(record, COMPUTE_BUCKETS_WORD, SECONDS_BUCKETS),
    )


def _batches(record: list[int]) -> BatchTotals:
    words = _part(record, SIZES_WORD, 2 * SIZES)
    sizes = {
        rows: (words[2 * rows - 2], words[2 * rows - 1])
        for rows in range(1, SIZES + 1)
        if words[2 * rows - 2]
    }
    buckets = list(_part(record, ROWS_BUCKETS_WORD, ROWS_BUCKETS))
    for rows, (count, _) in sizes.items():
        buckets[bisect_left(ROWS_BOUNDS, rows)] += count
    batches, rows_in_all, cpu_ns, wall_ns, last_ms = _part(record, 0, BATCH_SUM_WORDS)
    return BatchTotals(
        batches=batches,
        rows=rows_in_all,
        cpu_ns=cpu_ns,
        wall_ns=wall_ns,
        last_ms=last_ms,
        waiting=record[WAITING_WORD],
        rows_buckets=tuple(buckets),
        sizes=sizes,
    )


def _part(record: list[int], start: int, length: int) -> tuple[int, ...]:
    return tuple(record[start : start + length])


def _process(name: str, words: "memoryview[int]") -> Process | None:
    """The process that holds the file; None when it is dead."""
    pid = words[PID_WORD]
    try:
        if start_ticks(pid) != words[TICKS_WORD]:
            return None
        return Process(name, words[STARTED_WORD] / 1e9, _resident_bytes(pid))
    except OSError:
        return None


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

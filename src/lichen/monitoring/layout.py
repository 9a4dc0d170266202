"""The layout of a worker's mapped file of metrics: where each number of a record stands.

    page 0      header: magic, pid, start ticks, time of start, records in use of both tables
    series      1,001 records of 1 KiB: what one tenant asked of one variant
    subjects    257 records of 5 KiB: the batches of one variant

Every number is an aligned 8-byte integer, written with one store by the one process that holds the
file. The last record of a table is that of `other`: all that came once the table was full.
"""

import struct
from dataclasses import dataclass
from zlib import crc32

from lichen.core.errors import LichenError

HEADER_BYTES = 4096
MAGIC_WORD, PID_WORD, TICKS_WORD, STARTED_WORD, SERIES_WORD, SUBJECTS_WORD = range(6)
WORD = 8
KEY_LENGTH = struct.Struct("=H")


def _names(kind: type[LichenError]) -> list[str]:
    """The classes of the tree under this one, each after those that are more special."""
    special = [name for one in kind.__subclasses__() for name in _names(one)]
    is_of_the_tree = kind.__module__ == LichenError.__module__
    return [*dict.fromkeys(special), kind.__name__] if is_of_the_tree else special


OUTCOMES = ("ok", *_names(LichenError))
"""How a request may end; what is none of these counts as the last. The first word of a record stays
0: what was answered stands among the sums, each stored by itself."""
OUTCOME_WORDS = 24
MAGIC = 0x4C49_4348_0000_0000 + crc32(f"3 {' '.join(OUTCOMES)}".encode())
"""A file with other outcomes, or of another layout, is another kind of file."""

SUMS = struct.Struct("@8q")
"""How many requests were answered, their rows, queue ns, compute ns and total ns; ns of those that
were refused; nanojoules and nanograms of all."""
SUMS_AT = OUTCOME_WORDS * WORD
SUM_WORDS = SUMS.size // WORD

SECONDS_BOUNDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Upper ends of the buckets of durations, in seconds; one more bucket takes the rest."""
NS_BOUNDS = tuple(round(bound * 1e9) for bound in SECONDS_BOUNDS)
SECONDS_BUCKETS = len(SECONDS_BOUNDS) + 1
TOTAL_BUCKETS_WORD = OUTCOME_WORDS + SUM_WORDS
COMPUTE_BUCKETS_WORD = TOTAL_BUCKETS_WORD + SECONDS_BUCKETS

BATCH_SUMS = struct.Struct("@5q")
"""Batches, rows, CPU ns, wall ns, and the time of the last in milliseconds since 1970."""
BATCH_SUM_WORDS = BATCH_SUMS.size // WORD
WAITING_WORD = BATCH_SUM_WORDS
ROWS_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
ROWS_BUCKETS = len(ROWS_BOUNDS) + 1
ROWS_BUCKETS_WORD = WAITING_WORD + 1
SIZES = 256
"""Batches of so many rows and fewer are counted by their exact size."""
SIZES_WORD = ROWS_BUCKETS_WORD + ROWS_BUCKETS
"""For each size its batches and their wall ns."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table of records: how many, how large, and where the key stands in one (bytes)."""

    start: int
    records: int
    record_bytes: int
    key_at: int
    used_word: int

    @property
    def end(self) -> int:
        """The first byte behind the table."""
        return self.start + self.records * self.record_bytes

    @property
    def longest_key(self) -> int:
        """Bytes of a key, at most."""
        return self.record_bytes - self.key_at - KEY_LENGTH.size


SERIES = Shape(HEADER_BYTES, 1001, 1024, 640, SERIES_WORD)
SUBJECTS = Shape(SERIES.end, 257, 5120, 4608, SUBJECTS_WORD)
FILE_BYTES = SUBJECTS.end

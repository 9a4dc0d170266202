"""The mapped file of one data-plane worker, which the next worker in that slot takes over.

A worker takes the first slot whose file nobody holds. A `kill -9` lets go of it, and the process
that is started anew goes on counting where the dead one ended: counters never go back.
"""

import fcntl
import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path
from time import time_ns

from lichen.core.errors import StorageFailed
from lichen.energy.counters import start_ticks
from lichen.monitoring.layout import (
    FILE_BYTES,
    KEY_LENGTH,
    MAGIC,
    MAGIC_WORD,
    PID_WORD,
    SERIES,
    STARTED_WORD,
    SUBJECTS,
    TICKS_WORD,
    WORD,
    Shape,
)
from lichen.store.failures import storage_failures

SUFFIX = ".metrics"
_NAME = "dataplane-{}" + SUFFIX
_MOST_SLOTS = 1024
_WORD = struct.Struct("@q")


class Table:
    """The records of one shape in a file: each key has its own, as long as there is room."""

    def __init__(self, mapped: mmap.mmap, shape: Shape) -> None:
        self._mapped = mapped
        self._shape = shape
        self._words: memoryview[int] = memoryview(mapped).cast("q")
        self._places = {key: number for number, key in enumerate(keys(mapped, shape))}

    def place(self, key: bytes) -> int:
        """Where the record of this key begins, in bytes; that of `other` when there is no room."""
        shape = self._shape
        number = self._places.get(key)
        if number is None:
            number = len(self._places)
            if number >= shape.records - 1 or len(key) > shape.longest_key:
                number = shape.records - 1
            else:
                self._write_key(number, key)
        return shape.start + number * shape.record_bytes

    def _write_key(self, number: int, key: bytes) -> None:
        """First the key, then that the record is in use: a `kill -9` between them loses nothing."""
        at = self._shape.start + number * self._shape.record_bytes + self._shape.key_at
        self._mapped[at : at + KEY_LENGTH.size + len(key)] = KEY_LENGTH.pack(len(key)) + key
        self._words[self._shape.used_word] = number + 1
        self._places[key] = number


class Slot:
    """The file that this process counts into, as long as it lives."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        os.posix_fallocate(descriptor, 0, FILE_BYTES)  # a full disk is an error here, no signal
        self.mapped = mmap.mmap(descriptor, FILE_BYTES)
        self.words: memoryview[int] = memoryview(self.mapped).cast("q")
        self._take_over()
        self.series = Table(self.mapped, SERIES)
        self.subjects = Table(self.mapped, SUBJECTS)

    @classmethod
    def claim(cls, folder: Path) -> "Slot":
        """The first slot in `folder` that no process holds; a new one when all are held.

        Raises:
            StorageFailed: the folder cannot be written, or is full.
        """
        with storage_failures(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(_MOST_SLOTS):
            path = folder / _NAME.format(number)
            with storage_failures(path):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return cls(path, descriptor)
                except BlockingIOError:
                    os.close(descriptor)
                except OSError:
                    os.close(descriptor)
                    raise
        raise StorageFailed(f"all {_MOST_SLOTS} slots in {folder} are held: stop some processes")

    @property
    def name(self) -> str:
        """What the worker is called in metrics: `dataplane-0`."""
        return self.path.stem

    def close(self) -> None:
        """Let go of the slot; what was counted stays."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # the mapping holds the file open as well
        os.close(self._descriptor)

    def _take_over(self) -> None:
        """Keep what the last process of this slot counted, unless that was in another layout."""
        words = self.words
        if words[MAGIC_WORD] not in (0, MAGIC):
            self.mapped[:] = bytes(FILE_BYTES)
        words[PID_WORD] = os.getpid()
        words[TICKS_WORD] = start_ticks(os.getpid())
        words[STARTED_WORD] = time_ns()
        words[MAGIC_WORD] = MAGIC


def keys(mapped: mmap.mmap, shape: Shape) -> list[bytes]:
    """The keys of the records in use, in order."""
    (used,) = _WORD.unpack_from(mapped, shape.used_word * WORD)
    return [_key(mapped, shape, number) for number in range(min(used, shape.records - 1))]


def _key(mapped: mmap.mmap, shape: Shape, number: int) -> bytes:
    at = shape.start + number * shape.record_bytes + shape.key_at
    (length,) = KEY_LENGTH.unpack_from(mapped, at)
    start = at + KEY_LENGTH.size
    return mapped[start : start + length]


def forget(folder: Path) -> None:
    """Remove what earlier platforms counted; for the supervisor, before it starts anything."""
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            path.unlink()

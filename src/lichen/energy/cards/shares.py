"""What accelerators used by whose work: a small file that the owner writes at each window (A1, M3).

It is there only where the meter has accelerators. Totals count from the moment its owner began,
whose `epoch` says so: a reader that finds another epoch counts from 0 again. The file is replaced
whole, so that nobody reads half of it.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lichen.energy.meter import ProcessEnergy, Reading
from lichen.energy.readings import ProcessReading

SHARES_NAME = "accelerators.page"
_HEAD = struct.Struct("=QqqI")
_ROW = struct.Struct("=qq")
_MAGIC = 0x4C49_4348_4143_0001


@dataclass(frozen=True, slots=True)
class Shares:
    """Accelerators' energy beyond idling since the epoch: in all, and of each process."""

    epoch: int = 0
    nj: int = 0
    processes: tuple[ProcessEnergy, ...] = ()

    def of(self, pid: int) -> int:
        """What one process used, in nanojoules."""
        return next((one.nj for one in self.processes if one.pid == pid), 0)


NO_SHARES = Shares()


def read_shares(folder: Path) -> Shares:
    """What the owner wrote last; nothing where there are no accelerators."""
    try:
        raw = (folder / SHARES_NAME).read_bytes()
        magic, epoch, nj, count = _HEAD.unpack_from(raw)
        rows = [_ROW.unpack_from(raw, _HEAD.size + n * _ROW.size) for n in range(count)]
    except (OSError, struct.error):
        return NO_SHARES
    if magic != _MAGIC:
        return NO_SHARES
    return Shares(epoch, nj, tuple(ProcessEnergy(pid, used) for pid, used in rows))


class SharesWriter:
    """The owner's end."""

    def __init__(self, folder: Path, epoch: int) -> None:
        self._path = folder / SHARES_NAME
        self._epoch = epoch
        self._path.unlink(missing_ok=True)

    def publish(self, reading: Reading) -> Shares:
        """Write what a reading says; a host without accelerators writes nothing.

        Raises:
            OSError: the runtime folder cannot be written.
        """
        if not reading.accelerator_nj:
            return NO_SHARES
        shares = Shares(self._epoch, reading.accelerator_nj, reading.accelerator_shares)
        rows = b"".join(_ROW.pack(one.pid, one.nj) for one in shares.processes)
        head = _HEAD.pack(_MAGIC, self._epoch, shares.nj, len(shares.processes))
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(head + rows)
        fresh.replace(self._path)
        return shares


@dataclass(slots=True)
class Claims:
    """What one process used of the accelerators since it was asked last.

    What was used before `Claims` was made is not told.
    """

    folder: Path
    pid: int
    _seen: Shares = field(init=False)

    def __post_init__(self) -> None:
        self._seen = read_shares(self.folder)

    def take_nj(self) -> int:
        """Nanojoules since the last call, as far as the owner has published."""
        now = read_shares(self.folder)
        if not now.epoch:
            return 0
        before_nj = self._seen.of(self.pid) if now.epoch == self._seen.epoch else 0
        self._seen = now
        return max(0, now.of(self.pid) - before_nj)


@dataclass(slots=True)
class SharedReadings:
    """Puts each process's part of the accelerators into its reading, window by window."""

    _used: dict[tuple[int, int], int] = field(default_factory=dict)
    _before: Shares = NO_SHARES

    def begin(self, now: Shares) -> None:
        """What was used so far is somebody else's to book."""
        self._before = now

    def step_nj(self, now: Shares) -> int:
        """What all accelerators used since the last `add`."""
        return max(0, now.nj - (self._before.nj if now.epoch == self._before.epoch else 0))

    def add(self, readings: Sequence[ProcessReading], now: Shares) -> tuple[ProcessReading, ...]:
        """The readings with `accelerator_nj`; call it once a window, with all its processes."""
        before = self._before if now.epoch == self._before.epoch else NO_SHARES
        self._before = now
        used = {}
        for one in readings:
            key = (one.pid, one.started)
            step_nj = max(0, now.of(one.pid) - before.of(one.pid))
            used[key] = self._used.get(key, 0) + step_nj
        self._used = used
        return tuple(replace(one, accelerator_nj=used[one.pid, one.started]) for one in readings)

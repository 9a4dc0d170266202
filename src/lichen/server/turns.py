"""How many connections each process of the data plane has, in a file that all of them map.

A queue of connections that several processes take from fills the one that happens to look first:
of 64 connections, one of two idle processes took 63. So whoever has more than another lets it go
first.
"""

import mmap
import struct
from pathlib import Path

from lichen.store.failures import storage_failures

MOST_PROCESSES = 64
_WORD = struct.Struct("=q")
_SIZE = MOST_PROCESSES * _WORD.size


class Turns:
    """The numbers of all siblings; each writes its own only."""

    def __init__(self, path: Path, slot: int, processes: int) -> None:
        """Map the file, making it if it is not there, and begin with no connection.

        Raises:
            StorageFailed: the file cannot be written.
        """
        with storage_failures(path), path.open("a+b") as file:
            file.truncate(_SIZE)
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._numbers: memoryview[int] = memoryview(self._map).cast("q")
        self._slot = slot
        self._others = [one for one in range(processes) if one != slot]
        self.have(0)

    def have(self, connections: int) -> None:
        """Say how many this process has."""
        self._numbers[self._slot] = connections

    def least_of_others(self) -> int | None:
        """The fewest that a sibling has; None when there is no other."""
        return min((self._numbers[one] for one in self._others), default=None)

    def close(self) -> None:
        """Unmap."""
        self.have(0)
        self._numbers.release()
        self._map.close()

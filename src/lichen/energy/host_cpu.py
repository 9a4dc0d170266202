"""Busy CPU time of the whole host, never less than that of our own processes (M2).

The kernel counts the host in ticks of 10 ms; our own processes have nanosecond clocks. The host
is therefore our own clocks plus a running maximum of what others used, so that the coarse ticks
can never make charged CPU exceed metered CPU.
"""

import os
from pathlib import Path

from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.meter import OwnCpu

PROC_STAT = Path("/proc/stat")
_BUSY_COLUMNS = (1, 2, 3, 6, 7)
"""user, nice, system, irq, softirq; not idle, iowait, nor steal; guests are within user."""


class HostCpu:
    """Cumulative busy nanoseconds of all hardware threads of this host."""

    def __init__(self, stat: Path = PROC_STAT) -> None:
        self._stat = stat
        self._tick_ns = NANOSECONDS_PER_SECOND // os.sysconf("SC_CLK_TCK")
        self._base_ns: int | None = None
        self._other_ns = 0
        self._file = os.open(stat, os.O_RDONLY | os.O_CLOEXEC) if stat.exists() else -1

    def read(self, own: OwnCpu) -> int:
        """Busy time since the first reading, plus our own time before it."""
        system_ns = self._system_ns()
        if system_ns is None:
            return own.cpu_ns
        if self._base_ns is None:
            self._base_ns = system_ns - own.cpu_ns
        seen_ns = system_ns - self._base_ns - own.cpu_ns
        self._other_ns = max(self._other_ns - own.adopted_ns, seen_ns, 0)
        return own.cpu_ns + self._other_ns

    def _system_ns(self) -> int | None:
        if self._file < 0:
            return None
        columns = os.pread(self._file, 400, 0).split(b"\n", 1)[0].split()
        return sum(int(columns[column]) for column in _BUSY_COLUMNS) * self._tick_ns

    def close(self) -> None:
        """Close /proc/stat."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

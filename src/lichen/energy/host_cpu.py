"""Busy CPU time of the whole host, never less than that of our own processes (M2).

The kernel counts the host in ticks of 10 ms; our own processes have nanosecond clocks. The host
is therefore our own clocks plus a running maximum of what others used, so that the coarse ticks
can never make charged CPU exceed metered CPU.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from lichen.core.errors import Unavailable
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.cgroup import CgroupCpu
from lichen.energy.meter import OwnCpu

PROC_STAT = Path("/proc/stat")
_BUSY_COLUMNS = (1, 2, 3, 6, 7)
"""user, nice, system, irq, softirq; not idle, iowait, nor steal; guests are within user."""


class BusyCpu(Protocol):
    """What counts the busy CPU time of all that is metered."""

    def usage_ns(self) -> int:
        """Nanoseconds since some start.

        Raises:
            OSError, ValueError: it cannot be read now.
        """
        ...

    def close(self) -> None:
        """Let go of its file."""
        ...


class ProcStat:
    """Busy time of all hardware threads, as /proc/stat counts them.

    Raises:
        Unavailable: there is no such file, or it may not be read.
    """

    def __init__(self, stat: Path = PROC_STAT) -> None:
        self._tick_ns = NANOSECONDS_PER_SECOND // os.sysconf("SC_CLK_TCK")
        self._file = -1
        try:
            self._file = os.open(stat, os.O_RDONLY | os.O_CLOEXEC)
            self.usage_ns()
        except (OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"cannot read {stat}: {error}") from error

    def usage_ns(self) -> int:
        """Ticks of all threads that were not idle, waiting or stolen.

        Raises:
            OSError, ValueError: it is not as Linux shows it.
        """
        columns = os.pread(self._file, 400, 0).split(b"\n", 1)[0].split()
        if columns[:1] != [b"cpu"] or len(columns) <= _BUSY_COLUMNS[-1]:
            raise ValueError("no line of all CPUs in it")
        return sum(int(columns[column]) for column in _BUSY_COLUMNS) * self._tick_ns

    def close(self) -> None:
        """Close /proc/stat."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class HostCpu:
    """Cumulative busy nanoseconds of all that is metered: by default all threads of this host.

    Where /proc/stat is hidden, which some container runtimes do, the container's own accounting
    is taken, and without that our own processes are all there is.
    """

    def __init__(self, stat: Path = PROC_STAT, system: BusyCpu | None = None) -> None:
        self._system = system or _system_of(stat)
        self._base_ns: int | None = None
        self._other_ns = 0

    def read(self, own: OwnCpu) -> int:
        """Busy time since the first reading, plus our own time before it."""
        system_ns = self._system_ns()
        if system_ns is None:
            return own.cpu_ns + self._other_ns
        if self._base_ns is None:
            self._base_ns = system_ns - own.cpu_ns
        seen_ns = system_ns - self._base_ns - own.cpu_ns
        self._other_ns = max(self._other_ns - own.adopted_ns, seen_ns, 0)
        return own.cpu_ns + self._other_ns

    def _system_ns(self) -> int | None:
        if self._system is None:
            return None
        try:
            return self._system.usage_ns()
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Let go of what it reads."""
        if self._system is not None:
            self._system.close()
            self._system = None


def _system_of(stat: Path) -> BusyCpu | None:
    with suppress(Unavailable):
        return ProcStat(stat)
    if stat == PROC_STAT:
        with suppress(Unavailable):
            return CgroupCpu()
    return None

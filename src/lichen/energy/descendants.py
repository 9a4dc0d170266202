"""CPU time of a process's children and theirs: those that ended, and those that still run.

A child that ended and was waited for stands in the kernel's sum for its parent, to the microsecond.
One that runs has a clock to the nanosecond; what its own ended children used, the kernel shows in
ticks of 10 ms until it ends itself. A child whose parent told the kernel to keep nothing of it
(SIGCHLD ignored) is gone from every clock once it ends: only a control group still has it.
"""

import os
import resource
from pathlib import Path

from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.counters import process_clock_ns

_PROC = Path("/proc")
_CUTIME, _CSTIME = 13, 14
"""Fields of /proc/PID/stat after the name, in ticks: user and system time of ended children."""


def ended_children_ns() -> int:
    """CPU time of all children that this process has waited for, and of those they waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((usage.ru_utime + usage.ru_stime) * NANOSECONDS_PER_SECOND)


def has_children() -> bool:
    """Whether this process has any child, running or not yet waited for; about a microsecond."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def living(root: int) -> list[int]:
    """The pids of the children of `root` that are there now and of theirs; none without `/proc`."""
    found, unseen = [], _children(root)
    while unseen:
        pid = unseen.pop()
        found.append(pid)
        unseen += _children(pid)
    return found


def living_ns(root: int) -> int:
    """CPU time so far of all living children of `root` and of theirs."""
    return sum(_cpu_ns(pid) for pid in living(root))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(_PROC / str(pid) / "task")  # noqa: PTH208 - five times quicker
    except OSError:
        return found
    for thread in threads:
        try:
            text = (_PROC / str(pid) / "task" / thread / "children").read_bytes()
        except OSError:  # it ended while we looked
            continue
        found += map(int, text.split())
    return found


def _cpu_ns(pid: int) -> int:
    """The clock of one process and what its ended children used; 0 once it is gone."""
    try:
        own_ns = process_clock_ns(pid)
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return 0
    fields = stat[stat.rindex(b")") + 2 :].split()
    ticks = int(fields[_CUTIME]) + int(fields[_CSTIME])
    return own_ns + ticks * (NANOSECONDS_PER_SECOND // os.sysconf("SC_CLK_TCK"))

"""A control group (cgroup v2) around one command: the kernel's own sum of all its processes.

It holds what no clock of a process has any more: children whose parent told the kernel to keep
nothing of them. Where no group can be made, as for most users without systemd's delegation, the
clocks of the processes have to do.
"""

import os
from contextlib import suppress
from pathlib import Path

_MOUNTS, _OWN_GROUP = Path("/proc/self/mountinfo"), Path("/proc/self/cgroup")
_NS_PER_US = 1000


def own_group(mounts: Path = _MOUNTS, own: Path = _OWN_GROUP) -> Path | None:
    """The folder of the control group that this process is in; None without cgroup v2."""
    try:
        lines = mounts.read_text(encoding="utf-8").splitlines()
        groups = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    # mountinfo: id parent device root MOUNT-POINT options ... - TYPE source options (proc(5))
    points = [line.split()[4] for line in lines if " - cgroup2 " in line]
    paths = [line.removeprefix("0::") for line in groups if line.startswith("0::")]
    return Path(points[0] + paths[0]) if points and paths else None


class CommandGroup:
    """A group below our own, with one child of ours and all that it starts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def around(cls, pid: int, parent: Path | None) -> "CommandGroup | None":
        """Put a child that has only just begun into a group of its own; None where we may not."""
        if parent is None:
            return None
        group = cls(parent / f"lichen-run-{os.getpid()}")
        try:
            group._folder.mkdir()
            (group._folder / "cgroup.procs").write_text(str(pid), encoding="utf-8")
        except OSError:
            group.close()
            return None
        return group

    def cpu_ns(self) -> int:
        """CPU time of all that ever ran in the group, to the microsecond."""
        try:
            lines = (self._folder / "cpu.stat").read_text(encoding="utf-8").splitlines()
        except OSError:
            return 0
        found = (line.split()[1] for line in lines if line.startswith("usage_usec "))
        return int(next(found, "0")) * _NS_PER_US

    def close(self) -> None:
        """Give what still runs back to the group above, and remove this one."""
        with suppress(OSError):
            for pid in (self._folder / "cgroup.procs").read_text(encoding="utf-8").split():
                (self._folder.parent / "cgroup.procs").write_text(pid, encoding="utf-8")
        with suppress(OSError):
            self._folder.rmdir()

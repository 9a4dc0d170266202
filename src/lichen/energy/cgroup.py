"""CPU that a container used, by its control group: cgroup v2 `cpu.stat` and `cpu.max` (M1, M2).

In a container the kernel shows the CPU time of the whole machine in /proc/stat, its idle power is
that of the whole machine, and other containers' work is `host/other`. Where only the container is
to be metered, or where the machine hides its /proc/stat, its own group says what it used. v1
hierarchies (`cpuacct.usage`) are read as well.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from lichen.core.errors import Unavailable

MOUNT = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")
_MOUNT_OF_V1 = ("cpu,cpuacct", "cpuacct", "cpuacct,cpu")
NANOSECONDS_PER_MICROSECOND = 1000


@dataclass(frozen=True, slots=True)
class CgroupPaths:
    """Where the kernel shows control groups; tests give a recorded tree."""

    mount: Path = MOUNT
    membership: Path = SELF


THIS_CGROUP = CgroupPaths()


class CgroupCpu:
    """Busy CPU of this process's control group, all that runs in it, in nanoseconds.

    Raises:
        Unavailable: the kernel shows no accounting of this group.
    """

    def __init__(self, paths: CgroupPaths = THIS_CGROUP) -> None:
        path, self._key = _accounting(paths)
        self._folder = path.parent
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self.usage_ns()
        except (OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"cannot read the CPU accounting {path}: {error}") from error
        self.path = path

    def usage_ns(self) -> int:
        """CPU time since the group was made; to the microsecond.

        Raises:
            OSError: the group is gone.
            ValueError: it shows no usage.
        """
        shown = os.pread(self._file, 4096, 0).decode("ascii")
        if not self._key:
            return int(shown)
        for line in shown.splitlines():
            key, _, number = line.partition(" ")
            if key == self._key:
                return int(number) * NANOSECONDS_PER_MICROSECOND
        raise ValueError(f"no {self._key} in it")

    def threads(self) -> int | None:
        """How many CPUs the group may use at a time, rounded up; None: as many as there are."""
        quota, period = _quota(self._folder)
        return max(1, ceil(quota / period)) if quota is not None and period > 0 else None

    def close(self) -> None:
        """Close its file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _accounting(paths: CgroupPaths) -> tuple[Path, str]:
    """The file of this process's own group, and the key in it; of v1 the file is one number."""
    places = [
        (folder / name, key)
        for mount, group, name, key in _hierarchies(paths)
        for folder in (mount / group.strip().lstrip("/"), mount)
    ]
    for path, key in places:  # the group as named, or the mount: in a container its own group
        if path.is_file():
            return path, key
    raise Unavailable(f"no CPU accounting of this control group under {paths.mount}")


def _hierarchies(paths: CgroupPaths) -> Iterator[tuple[Path, str, str, str]]:
    """Each hierarchy's mount, this process's group, and the file and key of its accounting."""
    for controllers, group in _groups(paths.membership).items():
        if not controllers:
            yield paths.mount, group, "cpu.stat", "usage_usec"
        elif "cpuacct" in controllers.split(","):
            for name in _MOUNT_OF_V1:
                yield paths.mount / name, group, "cpuacct.usage", ""


def _groups(membership: Path) -> dict[str, str]:
    """Controllers (empty for v2) to group, of lines such as `0::/system.slice/x.service`."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return {}
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return {controllers: group for _, controllers, group in parts}


def _quota(folder: Path) -> tuple[int | None, int]:
    """Microseconds of CPU in each period, and the period; None where there is no bound."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text().split()
            return (None if quota == "max" else int(quota)), int(period)
        quota_us = int((folder / "cpu.cfs_quota_us").read_text())
        return (quota_us if quota_us > 0 else None), int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None, 0

"""How much memory models take, how much they may, and which of them sleep when it runs short."""

import ctypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

MEBIBYTE = 2**20
LARGE_BLOCK_BYTES = 4 * MEBIBYTE
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
"""As glibc's malloc.h numbers its options."""
DEFAULT_SHARE = 0.75
"""The part of this machine's or container's memory that models may take when nothing is set."""
_STATUS = Path("/proc/self/status")
_CGROUP = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model as the choice of who sleeps sees it; moments in nanoseconds, monotonic."""

    name: str
    size_bytes: int
    used_ns: int


@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """What loaded models take now, and how often they came and went since the start.

    Attributes:
        limit_bytes: what all may take together; None where nothing limits them.
        by_deployment: bytes of each loaded deployment.
        slept, woken: models put to sleep for others, and woken by a request.
        thrashed: those woken again so soon that the limit is too low for what is in use.
    """

    limit_bytes: int | None = None
    by_deployment: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    slept: int = 0
    woken: int = 0
    thrashed: int = 0


def used_bytes(pid: int | None = None) -> int:
    """Memory of a process, this one unless said, that is no file's: what a model adds to it.

    Shared libraries are not counted, so that the first model of a framework is not taken for the
    framework. 0 where the system does not say.
    """
    status = _STATUS if pid is None else Path(f"/proc/{pid}/status")
    try:
        text = status.read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True, slots=True)
class Memory:
    """The limit over all models of this process, and the meter that measures each of them."""

    limit_bytes: int | None = None
    used: Callable[[], int] = used_bytes

    def admits(self, size_bytes: int) -> bool:
        """Is a model of this size within the limit when it is alone?"""
        return self.limit_bytes is None or size_bytes <= self.limit_bytes

    def over(self, taken_bytes: int) -> int:
        """By how many bytes that is over the limit; 0 when it is within."""
        return 0 if self.limit_bytes is None else max(0, taken_bytes - self.limit_bytes)


def machine_bytes(limits: Iterable[Path] = _CGROUP, meminfo: Path = _MEMINFO) -> int | None:
    """What this process may use at most: the container's limit, or the machine's memory."""
    found = [number for number in (_read_limit(path) for path in limits) if number is not None]
    try:
        first = meminfo.read_text().split("\n", 1)[0]  # MemTotal: 24682496 kB
        found.append(int(first.split()[1]) * 1024)
    except (OSError, ValueError, IndexError):
        pass
    return min(found, default=None)


def _read_limit(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or `max`
        return None


def to_sleep(residents: Iterable[Resident], over_bytes: int) -> list[str]:
    """Who gives memory back, least recently used first, until `over_bytes` are free; pure."""
    names = []
    for one in sorted(residents, key=lambda one: one.used_ns):
        if over_bytes <= 0:
            break
        names.append(one.name)
        over_bytes -= one.size_bytes
    return names


def mebibytes(size_bytes: int) -> str:
    """A size for people."""
    return f"{size_bytes / MEBIBYTE:.0f} MiB"


def map_large_blocks() -> None:
    """Let the allocator map each large block by itself, so that freeing one gives it back.

    By default its threshold rises to the largest block that was ever freed, up to 32 MB; a model's
    file then comes from a loading thread's arena, whose free end `malloc_trim` does not give back.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        set_option(_M_TRIM_THRESHOLD, 2 * LARGE_BLOCK_BYTES)


def give_memory_back() -> None:
    """Return freed memory to the system: the allocator keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

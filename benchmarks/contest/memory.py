"""Memory of a server's processes, whoever else on the machine has the same libraries loaded.

Proportional memory (PSS) alone would flatter a server whose libraries another process has loaded,
the benchmark's own among them: here a file's pages count whole, and once for all its processes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)")


def resident_mb(pids: Sequence[int]) -> float:
    """Memory of these processes together."""
    files: Counter[str] = Counter()
    for pid in pids:
        files |= _of_files(Path(f"/proc/{pid}/smaps").read_text())
    own = sum(_own_kb(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids)
    return (own + sum(files.values())) / 1024


def _own_kb(rollup: str) -> int:
    """What is no file's: shared by forked processes alone, so its parts add up."""
    return _field(rollup, "Pss_Anon") + _field(rollup, "Pss_Shmem")


def _of_files(smaps: str) -> Counter[str]:
    """Resident kilobytes of each file that is mapped."""
    found: Counter[str] = Counter()
    name = ""
    for line in smaps.splitlines():
        mapping = _MAPPING.fullmatch(line)
        if mapping is not None:
            name = mapping[1]
        elif name.startswith("/") and not name.startswith(("/dev/shm", "/memfd")):  # noqa: S108
            if line.startswith("Rss:"):
                found[name] += int(line.split()[1])
            elif line.startswith("Anonymous:"):
                found[name] -= int(line.split()[1])
    return +found


def _field(text: str, name: str) -> int:
    return int(re.findall(rf"^{name}:\s+(\d+)", text, re.MULTILINE)[0])

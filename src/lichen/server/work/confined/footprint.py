"""What a script's processes hold at a moment: memory and disk."""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from lichen.energy.descendants import living

MOST_FILES = 200_000
_SHORTEST_REST_SECONDS = 0.2
_RESTS = 20
"""So many times as long as a look took, nobody looks again: at most a twentieth of a core."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512
"""Bytes; what `st_blocks` counts in, whatever the disk's own block is."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of all processes, bytes and files of the folder, and when to look again."""

    memory_bytes: int
    disk_bytes: int
    files: int
    rest_seconds: float

    @property
    def is_crowded(self) -> bool:
        """Whether there are more files than anybody needs: the count stopped there."""
        return self.files > MOST_FILES


def measured(root: int, folder: Path, memory_bytes: int) -> Footprint:
    """What the processes below `root` hold, and what lies in `folder`.

    Args:
        root: their first.
        folder: where they work.
        memory_bytes: only beyond this is what they share told apart, which takes longer.
    """
    began = monotonic()
    pids = living(root)
    held = sum(_resident(pid) for pid in pids)
    if held > memory_bytes:
        held = sum(_proportional(pid) for pid in pids)
    disk, files = _within(folder)
    rest = max(_SHORTEST_REST_SECONDS, _RESTS * (monotonic() - began))
    return Footprint(held, disk, files, rest)


def _resident(pid: int) -> int:
    """Pages in memory, those that it shares too; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    """Its part of what it shares; as `_resident` where the kernel does not say."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines()
    except OSError:
        return _resident(pid)
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(b"Pss:"))


def _within(folder: Path) -> tuple[int, int]:
    """Bytes on the disk and files below a folder; no link is followed."""
    size = files = 0
    unseen = [str(folder)]
    while unseen and files <= MOST_FILES:
        try:
            with os.scandir(unseen.pop()) as entries:
                for entry in entries:
                    files += 1
                    if files > MOST_FILES:
                        break
                    if entry.is_dir(follow_symlinks=False):
                        unseen.append(entry.path)
                    size += _size(entry)
        except OSError:  # it was removed while we looked
            continue
    return size, files


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * _BLOCK
    except OSError:  # it was removed while we looked
        return 0

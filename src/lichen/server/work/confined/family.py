"""CPU time of all that a job starts, however it is reparented, while it runs and once it ended."""

import os

from lichen.energy.command_group import CommandGroup, own_group
from lichen.energy.descendants import ended_children_ns, living_ns


class FamilyClock:
    """The greatest of three sums, each of which may miss something and none of which counts twice.

    What the kernel keeps of ended children plus the clocks of living ones; what was seen the last
    time; and a control group, where one can be made. Begin it when no child is left unwaited for.
    """

    def __init__(self) -> None:
        self._before_ns = ended_children_ns()
        self._seen_ns = 0
        self._group: CommandGroup | None = None

    def group(self, pid: int) -> None:
        """Put a child that has only just begun into a control group of its own, if that may be."""
        self._group = CommandGroup.around(pid, own_group())

    def __call__(self) -> int:
        """CPU nanoseconds so far; never less than before."""
        now_ns = ended_children_ns() - self._before_ns + living_ns(os.getpid())
        if self._group is not None:
            now_ns = max(now_ns, self._group.cpu_ns())
        self._seen_ns = max(self._seen_ns, now_ns)
        return self._seen_ns

    def close(self) -> None:
        """Remove the group; what was seen stays seen."""
        if self._group is not None:
            self()
            self._group.close()
            self._group = None

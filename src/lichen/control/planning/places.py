"""Who holds which cores and how much memory, when: what time is free on each site."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lichen.control.planning.course import Floats, Whole, merged
from lichen.control.planning.need import Spans
from lichen.control.planning.pieces import Pieces, cut_at
from lichen.control.planning.workload import Site, Workload


def holds(site: Site, workload: Workload) -> bool:
    """Whether a job fits there when nothing else runs."""
    memory = site.memory_bytes is None or site.memory_bytes >= workload.memory_bytes
    return memory and site.cores >= workload.cores


class Place:
    """One site and how much of it is in use, as a staircase over time.

    Attributes:
        site: which.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self._borders: Whole = np.array([0], dtype=np.int64)
        self._in_use: Whole = np.zeros((2, 1), dtype=np.int64)

    def take(self, workload: Workload, spans: Spans) -> None:
        """From now on the job holds its cores and its memory in these spans."""
        self._add(workload, spans, 1)

    def give_back(self, workload: Workload, spans: Spans) -> None:
        """The opposite of `take`."""
        self._add(workload, spans, -1)
        changes = np.any(np.diff(self._in_use, axis=1) != 0, axis=0)
        kept = np.concatenate([[True], changes])
        self._borders, self._in_use = self._borders[kept], self._in_use[:, kept]

    def free(self, workload: Workload, pieces: Pieces) -> Pieces:
        """What of pieces without a gap the job could have."""
        if len(pieces.starts) == 0:
            return pieces
        cut = cut_at(pieces, self._borders)
        return cut.where(np.flatnonzero(self._has_room(workload, cut.starts)))

    def is_free(self, workload: Workload, spans: Spans) -> bool:
        """Whether the job could run in all of these spans."""
        starts = np.array([start for start, _ in spans], dtype=np.int64)
        inside = [
            self._borders[(self._borders > start) & (self._borders < end)] for start, end in spans
        ]
        return bool(self._has_room(workload, np.concatenate([starts, *inside])).all())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in use, ever."""
        return not self._in_use.any()

    @property
    def borders(self) -> Whole:
        """Where what is in use changes, in microseconds from now."""
        return self._borders

    def free_at(self, moments: Whole) -> Floats:
        """Cores and bytes that are free from each moment on `(2, moments)`, never below 0."""
        memory = np.inf if self.site.memory_bytes is None else self.site.memory_bytes
        index = np.searchsorted(self._borders, moments, side="right") - 1
        free = np.array([[self.site.cores], [memory]], dtype=np.float64) - self._in_use[:, index]
        return np.maximum(free, 0.0)

    def _has_room(self, workload: Workload, moments: Whole) -> NDArray[np.bool_]:
        index = np.searchsorted(self._borders, moments, side="right") - 1
        room = self._in_use[0, index] + workload.cores <= self.site.cores
        if self.site.memory_bytes is not None:
            room &= self._in_use[1, index] + workload.memory_bytes <= self.site.memory_bytes
        return np.asarray(room)

    def _add(self, workload: Workload, spans: Spans, sign: int) -> None:
        needed = np.array([[workload.cores], [workload.memory_bytes]], dtype=np.int64)
        moments = merged(self._borders, np.array(spans, dtype=np.int64).ravel())
        held = np.searchsorted(self._borders, moments, side="right") - 1
        self._borders, self._in_use = moments, self._in_use[:, held]
        for start, end in spans:
            first, stop = np.searchsorted(moments, (start, end))
            self._in_use[:, first:stop] += sign * needed


def pooled(sites: Sequence[Site], workloads: Sequence[Workload]) -> list[Site]:
    """The sites, those of a zone as one where all jobs are of one size.

    Spans of jobs of equal size that are never too many at a moment can always be dealt out to the
    workers without a move (interval graphs are perfect), so one count is enough. Jobs of several
    sizes are placed worker by worker.
    """
    sizes = {(one.cores, one.memory_bytes) for one in workloads}
    if len(sizes) != 1:
        return list(sites)
    cores, memory = sizes.pop()
    slots: dict[str, int] = {}
    for site in sites:
        count = site.cores // cores
        if memory and site.memory_bytes is not None:
            count = min(count, site.memory_bytes // memory)
        slots[site.zone] = slots.get(site.zone, 0) + count
    return [Site(zone, count * cores) for zone, count in slots.items() if count]

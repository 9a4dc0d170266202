"""Time in one zone cut into pieces in which nothing changes: what a program counts on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lichen.control.planning.course import Floats, Whole, merged
from lichen.control.planning.need import Need
from lichen.control.planning.option import Option
from lichen.control.planning.places import Place

HOUR = 3.6e9
"""Microseconds: amounts are hours in a program."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The pieces of time of one zone, and what is free in each.

    Attributes:
        edges: microseconds from now `(pieces + 1,)`.
        cores: free in each `(pieces,)`.
        gibibytes: likewise; None where memory is no limit.
    """

    edges: Whole
    cores: Floats
    gibibytes: Floats | None

    @property
    def hours(self) -> Floats:
        """How long each piece is."""
        return np.asarray(np.diff(self.edges) / HOUR, dtype=np.float64)

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The first piece between two borders, and the first after them."""
        first, stop = np.searchsorted(self.edges, (start, end))
        return int(first), int(stop)

    def touched(self, starts: Whole, work: int) -> tuple[Whole, Whole]:
        """For runs of that length, the first piece of each and the first after it."""
        first = np.searchsorted(self.edges, starts, side="right") - 1
        return first, np.searchsorted(self.edges, starts + work, side="left")

    def limits(self) -> Iterator[tuple[Floats, Callable[[Need], float]]]:
        """What is free of each resource, and how much of it a job holds."""
        yield self.cores, lambda need: float(need.workload.cores)
        if self.gibibytes is not None:
            yield self.gibibytes, lambda need: need.workload.memory_bytes / GIBIBYTE


GIBIBYTE = 2.0**30


def grid_of(options: Sequence[Option], places: Sequence[Place]) -> Grid:
    """The grid of the zone that all these options and places are in."""
    course = options[0].course
    ends = [(int(one.window.starts[0]), int(one.window.ends[-1])) for one in options]
    first, last = min(start for start, _ in ends), max(end for _, end in ends)
    borders = [course.edges, np.array(ends, dtype=np.int64).ravel()]
    borders += [place.borders for place in places]
    edges = merged(*borders)
    edges = edges[(edges >= first) & (edges <= last)]
    free = np.sum([place.free_at(edges[:-1]) for place in places], axis=0)
    limited = any(place.site.memory_bytes is not None for place in places)
    needed = any(one.need.workload.memory_bytes for one in options)
    return Grid(edges, free[0], free[1] / GIBIBYTE if limited and needed else None)

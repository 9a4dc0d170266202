"""Free time cut into pieces of one price each: what the search for the cheapest time works on."""

from dataclasses import dataclass, replace

import numpy as np

from lichen.control.planning.course import Course, Floats, Whole, merged


@dataclass(frozen=True, slots=True)
class Pieces:
    """Spans of one price each, in order of time, that do not overlap.

    Attributes:
        starts: microseconds from now `(pieces,)`.
        ends: where each ends.
        prices: grams of running a microsecond of each, for 1 W.
        head_start: grams for 1 W by which a run without a pause may be dearer if it starts before
            `first_step`: what waiting is not worth.
        first_step: where the step that holds now ends.
    """

    starts: Whole
    ends: Whole
    prices: Floats
    head_start: float = 0.0
    first_step: int = 0

    @property
    def lengths(self) -> Whole:
        """How long each is."""
        return np.asarray(self.ends - self.starts, dtype=np.int64)

    @property
    def room(self) -> int:
        """How long all are together."""
        return int(self.lengths.sum())

    def where(self, chosen: Whole) -> "Pieces":
        """The chosen ones alone."""
        return replace(
            self, starts=self.starts[chosen], ends=self.ends[chosen], prices=self.prices[chosen]
        )


def pieces_of(course: Course, start: int, end: int) -> Pieces:
    """The mean course between two moments, for 1 W."""
    first = int(np.searchsorted(course.edges, start, side="right")) - 1
    stop = int(np.searchsorted(course.edges, end, side="left"))
    starts = course.edges[first:stop].copy()
    ends = course.edges[first + 1 : stop + 1].copy()
    if stop > first:
        starts[0], ends[-1] = start, end
    return Pieces(starts, ends, course.mean[first:stop].copy())


def cut_at(pieces: Pieces, borders: Whole) -> Pieces:
    """Pieces without a gap, cut at these borders as well."""
    inside = borders[(borders > pieces.starts[0]) & (borders < pieces.ends[-1])]
    if len(inside) == 0:
        return pieces
    starts = merged(pieces.starts, inside)
    ends = np.append(starts[1:], pieces.ends[-1])
    index = np.searchsorted(pieces.starts, starts, side="right") - 1
    return replace(pieces, starts=starts, ends=ends, prices=pieces.prices[index])

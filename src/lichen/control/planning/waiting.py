"""What waiting is worth when more will be known later: the price that running now is held against.

Under a single course the cheapest steps are known and sorting finds them. Under many, a job of k
steps of work should run now if this step costs no more than what it would displace: the k-th
smallest of the later ones. The k-th smallest of the mean course ignores that one will choose with
better knowledge; the mean over the courses of each one's k-th smallest supposes that all is known
one step later. The truth lies between, and so does the price used: `foresight_weight` blends them.

The blend is put into the price of the first step. Then every search for the cheapest time, with
pauses that cost or without, alone or together with others, decides by it and needs not know of it.
"""

import numpy as np

from lichen.control.planning.course import Course, Floats


class Prospect:
    """What a course offers after its first step up to one moment: shared by jobs that end alike.

    A last step that is over in part counts as a whole one from its half on.
    """

    def __init__(self, course: Course, end: int) -> None:
        stop = int(np.searchsorted(course.edges, end - course.step // 2, side="left"))
        self._first = int(course.edges[1])
        self._step = course.step
        self._knowing = _summed(np.sort(course.prices[:, 1:stop], axis=1).mean(axis=0))
        self._blind = _summed(np.sort(course.mean[1:stop]))

    def discount(self, work: Floats, weight: float) -> Floats:
        """What to take off the price of the first step before it is held against the mean course.

        Args:
            work: microseconds of work left `(jobs,)`.
            weight: how far one is taken to know the courses one step later.

        Returns:
            Grams for a watt and a microsecond `(jobs,)`, mostly below 0 for little work.
        """
        depth = work / self._step
        share = np.minimum(work, self._first) / self._step
        knowing = _slice(self._knowing, depth, share)
        return weight * (knowing - _slice(self._blind, depth, share))


def block_discount(course: Course, work: int, end: int, weight: float) -> float:
    """The same for a job that cannot pause: off the cost of a start before the first step ends.

    Later starts are those on a border of steps.
    """
    starts = course.edges[(course.edges >= course.edges[1]) & (course.edges <= end - work)]
    if len(starts) == 0:
        return 0.0
    costs = course.grams_until(starts + work) - course.grams_until(starts)
    return weight * float(costs.min(axis=1).mean() - costs.mean(axis=0).min())


def _summed(prices: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(prices)])


def _slice(summed: Floats, depth: Floats, share: Floats) -> Floats:
    """The mean of the sorted prices between `depth - share` and `depth` steps."""
    ranks = np.arange(len(summed))
    upper = np.minimum(depth, len(summed) - 1)
    lower = np.maximum(upper - share, 0.0)
    width = np.maximum(upper - lower, 1e-9)
    return np.asarray((np.interp(upper, ranks, summed) - np.interp(lower, ranks, summed)) / width)

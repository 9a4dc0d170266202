"""Split a batch's cost over its requests so that the parts sum to the whole (A1, A2, A5)."""

from collections.abc import Callable, Sequence
from time import thread_time_ns

from lichen.core.errors import InvalidInput

_CALIBRATION_READS = 401


def split(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Integer shares of `total` in proportion to `weights`, by largest remainder (A5).

    The shares sum to `total` exactly; each lies within 1 of its exact share. Equal remainders
    go to the earlier request. Weights that are all 0 share equally.

    Args:
        total: nanojoules or CPU nanoseconds, 0 or more.
        weights: the size of each request: rows, tokens or estimated FLOPs (A2), 0 or more.

    Raises:
        InvalidInput: there is nobody to share with, or a weight or the total is negative.
    """
    if len(weights) == 1 and total >= 0 and weights[0] >= 0:
        return (total,)
    if total < 0 or not weights or min(weights) < 0:
        raise InvalidInput("a cost of 0 or more is split over at least one weight of 0 or more")
    if weights.count(weights[0]) == len(weights):
        share, missing = divmod(total, len(weights))
        return (share + 1,) * missing + (share,) * (len(weights) - missing)
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    missing = total - sum(shares)
    if missing:
        order = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % whole))
        for index in order[:missing]:
            shares[index] += 1
    return tuple(shares)


def clock_cost_ns(clock: Callable[[], int]) -> int:
    """What one span between two readings of a CPU clock shows when nothing runs in it (A1).

    The median of several hundred empty spans, measured now, in this process.
    """
    spans = []
    for _ in range(_CALIBRATION_READS):
        started = clock()
        spans.append(clock() - started)
    spans.sort()
    return spans[_CALIBRATION_READS // 2]


class Stopwatch:
    """CPU time of a span of work, less the calibrated cost of looking at the clock (A1).

    For a single-threaded runtime use `Stopwatch.of_thread()`; work with threads of its own
    belongs in a process of its own and is charged by `ProcessGauge`.
    """

    __slots__ = ("cost_ns", "start")

    start: Callable[[], int]
    """Gives a mark to hand to `spent`: the clock itself, so that marking costs nothing more."""

    def __init__(self, clock: Callable[[], int], cost_ns: int) -> None:
        self.start = clock
        self.cost_ns = cost_ns

    @classmethod
    def of_thread(cls) -> "Stopwatch":
        """By the CPU clock of whichever thread asks."""
        return cls(thread_time_ns, clock_cost_ns(thread_time_ns))

    def spent(self, mark: int) -> int:
        """CPU nanoseconds since `mark`, by the same thread; never below 0."""
        spent_ns = self.start() - mark - self.cost_ns
        return spent_ns if spent_ns > 0 else 0

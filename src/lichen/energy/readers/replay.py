"""A meter that replays a recorded trace, for tests and what-if; and one that reads nothing."""

from collections.abc import Sequence

from lichen.core.errors import InvalidInput
from lichen.core.figures import Method
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.page import Rate
from lichen.energy.power.learning import LearnedRate


class ReplayMeter:
    """Gives the recorded readings in their order, and the last one for ever after."""

    name = "replay"
    method = Method.MEASURED
    trouble = None

    def __init__(self, trace: Sequence[Reading], source: str = "recorded trace") -> None:
        if not trace:
            raise InvalidInput("a recorded trace needs at least one reading")
        self.source = source
        self._trace = tuple(trace)
        self._next = 0
        self._learned = LearnedRate()
        self._rated = trace[0]
        self._last = trace[0]

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:  # noqa: ARG002 - the trace knows
        """The next recorded reading."""
        self._last = self._trace[min(self._next, len(self._trace) - 1)]
        self._next += 1
        return self._last

    def rate(self, window: int) -> Rate:
        """Dynamic energy over busy CPU time, learned from the trace so far."""
        self._learned.learn(self._rated, self._last)
        self._rated = self._last
        return self._learned.rate(Method.MEASURED, self.source, window)

    def close(self) -> None:
        """Nothing to let go of."""


class NullMeter:
    """Reads nothing at all and says so; `probe` never chooses it. For tests of what needs a meter.

    Its rate is 0 within an interval that tells nothing, so no figure made with it can pass for a
    measurement (M5).
    """

    name = "null"
    method = Method.MODELLED
    source = "null meter: measures nothing"
    trouble = None

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        """No energy; our own CPU time is all the busy time there is."""
        return Reading(0, 0, own.cpu_ns, 0)

    def rate(self, window: int) -> Rate:
        """Nothing per nanosecond."""
        return Rate(0.0, 0.0, 0.0, Method.MODELLED, self.source, window)

    def close(self) -> None:
        """Nothing to let go of."""

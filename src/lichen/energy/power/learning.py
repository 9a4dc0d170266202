"""Learn what a busy CPU-nanosecond costs from an energy counter, window by window (M3, M4)."""

from math import exp

from lichen.core.figures import Method
from lichen.energy.meter import Reading
from lichen.energy.page import Rate
from lichen.energy.power.parameters import MILLI, SPECPOWER_2017

MEMORY_CPU_NS = 3_000_000_000
"""How much busy CPU time the rate remembers: forgetting by CPU time, not by the clock on the
wall, keeps a quiet night from replacing what was learned under load."""
PRIOR_CPU_NS = 100_000_000
"""How much busy CPU time the published prior is worth at the start."""
LEAST_CPU_NS = 10_000_000
"""Windows with less busy CPU than this teach nothing: their dynamic energy is noise."""
COUNTER_SPREAD = 0.05
"""Assumed 90 % half-width of a counter that covers the CPU package and its memory."""


class LearnedRate:
    """Dynamic energy over busy CPU time with exponential forgetting, starting at the prior."""

    def __init__(self) -> None:
        slope = SPECPOWER_2017.slope
        self._cpu_ns = float(PRIOR_CPU_NS)
        self._nj = PRIOR_CPU_NS * slope.median_mw / MILLI
        self._floor = slope.low_mw / MILLI / 4
        self._ceiling = slope.high_mw / MILLI * 4

    def learn(self, before: Reading, after: Reading) -> None:
        """Take in what one window used."""
        cpu_ns = after.busy_cpu_ns - before.busy_cpu_ns
        if cpu_ns < LEAST_CPU_NS:
            return
        dynamic_nj = (after.host_nj - before.host_nj) - (after.idle_nj - before.idle_nj)
        kept = exp(-cpu_ns / MEMORY_CPU_NS)
        self._cpu_ns = self._cpu_ns * kept + cpu_ns
        self._nj = self._nj * kept + max(0, dynamic_nj)

    @property
    def nj_per_cpu_ns(self) -> float:
        """The rate, kept within four times the published range on either side."""
        return min(max(self._nj / self._cpu_ns, self._floor), self._ceiling)

    def rate(self, method: Method, source: str, window: int, idle_spread: float = 0.0) -> Rate:
        """The rate with its interval; `idle_spread` is what not knowing the idle share adds."""
        middle = self.nj_per_cpu_ns
        spread = COUNTER_SPREAD + idle_spread
        return Rate(
            middle, middle * max(0.0, 1 - spread), middle * (1 + spread), method, source, window
        )

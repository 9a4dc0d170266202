"""What the counted part of a host draws when nothing runs, learned from quiet seconds (M4)."""

from lichen.energy.meter import Reading
from lichen.energy.power.parameters import MILLI, SPECPOWER_2017

QUIET_SHARE = 0.05
"""A window busy for less than this share of the host teaches what idling draws."""
IDLE_GAIN = 0.2


class IdlePower:
    """The published prior, until quiet windows were seen; a watt is a nanojoule a nanosecond."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.watts = SPECPOWER_2017.idle.median_mw * threads / MILLI
        self.learned = False

    def learn(self, before: Reading, after: Reading, nj_per_cpu_ns: float) -> None:
        """Take in one window, if it was quiet."""
        elapsed_ns = after.at_ns - before.at_ns
        busy_ns = after.busy_cpu_ns - before.busy_cpu_ns
        if elapsed_ns <= 0 or busy_ns > QUIET_SHARE * self._threads * elapsed_ns:
            return
        drawn_nj = after.host_nj - before.host_nj - busy_ns * nj_per_cpu_ns
        watts = max(0.0, drawn_nj / elapsed_ns)
        self.watts += (watts - self.watts) * (IDLE_GAIN if self.learned else 1.0)
        self.learned = True

    def spread_of(self, before: Reading, after: Reading) -> float:
        """The relative error of the rate from not knowing the idle share; 0 once it is learned."""
        busy_ns = after.busy_cpu_ns - before.busy_cpu_ns
        if self.learned or busy_ns <= 0:
            return 0.0
        idle = SPECPOWER_2017.idle
        unsure_nj = (idle.high_mw - idle.low_mw) / 2 / MILLI * self._threads
        unsure_nj *= after.at_ns - before.at_ns
        dynamic_nj = max(1, after.host_nj - before.host_nj - (after.idle_nj - before.idle_nj))
        return min(1.0, unsure_nj / dynamic_nj)

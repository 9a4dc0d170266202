"""The meter where no counter exists: P = idle share + slope x busy CPU-seconds (M1, M2)."""

import os
from collections.abc import Callable
from math import hypot
from time import monotonic_ns

from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.page import Rate
from lichen.energy.power.parameters import (
    MEMORY,
    MILLI,
    SPECPOWER_2017,
    USUAL_GIB_PER_THREAD,
    ModelParameters,
    Spread,
)

__all__ = [
    "MILLI",
    "SPECPOWER_2017",
    "ModelMeter",
    "ModelParameters",
    "Spread",
    "idle_power",
    "memory_power",
]


def memory_power(parameters: ModelParameters, memory_gib: float | None) -> Spread | None:
    """What that much installed memory draws; None where it lies within the idle share."""
    if memory_gib is None or parameters.base is None:
        return None
    return MEMORY.times(memory_gib)


def idle_power(
    parameters: ModelParameters, threads: int, memory_gib: float | None = None
) -> Spread:
    """What the idle machine draws, its memory included.

    The interval is that of machines whose memory is counted at the median of W per GB, which is
    how it was fitted and cross-validated: what is unsure of so much memory as those servers have
    lies within it. What a machine has beyond that widens it, by the interval of memory itself.
    """
    memory = memory_power(parameters, memory_gib)
    if memory is None or parameters.base is None:
        return parameters.idle.times(threads)
    base, middle_mw = parameters.base.times(threads), memory.median_mw
    beyond = MEMORY.times(max(0.0, (memory_gib or 0) - USUAL_GIB_PER_THREAD * threads))
    below_mw = hypot(base.median_mw - base.low_mw, beyond.median_mw - beyond.low_mw)
    above_mw = hypot(base.high_mw - base.median_mw, beyond.high_mw - beyond.median_mw)
    middle_mw += base.median_mw
    high_mw = max(round(middle_mw + above_mw), memory.high_mw)  # the whole is above its part
    return Spread(round(middle_mw - below_mw), middle_mw, high_mw)


def _ends(idle: Spread) -> tuple[float | None, float | None]:
    """The ends of the idle power as shares of it; of none there are none."""
    if idle.median_mw <= 0:
        return None, None
    return idle.low_mw / idle.median_mw, idle.high_mw / idle.median_mw


class ModelMeter:
    """Joules from busy CPU time; linear, so the second busy core costs what the first did (M2).

    `memory_gib` is the memory installed, if known: it draws its share whether it is used or not,
    and is part of the idle energy. Without it a typical server's memory is within the idle share.
    """

    name = "model"
    method = Method.MODELLED
    trouble = None

    def __init__(
        self,
        parameters: ModelParameters = SPECPOWER_2017,
        host: HostCpu | None = None,
        threads: int | None = None,
        monotonic: Callable[[], int] = monotonic_ns,
        memory_gib: float | None = None,
    ) -> None:
        self.parameters = parameters
        self.threads = threads or os.cpu_count() or 1
        self.memory = memory_power(parameters, memory_gib)
        self.idle = idle_power(parameters, self.threads, memory_gib)
        self._host = host or HostCpu()
        self._monotonic = monotonic
        self._began_ns = monotonic()

    @property
    def source(self) -> str:
        """The model and its version."""
        return self.parameters.source

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        """What the model says the host used since this meter was made."""
        busy_ns = self._host.read(own)
        at_ns = self._monotonic()
        idle_nj = (at_ns - self._began_ns) * self.idle.median_mw // MILLI
        dynamic_nj = busy_ns * self.parameters.slope.median_mw // MILLI
        return Reading(idle_nj + dynamic_nj, idle_nj, busy_ns, at_ns)

    def rate(self, window: int) -> Rate:
        """The slope, whatever was read: with a linear model the ledger closes by itself."""
        slope = self.parameters.slope
        return Rate(
            slope.median_mw / MILLI,
            slope.low_mw / MILLI,
            slope.high_mw / MILLI,
            Method.MODELLED,
            self.source,
            window,
            *_ends(self.idle),
        )

    def close(self) -> None:
        """Let go of /proc/stat."""
        self._host.close()

"""The meter where no counter exists: P = idle share + slope x busy CPU-seconds (M1, M2)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic_ns

from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.page import Rate

MILLI = 1000


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and its 5-95 % range over a published population, in milliwatts."""

    low_mw: int
    median_mw: int
    high_mw: int


@dataclass(frozen=True, slots=True)
class ModelParameters:
    """What one hardware thread draws idle, and what it draws more when it is busy.

    One milliwatt is one thousandth of a nanojoule per nanosecond.
    """

    slope: Spread
    idle: Spread
    source: str


SPECPOWER_2017 = ModelParameters(
    slope=Spread(1187, 3258, 4094),
    idle=Spread(352, 555, 1153),
    source="model specpower-2017-2021 v1",
)
"""Medians and 5-95 % over the 240 SPECpower_ssj2008 results submitted from 2017 to 2021, as
collected by Cloud Carbon Footprint (Apache-2.0): slope = (watts at 100 % - watts at active idle) /
hardware threads, idle = watts at active idle / hardware threads. Full load: 3797 (1608-5177)."""


class ModelMeter:
    """Joules from busy CPU time; linear, so the second busy core costs what the first did (M2)."""

    name = "model"
    method = Method.MODELLED

    def __init__(
        self,
        parameters: ModelParameters = SPECPOWER_2017,
        host: HostCpu | None = None,
        threads: int | None = None,
        monotonic: Callable[[], int] = monotonic_ns,
    ) -> None:
        self.parameters = parameters
        self.threads = threads or os.cpu_count() or 1
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
        idle_mw = self.parameters.idle.median_mw * self.threads
        idle_nj = (at_ns - self._began_ns) * idle_mw // MILLI
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
        )

    def close(self) -> None:
        """Let go of /proc/stat."""
        self._host.close()

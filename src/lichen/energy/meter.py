"""What a meter is: a cumulative counter of joules, never a guessed power (M1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lichen.core.figures import Method
from lichen.energy.page import Rate


@dataclass(frozen=True, slots=True)
class OwnCpu:
    """The CPU that our own processes used, by their nanosecond clocks, as a meter is read.

    `adopted_ns` is the part of `cpu_ns` that earlier readings saw as somebody else's, because
    the process had not yet made itself known.
    """

    cpu_ns: int = 0
    adopted_ns: int = 0


NO_PROCESSES = OwnCpu()


@dataclass(frozen=True, slots=True)
class ProcessEnergy:
    """Energy of accelerators that one process used so far, by its share of their units (A1)."""

    pid: int
    nj: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a meter; every quantity counts up from some start and never goes back.

    `idle_nj` is the part of `host_nj` that an idle host would have used as well; `busy_cpu_ns`
    is the busy CPU time of the whole host; `at_ns` is the monotonic clock. `accelerator_nj` is the
    part of `host_nj` that accelerators used beyond idling, `accelerator_shares` what of it is known
    to be whose. `unmetered_ns` is time for which a counter's energy is not in `host_nj`.
    """

    host_nj: int
    idle_nj: int
    busy_cpu_ns: int
    at_ns: int
    accelerator_nj: int = 0
    accelerator_shares: tuple[ProcessEnergy, ...] = ()
    unmetered_ns: int = 0


class Meter(Protocol):
    """A cumulative energy counter of this host."""

    @property
    def name(self) -> str:
        """What to call it: `rapl`, `model`, ..."""
        ...

    @property
    def method(self) -> Method:
        """How its energy is obtained (M4)."""
        ...

    @property
    def source(self) -> str:
        """Which counters or which model and version; it travels with every figure (M2)."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why its counters cannot be read now, while something stands in; None: they can."""
        ...

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        """The counters now; busy CPU is never less than `own`, what our own processes used."""
        ...

    def rate(self, window: int) -> Rate:
        """What a busy CPU-nanosecond costs, from the readings so far, for charging in `window`."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """What the host used between two readings, about a second apart (M3).

    `rate` is the one that was published while the window ran, with which its work was charged.
    `unmetered_ns` is time before `started_at` in which no owner was alive: nobody booked it.
    `silent_ns` is time within it of which no counter told the energy: the last rate stood in.
    `accelerator_nj` is the part of `energy_nj` that accelerators used beyond idling.
    """

    number: int
    started_at: datetime
    ended_at: datetime
    energy_nj: int
    idle_nj: int
    busy_cpu_ns: int
    rate: Rate
    unmetered_ns: int = 0
    accelerator_nj: int = 0
    silent_ns: int = 0

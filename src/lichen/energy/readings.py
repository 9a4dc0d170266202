"""What the owner of the meters sees of each of our processes when it closes a window."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Charge:
    """What one process has charged to one account so far, counted since it was first seen."""

    account: str
    cpu_ns: int
    nj: int
    ng: int
    count: int


@dataclass(frozen=True, slots=True)
class ProcessReading:
    """One process at the end of a window; every quantity counts up since it was first seen.

    `in_flight_ns` is an upper bound of the CPU time of work that runs but is not charged yet; a
    process that charges all of its CPU (`whole_process`) is always in flight while it lives.
    `started` is its start in clock ticks since boot: with `pid` it names the process for ever.
    `accelerator_nj` is what it used of accelerators (A1), `accelerator_charged_nj` the part of it
    that it has charged, within the charges' `nj`; with `charges_accelerators` it will charge the
    rest, as long as it lives. `platform` is the home of the platform whose
    ledger books it.
    A process that ended is read once more with `alive` false, and then never again.
    """

    name: str
    pid: int
    started: int
    cpu_ns: int
    charges: tuple[Charge, ...]
    in_flight_ns: int
    whole_process: bool
    alive: bool
    platform: str = ""
    accelerator_nj: int = 0
    accelerator_charged_nj: int = 0
    charges_accelerators: bool = False

    @property
    def charged_ns(self) -> int:
        """CPU time charged so far, over all accounts."""
        return sum(charge.cpu_ns for charge in self.charges)

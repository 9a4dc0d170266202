"""Linux powercap counters (RAPL): package and memory of every socket, with wrap-around (M1).

Only `package-*` and `dram` zones are summed: `core` and `uncore` lie within their package, and
`psys` contains all of them. Counters that the kernel shows twice (`intel-rapl-mmio`) are read once.
AMD's processors are shown by the same driver under the same name.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.host_cpu import HostCpu
from lichen.energy.readers.counter_meter import Clocks, CounterMeter, boottime_ns
from lichen.energy.readers.source import Total
from lichen.energy.steps import Instant, Steps

POWERCAP = Path("/sys/class/powercap")
NANOJOULES_PER_MICROJOULE = 1000
MOST_WATTS = 2000.0
"""No socket, nor the memory at it, draws as much."""
STILL_NS = 30 * NANOSECONDS_PER_SECOND
"""Packages that count nothing for so long are not counted: they draw watts even when idle."""
REMEDY = (
    "since Linux 5.10 only root reads them: run `sudo chmod a+r "
    "/sys/class/powercap/*/energy_uj` after each boot, or run as root"
)


@dataclass(frozen=True, slots=True)
class Zone:
    """One powercap zone: `name` as the kernel gives it, and the folder that holds its counter."""

    name: str
    folder: Path

    @property
    def counted(self) -> bool:
        """Whether it adds to the host's energy, rather than lying within another zone."""
        return self.name.startswith("package") or self.name == "dram"


def zones(powercap: Path = POWERCAP) -> tuple[Zone, ...]:
    """Every RAPL zone that the kernel shows, readable or not."""
    return _zones(powercap, "intel-rapl:*") or _zones(powercap, "intel-rapl-mmio:*")


def _zones(powercap: Path, pattern: str) -> tuple[Zone, ...]:
    return tuple(
        Zone((folder / "name").read_text().strip(), folder)
        for folder in sorted(powercap.glob(pattern))
        if (folder / "name").is_file()
    )


class Counter:
    """One energy counter, unwrapped: nanojoules since it was opened."""

    def __init__(self, zone: Zone, at: Instant) -> None:
        self.zone = zone
        self._file = -1
        path = self.path
        try:
            range_uj = int((zone.folder / "max_energy_range_uj").read_text())
            first_nj = self._raw_nj()
        except PermissionError as error:
            raise Unavailable(f"may not read {path}: {REMEDY}") from error
        except (OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"cannot read the energy counter {path}: {error}") from error
        self.steps = Steps(first_nj, at, MOST_WATTS, range_uj * NANOJOULES_PER_MICROJOULE)

    def _raw_nj(self) -> int:
        if self._file < 0:
            self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        shown_uj = int(os.pread(self._file, 32, 0))
        if shown_uj < 0:
            raise ValueError(f"{shown_uj} is no energy")
        return shown_uj * NANOJOULES_PER_MICROJOULE

    @property
    def path(self) -> Path:
        """The file that holds the counter."""
        return self.zone.folder / "energy_uj"

    def take(self, at: Instant) -> None:
        """Look at it now; a counter that went away, with its driver, is opened again next time.

        Raises:
            Unavailable: it is not there, or no number.
        """
        try:
            self.steps.take(self._raw_nj(), at)
        except (OSError, ValueError) as error:
            self.close()
            raise Unavailable(f"the energy counter {self.path} went away: {error}") from error

    def close(self) -> None:
        """Close the counter's file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class RaplSource:
    """The energy of all packages and their memory, by the processors' own counters."""

    name = "rapl"
    method = Method.MEASURED

    def __init__(self, powercap: Path, at: Instant) -> None:
        counted = [zone for zone in zones(powercap) if zone.counted]
        if not counted:
            raise Unavailable(f"no RAPL counters under {powercap}: this machine shows none")
        self._counters: list[Counter] = []
        try:
            for zone in counted:
                self._counters.append(Counter(zone, at))
        except Unavailable:
            self.close()
            raise
        self.source = "rapl " + "+".join(sorted({zone.name for zone in counted}))

    def total(self, at: Instant) -> Total:
        """All counters together; each is looked at, also when another cannot be read.

        Raises:
            Unavailable: one went away, or none has moved for half a minute.
        """
        gone: list[Unavailable] = []
        for counter in self._counters:
            try:
                counter.take(at)
            except Unavailable as error:
                gone.append(error)
        if gone:
            raise gone[0]
        steps = [counter.steps for counter in self._counters]
        if at.awake_ns - max(one.moved.awake_ns for one in steps) > STILL_NS:
            raise Unavailable(f"the energy counters of {self.source} stand still")
        return Total(sum(one.total_nj for one in steps), sum(one.losses for one in steps))

    def close(self) -> None:
        """Let go of the counters."""
        for counter in self._counters:
            counter.close()


class RaplMeter(CounterMeter):
    """A counter meter on this host's RAPL counters.

    Raises:
        Unavailable: there are none, or they may not be read.
    """

    def __init__(
        self,
        powercap: Path = POWERCAP,
        host: HostCpu | None = None,
        threads: int | None = None,
        monotonic: Callable[[], int] = monotonic_ns,
        boottime: Callable[[], int] = boottime_ns,
    ) -> None:
        clocks = Clocks(monotonic, boottime)
        super().__init__(RaplSource(powercap, clocks.instant()), host, threads, clocks)

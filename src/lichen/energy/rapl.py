"""Linux powercap counters (RAPL): package and memory of every socket, with wrap-around (M1).

Only `package-*` and `dram` zones are summed: `core` and `uncore` lie within their package, and
`psys` contains all of them. Counters that the kernel shows twice (`intel-rapl-mmio`) are read once.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.learning import LearnedRate
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.model import MILLI, SPECPOWER_2017
from lichen.energy.page import Rate

POWERCAP = Path("/sys/class/powercap")
NANOJOULES_PER_MICROJOULE = 1000
QUIET_SHARE = 0.05
"""A window busy for less than this share of the host teaches what idling draws."""
IDLE_GAIN = 0.2
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
    return tuple(
        Zone((folder / "name").read_text().strip(), folder)
        for folder in sorted(powercap.glob("intel-rapl:*"))
        if (folder / "name").is_file()
    )


class Counter:
    """One energy counter, unwrapped: nanojoules since it was opened."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        path = self.path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._range_uj = int((zone.folder / "max_energy_range_uj").read_text())
            self._last_uj = self._read_uj()
        except PermissionError as error:
            raise Unavailable(f"may not read {path}: {REMEDY}") from error
        except (OSError, ValueError) as error:
            raise Unavailable(f"cannot read the energy counter {path}: {error}") from error
        self._total_uj = 0

    def _read_uj(self) -> int:
        return int(os.pread(self._file, 32, 0))

    @property
    def path(self) -> Path:
        """The file that holds the counter."""
        return self.zone.folder / "energy_uj"

    def read_nj(self) -> int:
        """Nanojoules since it was opened; a counter that went back has wrapped once."""
        try:
            now_uj = self._read_uj()
        except (OSError, ValueError) as error:
            raise Unavailable(f"the energy counter {self.path} went away: {error}") from error
        step_uj = now_uj - self._last_uj
        if step_uj < 0:
            step_uj += self._range_uj
        self._last_uj = now_uj
        self._total_uj += max(0, step_uj)
        return self._total_uj * NANOJOULES_PER_MICROJOULE

    def close(self) -> None:
        """Close the counter's file."""
        os.close(self._file)


class RaplMeter:
    """The energy of all packages and their memory, by the processors' own counters.

    The idle share is a learned one: until a quiet second was seen it is the published prior,
    and figures say `mixed` (M4).
    """

    name = "rapl"
    method = Method.MEASURED

    def __init__(
        self,
        powercap: Path = POWERCAP,
        host: HostCpu | None = None,
        threads: int | None = None,
        monotonic: Callable[[], int] = monotonic_ns,
    ) -> None:
        counted = [zone for zone in zones(powercap) if zone.counted]
        if not counted:
            raise Unavailable(f"no RAPL counters under {powercap}: this machine shows none")
        self._counters: list[Counter] = []
        try:
            for zone in counted:
                self._counters.append(Counter(zone))
        except Unavailable:
            self.close_counters()
            raise
        self.source = "rapl " + "+".join(sorted({zone.name for zone in counted}))
        self.threads = threads or os.cpu_count() or 1
        self._host = host or HostCpu()
        self._monotonic = monotonic
        self._idle = IdlePower(self.threads)
        self._learned = LearnedRate()
        self._idle_nj = 0
        self._rated = self._last = Reading(0, 0, 0, monotonic())

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        """What the counters went up by since this meter was made."""
        at_ns = self._monotonic()
        host_nj = sum(counter.read_nj() for counter in self._counters)
        drawn_nj = host_nj - self._last.host_nj
        idle_nj = int((at_ns - self._last.at_ns) * self._idle.watts)
        self._idle_nj += min(drawn_nj, idle_nj)
        self._last = Reading(host_nj, self._idle_nj, self._host.read(own), at_ns)
        return self._last

    def rate(self, window: int) -> Rate:
        """Learned from the windows so far, starting at the published prior."""
        before, after = self._rated, self._last
        self._rated = after
        self._learned.learn(before, after)
        self._idle.learn(before, after, self._learned.nj_per_cpu_ns)
        method = Method.MEASURED if self._idle.learned else Method.MIXED
        spread = self._idle.spread_of(before, after)
        return self._learned.rate(method, self.source, window, spread)

    def close(self) -> None:
        """Let go of the counters and /proc/stat."""
        self.close_counters()
        self._host.close()

    def close_counters(self) -> None:
        """Let go of the counters."""
        while self._counters:
            self._counters.pop().close()


class IdlePower:
    """What the counted zones draw when nothing runs: the prior, until quiet windows were seen."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.watts = SPECPOWER_2017.idle.median_mw * threads / MILLI
        self.learned = False

    def learn(self, before: Reading, after: Reading, nj_per_cpu_ns: float) -> None:
        """Take in one window, if it was quiet; one watt is one nanojoule per nanosecond."""
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

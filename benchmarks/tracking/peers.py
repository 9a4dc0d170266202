"""The trackers, how each is driven, and what each asks of the network."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from contest.environments import pinned, python_of

HERE = Path(__file__).parent
DRIVERS, REQUIREMENTS = HERE / "drivers", HERE / "requirements"


@dataclass(frozen=True)
class Peer:
    """One tracker; `package` is its name on PyPI, empty for ourselves."""

    name: str
    shown: str
    package: str
    how: str
    network: str
    tracking: str = ""
    overlaps: bool = True
    """Whether spans of it may overlap, so that a hundred requests at once can be asked."""

    @property
    def version(self) -> str:
        """As pinned; ours is the one that runs."""
        return pinned(self.package, REQUIREMENTS)[self.package] if self.package else "this checkout"

    def driver(self) -> Path:
        """The script that drives it, in its own environment."""
        return DRIVERS / f"drive_{self.package or self.name}.py"

    def python(self) -> Path:
        """The interpreter of its environment.

        Raises:
            CannotRun: it cannot be made here.
        """
        if not self.package:
            return Path(sys.executable)
        try:
            return python_of(self.package, REQUIREMENTS)
        except (SystemExit, subprocess.CalledProcessError, OSError) as error:
            raise CannotRun(f"its environment cannot be made: {error}") from error


class CannotRun(Exception):
    """A tracker that is skipped, and why."""


LICHEN = Peer("lichen", "Lichen", "", "`lichen.metered`", "nothing")
CODECARBON = Peer(
    "codecarbon",
    "CodeCarbon",
    "codecarbon",
    "`OfflineEmissionsTracker`, machine mode; tasks by `start_task` and `stop_task`; a tracker for "
    "each concurrent request",
    "the offline tracker nothing; `EmissionsTracker` asks a location service (get.geojs.io) at "
    "start, and Electricity Maps where it has a token",
    "machine",
)
CODECARBON_PROCESS = Peer(
    "codecarbon-process",
    "CodeCarbon, process mode",
    "codecarbon",
    "`OfflineEmissionsTracker`, `tracking_mode=process`",
    CODECARBON.network,
    "process",
)
ZEUS = Peer(
    "zeus",
    "Zeus",
    "zeus",
    "`ZeusMonitor`, `begin_window` and `end_window`",
    "nothing",
)
CARBONTRACKER = Peer(
    "carbontracker",
    "carbontracker",
    "carbontracker",
    "`CarbonTracker`, an epoch for each task",
    "a location service (ipinfo.io, by `geocoder`) at every start; it cannot be told not to",
    overlaps=False,
)
PEERS = (LICHEN, CODECARBON, CODECARBON_PROCESS, ZEUS, CARBONTRACKER)
USUAL = (LICHEN, CODECARBON, ZEUS, CARBONTRACKER)

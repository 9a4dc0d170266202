"""Cards whose kernel driver counts energy itself: `energy1_input` of hwmon, in microjoules (M1).

Intel's discrete cards have it (drivers `i915` and `xe`). AMD's driver `amdgpu` shows power alone.
Who computed is not told, so a card's energy beyond idling stays the host's; and since nothing says
when a card idles, none of it is called idle.
"""

from collections.abc import Mapping
from pathlib import Path

from lichen.core.errors import Unavailable

DRM = Path("/sys/class/drm")
NANOJOULES_PER_MICROJOULE = 1000


class HwmonDevice:
    """One card."""

    def __init__(self, card: str, folder: Path) -> None:
        self._counter = folder / "energy1_input"
        driver = (folder / "name").read_text().strip() if (folder / "name").is_file() else "card"
        self.name = f"{driver} {card}"

    def raw_nj(self) -> int:
        """Its counter.

        Raises:
            Unavailable: it cannot be read, or is no number.
        """
        try:
            return int(self._counter.read_text()) * NANOJOULES_PER_MICROJOULE
        except (OSError, ValueError) as error:
            raise Unavailable(f"cannot read {self._counter}: {error}") from error

    def shares(self) -> Mapping[int, int]:
        """Nobody is told; the energy is somebody's all the same."""
        return {0: 1}


class Hwmon:
    """All cards that show an energy counter under /sys/class/drm.

    Raises:
        Unavailable: there is none, or it may not be read.
    """

    name = "hwmon"
    tells_processes = False

    def __init__(self, drm: Path = DRM) -> None:
        self.devices = tuple(
            HwmonDevice(folder.parts[-4], folder)
            for folder in sorted(drm.glob("card*/device/hwmon/hwmon*"))
            if (folder / "energy1_input").is_file()
        )
        if not self.devices:
            raise Unavailable(f"no card under {drm} shows an energy counter")
        for device in self.devices:
            device.raw_nj()

    def close(self) -> None:
        """Nothing to let go of."""

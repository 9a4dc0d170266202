"""A powercap tree as a two-socket Xeon shows it, recorded from the layout that Linux documents."""

from pathlib import Path

import pytest

RECORDED = {
    "intel-rapl:0": ("package-0", 1_000_000, 262_143_328_850),
    "intel-rapl:0:0": ("core", 600_000, 262_143_328_850),
    "intel-rapl:0:1": ("dram", 50_000, 65_712_999_613),
    "intel-rapl:1": ("package-1", 262_143_000_000, 262_143_328_850),
    "intel-rapl:1:0": ("core", 500_000, 262_143_328_850),
    "intel-rapl:1:1": ("dram", 40_000, 65_712_999_613),
    "intel-rapl:2": ("psys", 9_000_000, 262_143_328_850),
    "intel-rapl-mmio:0": ("package-0", 1_000_000, 262_143_328_850),
}


class PowercapTree:
    """Counters in files, moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for zone, (name, energy_uj, range_uj) in RECORDED.items():
            (folder / zone).mkdir(parents=True)
            (folder / zone / "name").write_text(f"{name}\n")
            (folder / zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
            self.set(zone, energy_uj)
        (folder / "intel-rapl").mkdir()

    def set(self, zone: str, energy_uj: int) -> None:
        with (self.folder / zone / "energy_uj").open("w") as file:
            file.write(f"{energy_uj}\n")

    def advance(self, zone: str, energy_uj: int) -> None:
        path = self.folder / zone
        limit = int((path / "max_energy_range_uj").read_text())
        self.set(zone, (int((path / "energy_uj").read_text()) + energy_uj) % limit)


@pytest.fixture
def powercap(tmp_path: Path) -> PowercapTree:
    return PowercapTree(tmp_path / "powercap")

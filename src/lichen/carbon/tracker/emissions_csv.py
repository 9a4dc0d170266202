"""Rows with the columns of CodeCarbon's `emissions.csv`, so that its dashboards go on working.

Names, order and units are those that CodeCarbon 3.3.2 writes; docs/how-to/move-from-codecarbon.md
has them one by one. What nobody here can know is an empty cell, never 0 (M5).
"""

import csv
import fcntl
import io
import os
import platform
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TextIO
from uuid import uuid4

import lichen
from lichen.carbon.grids.averages import table
from lichen.carbon.tracker.country_codes import three_letters
from lichen.carbon.tracker.prices import Spent, operational_ng
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.core.units import NANOJOULES_PER_KWH, NANOSECONDS_PER_SECOND, joules

COLUMNS = (
    "timestamp",
    "project_name",
    "run_id",
    "experiment_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "water_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "cpu_utilization_percent",
    "gpu_utilization_percent",
    "ram_utilization_percent",
    "ram_used_gb",
    "on_cloud",
    "pue",
    "wue",
)
_CORE = frozenset({"timestamp", "project_name", "duration", "emissions", "energy_consumed"})
"""What every version of the file has; without these it is another file."""

FILE_NAME = "emissions.csv"
_NANOGRAMS_PER_KG = 10**12
_BYTES_PER_GIB = 2**30
_FIGURES = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One ended piece of work, as a row tells it.

    `card_nj` is the part of its energy that accelerators used; None where none is metered.
    """

    name: str
    ended_at: datetime
    seconds: float
    spent: tuple[Spent, ...]
    zone: str
    pue: float
    card_nj: int | None = None


def row_of(run: Run) -> dict[str, str]:
    """The cells that are known, by column.

    Energy is what the work added, in kWh with the PUE; carbon is that of this energy alone, in kg,
    since the column never held what making the computers cost.
    """
    nj = sum(part.nj for part in run.spent)
    cpu_ns = sum(part.cpu_ns for part in run.spent)
    kwh = nj * run.pue / NANOJOULES_PER_KWH
    kg = operational_ng(run.spent) / _NANOGRAMS_PER_KG
    known = {
        "timestamp": run.ended_at.astimezone().strftime("%Y-%m-%dT%H:%M:%S"),
        "project_name": run.name,
        "run_id": str(uuid4()),
        "duration": _number(run.seconds),
        "emissions": _number(kg),
        "cpu_energy": _number((nj - (run.card_nj or 0)) * run.pue / NANOJOULES_PER_KWH),
        "energy_consumed": _number(kwh),
        "tracking_mode": "process",
        "on_cloud": "N",  # its dashboard knows two letters; this one stands for none being known
        "pue": _number(run.pue),
        **_place(run.zone),
        **_machine(),
    }
    if run.card_nj is not None:
        known["gpu_energy"] = _number(run.card_nj * run.pue / NANOJOULES_PER_KWH)
    if run.seconds > 0:
        share = cpu_ns / NANOSECONDS_PER_SECOND / run.seconds
        known["emissions_rate"] = _number(kg / run.seconds)
        known["cpu_power"] = _number(joules(nj - (run.card_nj or 0)) * run.pue / run.seconds)
        if run.card_nj is not None:
            known["gpu_power"] = _number(joules(run.card_nj) * run.pue / run.seconds)
        known["cpu_utilization_percent"] = _number(100 * share / (os.cpu_count() or 1))
    return known


def _number(value: float) -> str:
    return f"{value:.{_FIGURES}g}"


def _place(zone: str) -> dict[str, str]:
    country = zone.partition("-")[0]
    code, row = three_letters(zone), table().get(country)
    if code is None or row is None:
        return {}
    part = table().get(zone)
    return {
        "country_name": row.name,
        "country_iso_code": code,
        "region": "" if zone == country else (part.name if part else zone).lower(),
    }


@cache
def _machine() -> dict[str, str]:
    known = {
        "os": platform.platform(),
        "python_version": platform.python_version(),
        "codecarbon_version": f"lichen {_version()}",
        "cpu_count": str(os.cpu_count() or ""),
        "cpu_model": _processor(),
    }
    if "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        known["ram_total_size"] = _number(size / _BYTES_PER_GIB)
    return known


def _version() -> str:
    try:
        return str(lichen.__version__)
    except ImportError:  # run from a checkout that nobody installed
        return "from source"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "")


class EmissionsFile:
    """A CSV file that takes a row for each run; any number of processes may write it.

    A file that is there keeps its own columns in their order, those of an older or a newer version
    too: its cells that we do not know stay empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path / FILE_NAME if path.is_dir() else path

    def check(self) -> None:
        """Look before the work begins whether a row could be written after it.

        Raises:
            InvalidInput: the folder is not there or not ours to write, or it is another file.
        """
        folder = self.path.parent
        if not os.access(self.path if self.path.exists() else folder, os.W_OK):
            raise InvalidInput(f"cannot write {self.path}: name a file in a folder you may write")
        if self.path.exists():
            with self.path.open(encoding="utf-8", newline="") as file:
                self._columns(file)

    def append(self, run: Run) -> None:
        """Add the run's row, after a header where the file is new.

        Raises:
            InvalidInput: it is another file.
            StorageFailed: it cannot be written.
        """
        try:
            with self.path.open("a+", encoding="utf-8", newline="") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(self._text(file, row_of(run)))
        except OSError as error:
            raise StorageFailed(
                f"no row was added to {self.path} ({error.strerror}): the receipt still has it all"
            ) from error

    def _text(self, file: TextIO, row: dict[str, str]) -> str:
        columns = self._columns(file)
        text = io.StringIO()
        write = csv.writer(text, lineterminator="\n").writerow
        if not columns:
            write(COLUMNS)
        elif not self._ends_a_line():
            text.write("\n")
        write([row.get(column, "") for column in columns or COLUMNS])
        return text.getvalue()

    def _columns(self, file: TextIO) -> list[str]:
        """The header that is there; empty for an empty file."""
        file.seek(0)
        try:
            found = next(csv.reader(file), [])
        except (UnicodeDecodeError, csv.Error):
            found = ["not text"]
        if found and not _CORE.issubset(found):
            raise InvalidInput(
                f"{self.path} is no emissions file: it lacks the columns "
                f"{', '.join(sorted(_CORE.difference(found)))}; name another"
            )
        return found

    def _ends_a_line(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) in (b"\n", b"\r")

"""Which processor and how much memory this machine shows, and the TDP that is published of it."""

import csv
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lichen.core.errors import Unavailable

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
UNKNOWN = "unknown processor"
TDP_PACKAGE = "codecarbon"
TDP_FILE = "data/hardware/cpu_power.csv"
_KIB_PER_GIB = 1 << 20
_LEAST_TDP_W, _MOST_TDP_W = 1.0, 2000.0
_NOISE = re.compile(
    r"\((?:r|tm)\)|\bcpu\b|\bprocessor\b|\b\d+-core\b|\b\d+th gen\b|\bwith radeon.*|@.*",
)
"""What /proc/cpuinfo adds to a processor's name and no table has."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What the kernel shows of the processor.

    `socket_threads` is how many hardware threads share a socket, and absent where nobody here can
    know: a virtual machine sees the threads it was given.
    """

    name: str
    socket_threads: int | None
    virtual: bool


def processor(cpuinfo: Path = CPUINFO) -> Processor:
    """The processor of this machine; of a hybrid one, that of its first core."""
    said = _first_block(_text(cpuinfo))
    virtual = "hypervisor" in said.get("flags", "").split()
    threads = said.get("siblings", "")
    known = threads.isdigit() and int(threads) > 0 and not virtual
    return Processor(said.get("model name", UNKNOWN), int(threads) if known else None, virtual)


def _first_block(text: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if not key.strip():
            break
        said[key.strip()] = value.strip()
    return said


def installed_gib(meminfo: Path = MEMINFO) -> float | None:
    """The memory that this machine has, in GiB, less the few percent its kernel keeps from view."""
    found = re.search(r"^MemTotal:\s+(\d+) kB$", _text(meminfo), re.MULTILINE)
    return int(found[1]) / _KIB_PER_GIB if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def normal_name(name: str) -> str:
    """A processor's name as tables write it, in lower case."""
    return " ".join(_NOISE.sub(" ", name.lower()).split())


class TdpTable:
    """TDP in watts by processor, from a CSV with columns `Name` and `TDP`.

    Only a name that is the same, and means one TDP, is found: a near one may be twice as large.
    Rows that cannot be read are passed over.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        self._watts: dict[str, set[float]] = {}
        try:
            with path.open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file)
                if not {"Name", "TDP"} <= set(rows.fieldnames or ()):
                    raise Unavailable(f"{path} is no table of TDP: columns Name, TDP are missing")
                for row in rows:
                    self._add(row["Name"], row["TDP"])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise Unavailable(f"cannot read the table of TDP {path}: {error}") from error

    def _add(self, name: str | None, watts: str | None) -> None:
        try:
            tdp_w = float(watts or "")
        except ValueError:
            return
        if name and _LEAST_TDP_W <= tdp_w <= _MOST_TDP_W:
            self._watts.setdefault(normal_name(name), set()).add(tdp_w)

    def watts(self, name: str) -> float | None:
        """The TDP of that processor; None if the table has none or several."""
        known = self._watts.get(normal_name(name), set())
        return next(iter(known)) if len(known) == 1 else None


def tdp_table() -> TdpTable:
    """The table that codecarbon ships, read from its files without importing it.

    Raises:
        Unavailable: it is not installed, or ships no such table.
    """
    spec = find_spec(TDP_PACKAGE)
    if spec is None or spec.origin is None:
        raise Unavailable(
            f"no table of TDP: `pip install 'lichen[tdp]'` adds that of {TDP_PACKAGE}"
        )
    package = Path(spec.origin).parent
    return TdpTable(package / TDP_FILE, f"{TDP_PACKAGE} {_version(package)}")


def _version(package: Path) -> str:
    """By the name of the folder beside it; `importlib.metadata` costs an owner's start 20 ms."""
    found = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    return (
        found[-1].name.removesuffix(".dist-info").split("-")[1] if found else "of unknown version"
    )

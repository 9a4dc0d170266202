"""What was said of a zone's intensity over the last year: one append-only file for each source.

A line is a point with a checksum of its own. A line that a crash tore, or that somebody changed, is
passed over; a point that was revised is appended again, and the later line holds.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zlib import crc32

from lichen.carbon.grids.observations import Method, Point
from lichen.carbon.intensity import MOST_G_PER_KWH, Kind, Scope, Signal, checked_zone
from lichen.core.errors import InvalidInput
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file

KEPT_S = 400 * 86400
"""A year and a month: older points are dropped when the file is written anew."""

SEED = "seed"
"""The source of what an operator gave as a file."""

_FORMAT = "lichen-intensity-history/1"
_SUFFIX, _DAMAGED = ".log", ".damaged"
_TIDY_LINES = 1000
"""A file is written anew once so many of its lines, and a third of all, are of no more use."""
_SOURCE = re.compile(r"[a-z0-9_]{1,40}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose points a file holds: never two signals or scopes in one."""

    zone: str
    source: str
    signal: Signal
    scope: Scope
    says: str

    @classmethod
    def of(cls, zone: str, source: str, method: Method) -> "Origin":
        """That of a service's answers."""
        return cls(zone, source, method.signal, method.scope, method.says)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a file holds: its points in order of time, and how many lines could not be read."""

    origin: Origin
    points: tuple[Point, ...]
    damaged: int = 0


class History:
    """The file of one origin; one process writes it, any may read it."""

    def __init__(self, folder: Path, origin: Origin) -> None:
        checked_zone(origin.zone)
        if not _SOURCE.fullmatch(origin.source):
            raise InvalidInput(f"{origin.source!r} is no name of a source of intensity")
        marks = f"{origin.signal}-{origin.scope}"
        self._origin = origin
        self._path = self.path = folder / f"{origin.zone}.{origin.source}.{marks}{_SUFFIX}"
        self._known: dict[int, Point] | None = None
        self._lines = 0

    def keep(self, points: Iterable[Point], now: datetime) -> int:
        """Append what is new or was revised; how many points that were.

        Forecasts, absurd values and points of times to come are not kept.

        Raises:
            StorageFailed: the disk is full or read-only; what was kept is as it was.
        """
        known = self._load()
        fresh = {
            point.start_s: point
            for point in points
            if _is_sound(point, now) and known.get(point.start_s) != point
        }
        if not fresh:
            return 0
        added = sorted(fresh.values(), key=lambda point: point.start_s)
        self._append(added)
        known.update(fresh)
        self._tidy(known, now)
        return len(added)

    def between(self, first_s: int, last_s: int) -> list[Point]:
        """The points known that begin within two moments, in order of time."""
        known = self._load()
        return [known[start] for start in sorted(known) if first_s <= start <= last_s]

    def usable(self, points: Iterable[Point], now: datetime) -> list[Point]:
        """Those points that a history can hold."""
        return [point for point in points if _is_sound(point, now)]

    def _load(self) -> dict[int, Point]:
        if self._known is None:
            found = read_history(self._path)
            if found is None and self._path.exists():  # a crash at its very first line
                with storage_failures(self._path):
                    self._path.replace(self._path.with_suffix(_DAMAGED))
            self._known = {point.start_s: point for point in found.points} if found else {}
            self._lines = len(self._known)
        return self._known

    def _append(self, points: Sequence[Point]) -> None:
        lines = "".join(_line(point) for point in points)
        with storage_failures(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                is_new = file.tell() == 0
                # A line that a crash tore has no end: what follows must begin one of its own.
                start = _title(self._origin) if is_new else "\n"
                file.write((start + lines).encode())
                file.flush()
                os.fsync(file.fileno())
        self._lines += len(points)

    def _tidy(self, known: dict[int, Point], now: datetime) -> None:
        oldest = now.timestamp() - KEPT_S
        for start in [start for start in known if start < oldest]:
            del known[start]
        spare = self._lines - len(known)
        if spare < _TIDY_LINES or spare < self._lines // 3:
            return
        ordered = (known[start] for start in sorted(known))
        written = _title(self._origin) + "".join(_line(point) for point in ordered)
        replace_file(self._path, written.encode(), durably=True)
        self._lines = len(known)


def histories(folder: Path, zone: str) -> list[Recorded]:
    """What is kept of a zone, by the names of the files; a file of another format is left out."""
    found = (read_history(path) for path in sorted(folder.glob(f"{checked_zone(zone)}.*{_SUFFIX}")))
    return [one for one in found if one is not None and one.points]


def zones_kept(folder: Path) -> list[str]:
    """The zones that something is kept of."""
    return sorted({path.name.partition(".")[0] for path in folder.glob(f"*{_SUFFIX}")})


def stamp_of(folder: Path, zone: str) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever what is kept of the zone does."""
    found = []
    for path in sorted(folder.glob(f"{checked_zone(zone)}.*{_SUFFIX}")):
        status = path.stat()
        found.append((path.name, status.st_size, status.st_ino))
    return tuple(found)


def read_history(path: Path) -> Recorded | None:
    """What a file holds; None where there is none, or its title cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return None
    origin = _origin_of(lines[0])
    if origin is None:
        return None
    points: dict[int, Point] = {}
    damaged = 0
    for line in lines[1:]:
        point = _point_of(line)
        if point is not None:
            points[point.start_s] = point
        elif line:
            damaged += 1
    return Recorded(origin, tuple(points[start] for start in sorted(points)), damaged)


def _is_sound(point: Point, now: datetime) -> bool:
    return (
        0 <= point.g_per_kwh <= MOST_G_PER_KWH
        and point.kind is not Kind.FORECAST
        and point.step_s > 0
        and now.timestamp() - KEPT_S <= point.start_s <= now.timestamp()
    )


def _title(origin: Origin) -> str:
    fields = (_FORMAT, origin.zone, origin.source, origin.signal, origin.scope, origin.says)
    return "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields) + "\n"


def _origin_of(title: str) -> Origin | None:
    fields = title.split("\t")
    if len(fields) != 6 or fields[0] != _FORMAT:
        return None
    try:
        return Origin(fields[1], fields[2], Signal(fields[3]), Scope(fields[4]), fields[5])
    except ValueError:
        return None


def _line(point: Point) -> str:
    said = f"{point.start_s} {point.step_s} {point.g_per_kwh!r} {point.kind}"
    return f"{said} {crc32(said.encode()):08x}\n"


def _point_of(line: str) -> Point | None:
    said, _, mark = line.rpartition(" ")
    if f"{crc32(said.encode()):08x}" != mark:
        return None
    fields = said.split(" ")
    try:
        return Point(int(fields[0]), int(fields[1]), float(fields[2]), Kind(fields[3]))
    except (ValueError, IndexError):
        return None

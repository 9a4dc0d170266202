"""Read the jobs of a simulation from a CSV: one job a row, and a refusal that names the row."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lichen.control.simulation.job import SimulatedJob
from lichen.core.errors import InvalidInput, NotFound, TooLarge

NEEDED = ("id", "release", "deadline", "duration_s", "power_w", "interruptible")
OPTIONAL = ("pause_cost_j", "start", "cores", "priority", "zones")
MOST_BYTES = 64_000_000
MOST_ROWS = 200_000
MOST_OF_ANY = 1e12
"""Seconds, watts, joules: what is more is a slip of the pen."""
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True, slots=True)
class JobsFile:
    """The jobs in the file's order, and what the reader should know of it."""

    jobs: tuple[SimulatedJob, ...]
    remarks: tuple[str, ...]


def read_jobs(path: Path) -> JobsFile:
    """The jobs of a file.

    Raises:
        NotFound: there is no such file.
        TooLarge: it is over 64 MB or 200,000 rows.
        InvalidInput: it is no such CSV, or a row cannot be a job; the message names the row.
    """
    lines = csv.reader(_text(path).splitlines())
    try:
        header = [name.strip() for name in next(lines, [])]
        _check_header(path, header)
        reader = _Rows(path, header)
        jobs = tuple(reader.jobs(lines))
    except csv.Error as failure:
        raise InvalidInput(f"{path} cannot be read as CSV: {failure}") from None
    if not jobs:
        raise InvalidInput(f"{path} holds no job: give one row a job under the header")
    return JobsFile(jobs, tuple(reader.remarks(header)))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TooLarge(f"{path} has over {MOST_BYTES} bytes, more than is read: split it")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"there is no file of jobs {path}: check the path") from None
    except (OSError, UnicodeDecodeError) as failure:
        raise InvalidInput(f"{path} cannot be read as UTF-8 CSV: {failure}") from None


def _check_header(path: Path, header: list[str]) -> None:
    if not any(header):
        raise InvalidInput(f"{path} is empty: its first line names the columns {', '.join(NEEDED)}")
    if len(header) == 1 and ";" in header[0]:
        raise InvalidInput(f"{path} has `;` between its columns: save it with commas")
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise InvalidInput(f"{path} has no column {', '.join(missing)}; it has {', '.join(header)}")
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    if twice:
        raise InvalidInput(f"{path} has the column {', '.join(twice)} twice: keep one of them")


class _Rows:
    """Turns rows into jobs, and takes down what is to be remarked."""

    def __init__(self, path: Path, header: list[str]) -> None:
        self._path = path
        self._header = header
        self._seen: dict[str, int] = {}
        self._naive = 0

    def jobs(self, lines: Iterator[list[str]]) -> Iterator[SimulatedJob]:
        """Each row that is not blank."""
        for row, cells in enumerate(lines, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(self._seen) >= MOST_ROWS:
                raise TooLarge(
                    f"{self._path} has over {MOST_ROWS} jobs: split it, and simulate each part"
                )
            if len(cells) != len(self._header):
                raise InvalidInput(
                    f"{self._path}, row {row}: {len(cells)} fields under {len(self._header)} "
                    "columns: give one for each"
                )
            yield self._job(row, dict(zip(self._header, map(str.strip, cells), strict=True)))

    def remarks(self, header: list[str]) -> Iterator[str]:
        """What was taken for granted."""
        if self._naive:
            yield f"{self._path.name}: {self._naive} times without an offset were taken as UTC"
        unused = [name for name in header if name and name not in NEEDED + OPTIONAL]
        if unused:
            yield f"{self._path.name}: columns that are not used: {', '.join(unused)}"

    def _job(self, row: int, cells: dict[str, str]) -> SimulatedJob:
        where = f"{self._path}, row {row}"
        name = cells["id"]
        if not name:
            raise InvalidInput(f"{where}: the id is empty: give each job its own")
        if name in self._seen:
            raise InvalidInput(
                f"{where}: the id {name!r} stands in row {self._seen[name]} already: "
                "give each job its own"
            )
        self._seen[name] = row
        release = self._time(where, "release", cells["release"])
        return _checked(
            SimulatedJob(
                id=name,
                where=where,
                release_s=release,
                deadline_s=self._time(where, "deadline", cells["deadline"]),
                duration_s=_number(where, "duration_s", cells["duration_s"]),
                power_w=_number(where, "power_w", cells["power_w"]),
                interruptible=_flag(where, cells["interruptible"]),
                pause_cost_j=_number(where, "pause_cost_j", cells.get("pause_cost_j") or "0"),
                at_once_s=self._time(where, "start", cells.get("start") or cells["release"]),
                cores=_whole(where, "cores", cells.get("cores") or "1"),
                priority=_whole(where, "priority", cells.get("priority") or "0"),
                zones=tuple(cells.get("zones", "").replace("|", " ").split()),
            ),
        )

    def _time(self, where: str, column: str, text: str) -> float:
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                self._naive += 1
                moment = moment.replace(tzinfo=UTC)
            return moment.timestamp()
        except (ValueError, OverflowError):
            raise InvalidInput(
                f"{where}: {column} {text!r} is no time: write it as 2026-01-31T00:00:00Z"
            ) from None


def _number(where: str, column: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= MOST_OF_ANY:
        raise InvalidInput(
            f"{where}: {column} {text!r} is no number of 0 or more, up to {MOST_OF_ANY:g}"
        )
    return number


def _whole(where: str, column: str, text: str) -> int:
    try:
        number: int | None = int(text)
    except ValueError:
        number = None
    if number is None or abs(number) > MOST_OF_ANY:
        raise InvalidInput(f"{where}: {column} {text!r} is no whole number")
    return number


def _flag(where: str, text: str) -> bool:
    said = text.lower()
    if said not in _TRUE + _FALSE:
        raise InvalidInput(f"{where}: interruptible {text!r} is neither true nor false")
    return said in _TRUE


def _checked(job: SimulatedJob) -> SimulatedJob:
    name = f"{job.where}: job {job.id!r}"
    if job.deadline_s < job.release_s:
        raise InvalidInput(f"{name} has its deadline before its release: give a later deadline")
    if job.duration_s == 0:
        raise InvalidInput(f"{name} takes 0 s: give how long it runs")
    if job.cores < 1:
        raise InvalidInput(f"{name} needs {job.cores} cores: give one at least")
    return job

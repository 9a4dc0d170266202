"""How busy this machine was while its power was measured: cumulative busy CPU time, kept as CSV."""

import csv
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from lichen.core.clock import parse_rfc3339, rfc3339
from lichen.core.errors import InvalidInput, StorageFailed

COLUMNS = ("time", "busy_cpu_s")


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """Moments in seconds since 1970, UTC, and the busy CPU-seconds of the host up to each."""

    at_s: tuple[float, ...]
    busy_s: tuple[float, ...]

    @property
    def start_s(self) -> float:
        """When it begins."""
        return self.at_s[0]

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.at_s[-1]

    def mean_busy(self, start_s: float, end_s: float) -> float:
        """How many hardware threads were busy between two moments within the record."""
        return (self._at(end_s) - self._at(start_s)) / (end_s - start_s)

    def _at(self, moment_s: float) -> float:
        after = min(max(bisect_right(self.at_s, moment_s), 1), len(self.at_s) - 1)
        from_s, to_s = self.at_s[after - 1], self.at_s[after]
        share = (moment_s - from_s) / (to_s - from_s)
        return self.busy_s[after - 1] + share * (self.busy_s[after] - self.busy_s[after - 1])


def write_load(path: Path, load: LoadRecord) -> None:
    """Keep it as CSV.

    Raises:
        StorageFailed: the file cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for at_s, busy_s in zip(load.at_s, load.busy_s, strict=True):
                writer.writerow((rfc3339(datetime.fromtimestamp(at_s, UTC)), f"{busy_s:.3f}"))
    except OSError as error:
        raise StorageFailed(f"cannot write {path} ({error.strerror})") from error


def read_load(path: Path) -> LoadRecord:
    """What `write_load` wrote.

    Raises:
        InvalidInput: it is absent, or no such record.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [(row[COLUMNS[0]], row[COLUMNS[1]]) for row in csv.DictReader(file)]
        at_s = tuple(parse_rfc3339(time).timestamp() for time, _ in rows)
        busy_s = tuple(float(busy) for _, busy in rows)
    except FileNotFoundError:
        raise InvalidInput(
            f"there is no record of load {path}: run `lichen meter calibrate --record` while the "
            "wall meter writes down what the machine draws"
        ) from None
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InvalidInput(
            f"{path} is no record of load ({error}): record one with "
            "`lichen meter calibrate --record`"
        ) from error
    if len(rows) < 2 or not _grows(at_s, strictly=True) or not _grows(busy_s, strictly=False):
        raise InvalidInput(f"{path} is no record of load: its times and busy seconds must go on")
    return LoadRecord(at_s, busy_s)


def _grows(values: tuple[float, ...], *, strictly: bool) -> bool:
    return all(
        before < after if strictly else before <= after for before, after in pairwise(values)
    )

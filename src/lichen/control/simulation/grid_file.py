"""Read a zone's intensities into a grid: short gaps filled from the past and told, long refused."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lichen.carbon.grids.fixed import SeriesIntensity, read_series
from lichen.carbon.grids.series_text import text_of
from lichen.control.simulation.grid import Floats, Grid
from lichen.core.errors import InvalidInput, TooLarge

SHORT_GAP_S = 3 * 3600
"""Of this length and below, a gap is filled with the value before it."""
DAY_S = 86400
MOST_STEPS = 2_000_000
_PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class GridFile:
    """A zone's grid, and what the reader should know of the file."""

    grid: Grid
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read.

    Attributes:
        column: of gCO2e/kWh; the second unless said.
        repair: whether rows may stand in any order (of one time, the last counts), and gaps of
            over three hours are filled with the values of the day before.
    """

    column: str | None = None
    repair: bool = False


def read_grid(path: Path, zone: str, reading: Reading) -> GridFile:
    """The intensities of a file.

    Args:
        path: CSV or Parquet: time in the first column.
        zone: whose they are.
        reading: how.

    Raises:
        NotFound: there is no such file.
        TooLarge: it spans over 2,000,000 steps.
        InvalidInput: it is too large, a row cannot be, or values are missing for over three hours.
    """
    remarks = list(_read_first(path))
    series = read_series(path, zone, reading.column, sort=reading.repair)
    steps = (series.times[-1] - series.times[0]) // series.step_s + 1
    if steps > MOST_STEPS:
        raise TooLarge(f"{path} spans {steps} steps; {MOST_STEPS} can be simulated: cut it")
    rows = _rows(path, series)
    _check_gaps(path, series, rows, reading)
    values, missing = _filled(series, rows)
    if missing:
        remarks.append(
            f"{path.name}: {missing} missing values were filled from the past, with the value "
            "before them, in gaps over 3 h with that of the day before"
        )
    return GridFile(Grid(zone, series.times[0], series.step_s, values, path.name), tuple(remarks))


def _read_first(path: Path) -> list[str]:
    """What the first lines of a CSV show; refuses what would be misread."""
    if path.suffix.lower() == _PARQUET:
        return []
    lines = list(islice(text_of(path).splitlines(), 2))
    if not lines:
        raise InvalidInput(f"{path} is empty: give a time column and a column of gCO2e/kWh")
    if ";" in lines[0] and "," not in lines[0]:
        raise InvalidInput(f"{path} has `;` between its columns: save it with commas")
    if len(lines) == 2 and _is_naive(lines[1].split(",")[0]):
        return [f"{path.name}: times without an offset were taken as UTC"]
    return []


def _is_naive(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.strip(' "')).tzinfo is None
    except ValueError:
        return False


def _rows(path: Path, series: SeriesIntensity) -> NDArray[np.int64]:
    """Which step each value is of."""
    offsets = np.asarray(series.times, dtype=np.int64) - series.times[0]
    odd = np.flatnonzero(offsets % series.step_s)
    if len(odd):
        raise InvalidInput(
            f"{path}: {_text(series.times[int(odd[0])])} is no multiple of the step of "
            f"{series.step_s} s after the first time: give regular steps"
        )
    return offsets // series.step_s


def _check_gaps(
    path: Path, series: SeriesIntensity, rows: NDArray[np.int64], reading: Reading
) -> None:
    missing = (np.diff(rows) - 1) * series.step_s
    too_long = np.flatnonzero(missing > SHORT_GAP_S)
    if len(too_long) and not reading.repair:
        at = int(too_long[0])
        raise InvalidInput(
            f"{path} has no value between {_text(series.times[at])} and "
            f"{_text(series.times[at + 1])}: gaps over {SHORT_GAP_S // 3600} h are not filled "
            "unless you ask for it (--repair); complete the file, or cut it there"
        )


def _filled(series: SeriesIntensity, rows: NDArray[np.int64]) -> tuple[Floats, int]:
    """A value for each step, and how many of them were missing."""
    values = np.full(int(rows[-1]) + 1, np.nan)
    values[rows] = series.values
    day = DAY_S // series.step_s
    for at in np.flatnonzero(np.diff(rows) > 1).tolist():
        first, last = int(rows[at]) + 1, int(rows[at + 1])
        is_short = (last - first) * series.step_s <= SHORT_GAP_S
        if is_short or first < day or DAY_S % series.step_s:
            values[first:last] = values[first - 1]
        else:
            for row in range(first, last):
                values[row] = values[row - day]
    return values, len(values) - len(rows)


def _text(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%MZ}"

"""Grids: what is read from a file of intensities, what is filled, and what work costs on them."""

from pathlib import Path

import numpy as np
import pytest

from lichen.control.simulation.grid import Grid, aligned
from lichen.control.simulation.grid_file import Reading, read_grid
from lichen.core.errors import InvalidInput, LichenError, NotFound

START = 1640995200
"""2022-01-01T00:00Z."""


def grid(*values: float, zone: str = "DE", start_s: int = 0, step_s: int = 10) -> Grid:
    return Grid(zone, start_s, step_s, np.asarray(values, dtype=np.float64), zone)


def written(folder: Path, *rows: str, header: str = "time,g") -> Path:
    path = folder / "grid.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def hours(*values: tuple[int, float]) -> list[str]:
    return [f"2022-01-{1 + at // 24:02}T{at % 24:02}:00Z,{value}" for at, value in values]


def test_partial_steps_count_in_proportion_and_nothing_outside() -> None:
    one = grid(1.0, 3.0)
    assert one.integral(5, 12) == pytest.approx(5 * 1 + 2 * 3)
    assert one.integral(-5, 5) == pytest.approx(5)
    assert one.integral(15, 99) == pytest.approx(15)
    assert one.at(10) == 3.0
    edges, values = one.within(5, 10)
    assert (edges.tolist(), values.tolist()) == ([5, 10], [1.0])


def test_grids_are_brought_to_the_finest_step_and_the_time_in_common() -> None:
    coarse, fine = aligned([grid(1.0, 2.0, step_s=20), grid(5.0, 6.0, 7.0, zone="FR", start_s=10)])
    assert (coarse.start_s, coarse.step_s, coarse.values.tolist()) == (10, 10, [1.0, 2.0, 2.0])
    assert fine.values.tolist() == [5.0, 6.0, 7.0]


def test_steps_that_do_not_fit_and_times_apart_are_refused() -> None:
    with pytest.raises(InvalidInput, match="do not fit"):
        aligned([grid(1.0, step_s=15), grid(1.0, zone="FR")])
    with pytest.raises(InvalidInput, match="no time in common"):
        aligned([grid(1.0), grid(1.0, zone="FR", start_s=100)])


def test_short_gaps_are_filled_from_the_past_and_told(tmp_path: Path) -> None:
    path = written(tmp_path, *hours((0, 100), (1, 110), (2, 120), (6, 160), (7, 170)))
    read = read_grid(path, "DE", Reading())
    assert read.grid.values.tolist() == [100, 110, 120, 120, 120, 120, 160, 170]
    assert (read.grid.start_s, read.grid.step_s) == (START, 3600)
    assert read.remarks[0].startswith("grid.csv: 3 missing values were filled")


def test_a_gap_of_over_three_hours_is_refused_with_its_time(tmp_path: Path) -> None:
    path = written(tmp_path, *hours((0, 100), (1, 110), (2, 120), (7, 170)))
    with pytest.raises(InvalidInput, match="between 2022-01-01T02:00Z and 2022-01-01T07:00Z"):
        read_grid(path, "DE", Reading())


def test_repair_sorts_and_fills_long_gaps_with_the_day_before(tmp_path: Path) -> None:
    rows = hours(*((at, 100 + at) for at in range(48) if at not in range(30, 36)))
    path = written(tmp_path, *rows[5:], *rows[:6])
    read = read_grid(path, "DE", Reading(repair=True))
    expected = [100 + at - (24 if at in range(30, 36) else 0) for at in range(48)]
    assert read.grid.values.tolist() == expected


def test_times_without_an_offset_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "2022-01-01 00:00:00,1", "2022-01-01 01:00:00,2")
    assert read_grid(path, "DE", Reading()).remarks == (
        "grid.csv: times without an offset were taken as UTC",
    )


def test_a_column_is_chosen_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, *(f"{row},7" for row in hours((0, 1), (1, 2))), header="time,a,b")
    assert read_grid(path, "DE", Reading(column="b")).grid.values.tolist() == [7, 7]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (["noon,1", "2022-01-01T01:00Z,1"], "row 2"),
        (["2022-01-01T00:00Z,x", "2022-01-01T01:00Z,1"], "row 2"),
        (["2022-01-01T00:00Z,nan", "2022-01-01T01:00Z,1"], "row 2: an intensity of nan"),
        (["2022-01-01T00:00Z,-5", "2022-01-01T01:00Z,1"], "row 2: an intensity of -5"),
        (["2022-01-01T00:00Z,inf", "2022-01-01T01:00Z,1"], "row 2: an intensity of inf"),
        (["2022-01-01T01:00Z,1", "2022-01-01T00:00Z,1"], "row 3: .* does not come after"),
        (["2022-01-01T00:00Z,1"], "at least two"),
        (
            [*hours(*((at, 1) for at in range(4))), "2022-01-01T04:30Z,1"],
            "2022-01-01T04:30Z is no multiple of the step of 3600 s",
        ),
    ],
)
def test_each_fault_of_a_file_of_intensities_is_refused(
    tmp_path: Path, rows: list[str], complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read_grid(written(tmp_path, *rows), "DE", Reading())


def test_empty_files_other_separators_and_no_files_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "grid.csv"
    empty.touch()
    with pytest.raises(LichenError, match="is empty"):
        read_grid(empty, "DE", Reading())
    with pytest.raises(InvalidInput, match="`;` between its columns"):
        read_grid(written(tmp_path, "2022;1", header="time;g"), "DE", Reading())
    with pytest.raises(NotFound):
        read_grid(tmp_path / "none.csv", "DE", Reading())

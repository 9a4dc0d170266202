"""A calibration is kept whole, read back as it was, and refused when it was tampered with."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput, StorageFailed
from lichen.energy.power.calibration import (
    Calibration,
    forget_calibration,
    read_calibration,
    write_calibration,
)
from lichen.energy.power.parameters import Spread

ONE = Calibration(
    'AMD "EPYC" \\ µ',
    2,
    Spread(2_900, 3_000, 3_100),
    Spread(9_800, 10_001, 10_200),
    datetime(2026, 11, 22, 6, 30, tzinfo=UTC),
    "wall.csv",
    180,
    0.987654,
)


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "home" / "calibration.toml"
    write_calibration(path, ONE)
    assert read_calibration(path) == ONE
    assert [one.name for one in path.parent.iterdir()] == ["calibration.toml"]


def test_none_is_none(tmp_path: Path) -> None:
    assert read_calibration(tmp_path / "calibration.toml") is None


def test_it_is_forgotten_once(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    write_calibration(path, ONE)
    assert forget_calibration(path) is True
    assert forget_calibration(path) is False
    assert read_calibration(path) is None


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("form = 1", "form = 2"),
        ("threads = 2", "threads = 0"),
        ("threads = 2", 'threads = "two"'),
        ("[2900, 3000, 3100]", "[2900, 3100, 3000]"),
        ("[2900, 3000, 3100]", "[-1, 3000, 3100]"),
        ("[2900, 3000, 3100]", "[2900, 3000]"),
        ("[2900, 3000, 3100]", "3000"),
        ("r_squared = 0.987654", "r_squared = true"),
        ("2026-11-22T06:30:00Z", "yesterday"),
        ("idle_mw", "idle"),
        ("form", "="),
    ],
)
def test_one_that_was_tampered_with_is_refused(tmp_path: Path, was: str, becomes: str) -> None:
    path = tmp_path / "calibration.toml"
    write_calibration(path, ONE)
    path.write_text(path.read_text().replace(was, becomes, 1))
    with pytest.raises(InvalidInput, match="calibrate again, or remove it"):
        read_calibration(path)


def test_it_fits_the_machine_it_was_made_on_alone() -> None:
    assert ONE.mismatch(ONE.processor, 2) is None
    assert "and this is AMD" in str(ONE.mismatch(ONE.processor, 8))
    assert "Xeon" in str(ONE.mismatch("Xeon", 2))


def test_the_machine_draws_again_what_was_found_of_it() -> None:
    found = replace(ONE, threads=4).parameters
    assert found.idle.times(4).median_mw == pytest.approx(10_001, abs=4)
    assert found.full.median_mw == found.slope.median_mw + found.idle.median_mw


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot write"):
        write_calibration(tmp_path / "file" / "calibration.toml", ONE)
    (tmp_path / "calibration.toml").mkdir()
    with pytest.raises(StorageFailed, match="cannot remove"):
        forget_calibration(tmp_path / "calibration.toml")

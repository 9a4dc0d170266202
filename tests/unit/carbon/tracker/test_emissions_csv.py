"""Rows that an emissions dashboard reads: columns, units, empty cells, files that are there."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.carbon.footprint import CarbonRate, HostEmbodied
from lichen.carbon.grids.averages import table
from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.tracker.country_codes import three_letters
from lichen.carbon.tracker.emissions_csv import COLUMNS, EmissionsFile, Run, row_of
from lichen.carbon.tracker.meter_session import close_sessions
from lichen.carbon.tracker.metered import metered
from lichen.carbon.tracker.prices import Spent
from lichen.core.errors import InvalidInput
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
UNKNOWN = {
    "experiment_id", "gpu_power", "ram_power", "gpu_energy", "ram_energy", "water_consumed",
    "cloud_provider", "cloud_region", "gpu_count", "gpu_model", "longitude", "latitude",
    "gpu_utilization_percent", "ram_utilization_percent", "ram_used_gb", "wue",
}  # fmt: skip


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "run"
    close_sessions()


def run_of(zone: str = "DE", pue: float = 1.0, seconds: float = 7.2, name: str = "training") -> Run:
    """7.2 kJ (2 Wh) in 7.2 s at 500 g/kWh, with 14.4 CPU-seconds."""
    rate = CarbonRate(ConstantIntensity(500).at(zone, NOW), pue, HostEmbodied(4))
    spent = Spent(rate)
    nj = 7200 * 10**9
    figure = EnergyFigure(
        Nanojoules(nj), Nanojoules(nj // 2), Nanojoules(nj * 2), Method.MODELLED, "model"
    )
    spent.add(14_400_000_000, figure)
    return Run(name, NOW, seconds, (spent,), zone, pue)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_energy_is_in_kilowatt_hours_and_carbon_in_kilograms() -> None:
    row = row_of(run_of())

    assert float(row["energy_consumed"]) == pytest.approx(0.002)
    assert float(row["cpu_energy"]) == pytest.approx(0.002)
    assert float(row["emissions"]) == pytest.approx(0.001)  # the electricity's, nothing embodied
    assert float(row["emissions_rate"]) == pytest.approx(0.001 / 7.2)
    assert float(row["cpu_power"]) == pytest.approx(1000)
    assert float(row["duration"]) == pytest.approx(7.2)


def test_the_pue_is_in_energy_and_carbon_as_the_column_has_it() -> None:
    row = row_of(run_of(pue=1.5))

    assert float(row["energy_consumed"]) == pytest.approx(0.003)
    assert float(row["emissions"]) == pytest.approx(0.0015)
    assert row["pue"] == "1.5"


def test_what_nobody_knows_is_an_empty_cell_and_not_zero(tmp_path: Path) -> None:
    EmissionsFile(tmp_path / "e.csv").append(run_of())
    (row,) = rows(tmp_path / "e.csv")

    assert tuple(row) == COLUMNS
    assert {column for column, cell in row.items() if cell == ""} == UNKNOWN | {"region"}


@pytest.mark.parametrize(
    ("zone", "place"),
    [
        ("DE", ("Germany", "DEU", "")),
        ("US-CAL-CISO", ("United States", "USA", "us-cal-ciso")),
        ("CN-BJ", ("China", "CHN", "beijing")),
    ],
)
def test_the_zone_is_told_as_country_and_region(zone: str, place: tuple[str, str, str]) -> None:
    row = row_of(run_of(zone))
    assert (row["country_name"], row["country_iso_code"], row["region"]) == place


def test_without_a_zone_the_country_stays_empty() -> None:
    assert not {"country_name", "country_iso_code", "region"} & row_of(run_of("WORLD")).keys()


def test_every_country_of_the_averages_has_three_letters() -> None:
    missing = [zone for zone in table() if zone != "WORLD" and three_letters(zone) is None]
    assert missing == []


def test_rows_are_appended_below_one_header(tmp_path: Path) -> None:
    file = EmissionsFile(tmp_path)
    file.append(run_of(name="first, with a comma"))
    file.append(run_of(name="second"))

    assert file.path == tmp_path / "emissions.csv"
    assert [row["project_name"] for row in rows(file.path)] == ["first, with a comma", "second"]
    assert len({row["run_id"] for row in rows(file.path)}) == 2


@pytest.mark.parametrize("end", ["\n", "", "\r\n"])
def test_a_file_of_another_version_keeps_its_own_columns(tmp_path: Path, end: str) -> None:
    path = tmp_path / "emissions.csv"
    header = "timestamp,project_name,new_thing,emissions,duration,energy_consumed"
    path.write_bytes(f"{header}\n2024-01-01T00:00:00,old,1,0.5,60,1.0{end}".encode())
    file = EmissionsFile(path)
    file.check()
    file.append(run_of())

    old, new = rows(path)
    assert old["emissions"] == "0.5"
    assert new["new_thing"] == ""
    assert float(new["energy_consumed"]) == pytest.approx(0.002)
    assert path.read_text().splitlines()[0] == header


def test_an_empty_file_gets_the_header(tmp_path: Path) -> None:
    path = tmp_path / "emissions.csv"
    path.touch()
    EmissionsFile(path).append(run_of())
    assert len(rows(path)) == 1


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"\xff\xfe\x00bin", b"timestamp,emissions\n"])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="no emissions file: it lacks the columns"):
        EmissionsFile(path).check()
    with pytest.raises(InvalidInput, match="no emissions file"):
        EmissionsFile(path).append(run_of())
    assert path.read_bytes() == content


def test_a_bad_place_is_refused_before_the_work_begins(tmp_path: Path, runtime: Path) -> None:
    worked = []
    with (
        pytest.raises(InvalidInput, match="name a file in a folder you may write"),
        metered("late", output=tmp_path / "nowhere" / "e.csv", runtime=runtime),
    ):
        worked.append(1)
    assert worked == []


def test_a_row_that_cannot_be_written_is_a_warning_and_the_receipt_stands(
    tmp_path: Path, runtime: Path
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    with (
        pytest.warns(RuntimeWarning, match="no row was added"),
        metered("swept", output=folder / "e.csv", runtime=runtime) as block,
    ):
        folder.rmdir()
    assert block.receipt.energy.method is Method.MODELLED


def test_each_ended_block_adds_a_row_that_its_receipt_agrees_with(
    tmp_path: Path, runtime: Path
) -> None:
    path = tmp_path / "emissions.csv"
    with metered("one", zone="DE", output=path, runtime=runtime, pue=1.2) as one:
        sum(range(200_000))

    @metered("two", zone="FR", output=str(path), runtime=runtime)
    def two() -> int:
        return sum(range(1000))

    two()
    two()
    found = rows(path)
    assert [row["project_name"] for row in found] == ["one", "two", "two"]
    kwh = one.receipt.energy.nj / 3.6e15
    assert float(found[0]["energy_consumed"]) == pytest.approx(1.2 * kwh, rel=1e-6)
    assert 0 < float(found[0]["cpu_utilization_percent"]) <= 100
    assert float(found[0]["duration"]) > 0

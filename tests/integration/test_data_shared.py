"""Real files of many makers, ingested whole; skipped where the data folder is absent."""

from pathlib import Path

import numpy as np
import pytest

from lichen.core.clock import ManualClock
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions
from lichen.data.samples import VICTORIA_2014
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

SHARED = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the test data {SHARED} is not here")


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    return Datasets(MemoryDocuments(), LocalBlobs(tmp_path / "blobs"), ManualClock(), tmp_path)


def codes(version: DatasetVersion) -> set[str]:
    return {finding.code for finding in version.findings}


def test_victoria(datasets: Datasets) -> None:
    options = IngestOptions(
        targets=("Demand",), known=("Temperature", "Holiday"), units={"Demand": "MW"}
    )
    version = datasets.ingest("vic", SHARED / "vic_electricity.csv", options)
    assert (version.rows, version.frequency) == (52_608, "PT30M")
    assert version.schema.columns[0].name == "Time"
    assert codes(version) == {"unit-unknown"}


def test_the_sample_agrees_with_victoria(datasets: Datasets) -> None:
    long = datasets.read(datasets.ingest("vic", SHARED / "vic_electricity.csv"))
    sample = datasets.read(datasets.ingest("s", VICTORIA_2014.path, VICTORIA_2014.options))
    assert long.times is not None
    assert sample.times is not None
    _, here, there = np.intersect1d(sample.times, long.times, return_indices=True)
    assert len(here) == 17_518
    np.testing.assert_allclose(
        sample.column("Demand")[here], long.column("Demand")[there] / 1000, rtol=1e-12
    )
    np.testing.assert_array_equal(
        sample.column("Temperature")[here], long.column("Temperature")[there]
    )


def test_air_quality_asks_for_its_mark_and_takes_it(datasets: Datasets) -> None:
    path = SHARED / "air_quality_uci.csv"
    first = datasets.ingest("air", path)
    assert (first.rows, first.frequency) == (9_357, "PT1H")
    assert first.schema.columns[0].name == "Date Time"
    assert str(first.start) == "2004-03-10 18:00:00+00:00"
    marks = [f for f in first.findings if f.code == "missing-marker"]
    assert len(marks) == 13
    assert all(mark.remedy.endswith("missing=-200") for mark in marks)
    assert "blank-rows" in codes(first)
    second = datasets.ingest("air", path, IngestOptions(missing=("-200",)))
    assert second.version == 2
    assert "missing-marker" not in codes(second)
    carbon_monoxide = datasets.read(second).column("CO(GT)")
    assert carbon_monoxide[0] == 2.6
    assert int(np.isnan(carbon_monoxide).sum()) == 1_683


def test_beijing_is_a_panel_of_twelve_stations(datasets: Datasets) -> None:
    version = datasets.ingest("bj", SHARED / "beijing_multisite_air_to_2016_02.parquet")
    assert len(version.series) == 12
    assert version.schema.series is not None
    assert version.schema.series.name == "station"
    assert (version.rows, version.frequency) == (315_648, "PT1H")
    assert "__index_level_0__" not in version.schema.names
    newest = datasets.newest(version, ["PM2.5"], 24)
    assert {len(part) for part in newest.split().values()} == {24}


def test_irregular_intensity_has_gaps(datasets: Datasets) -> None:
    version = datasets.ingest("de", SHARED / "em_DE_20211008_20221206_irregular.csv")
    assert (version.rows, version.step_seconds) == (8_904, 3600)
    gaps = next(f for f in version.findings if f.code == "gaps")
    assert gaps.count == 572
    assert gaps.times[0] == "2021-10-08T15:00:00Z"
    assert version.schema.columns[1].unit == "gCO2e/kWh"


@pytest.mark.parametrize(
    ("name", "rows", "frequency"),
    [
        ("ETTh1.csv", 17_420, "PT1H"),
        ("epf_NP.csv", 52_416, "PT1H"),
        ("co2_mauna_loa_monthly.csv", 820, "P1M"),
        ("skab_v09_part.parquet", 34_187, "PT1S"),
        ("gecco2018_water_train.parquet", 139_566, "PT1M"),
        ("citylearn2022_buildings.parquet", 148_920, None),
        ("ccf_specpower_2007_2021.csv", 761, None),
    ],
)
def test_files_of_other_makers(
    datasets: Datasets, name: str, rows: int, frequency: str | None
) -> None:
    version = datasets.ingest("x", SHARED / name)
    assert (version.rows, version.frequency) == (rows, frequency)

"""A version's rows are read once while they are small, and the least recent are let go."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lichen.core.clock import SystemClock
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.recent import RecentTables
from lichen.data.table import Table
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments


class Counting(Datasets):
    reads = 0

    def read(
        self,
        version: DatasetVersion,
        columns: Sequence[str] | None = None,
        until: object = None,
    ) -> Table:
        assert until is None
        self.reads += 1
        return super().read(version, columns)


@pytest.fixture
def datasets(tmp_path: Path) -> Counting:
    return Counting(MemoryDocuments(), LocalBlobs(tmp_path / "blobs"), SystemClock(), tmp_path)


def ingested(datasets: Datasets, tmp_path: Path, rows: int) -> DatasetVersion:
    lines = [f"2026-01-01T{hour:02d}:00:00Z,{hour},1" for hour in range(rows)]
    file = tmp_path / f"{rows}.csv"
    file.write_text("\n".join(["time,a,b", *lines]))
    return datasets.ingest(f"d{rows}", file)


def test_the_same_version_is_read_once_and_other_columns_again(
    datasets: Counting, tmp_path: Path
) -> None:
    recent, version = RecentTables(), ingested(datasets, tmp_path, 24)
    first = recent.read(datasets, version, ("a",))
    assert recent.read(datasets, version, ("a",)) is first
    assert datasets.reads == 1
    assert recent.read(datasets, version, ("b",)).names == ("b",)
    assert datasets.reads == 2


def test_what_is_too_large_is_not_kept_and_the_least_recent_goes(
    datasets: Counting, tmp_path: Path
) -> None:
    large, small = ingested(datasets, tmp_path, 24), ingested(datasets, tmp_path, 12)
    recent = RecentTables(kept_cells=30)
    assert not recent.keeps(large, ("a",))
    for _ in range(2):
        assert len(recent.read(datasets, large, ("a",))) == 24
    assert datasets.reads == 2
    for column in ("a", "b", "a"):
        recent.read(datasets, small, (column,))
    assert datasets.reads == 5

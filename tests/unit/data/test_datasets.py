from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import Conflict, Corrupt, InvalidInput, NotFound, StorageFailed
from lichen.data.dataset import DatasetVersion
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions
from lichen.data.schema import Dtype, Role
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, MemoryDocuments

WriteFile = Callable[..., Path]

HOURS = "Time,Demand (MW),Holiday\n" + "".join(
    f"2026-01-01T{hour:02d}:00:00Z,{1000 + hour},{'TRUE' if hour < 5 else 'FALSE'}\n"
    for hour in range(24)
)


def test_a_file_becomes_a_typed_version(datasets: Datasets, write: WriteFile) -> None:
    options = IngestOptions(targets=("Demand (MW)",), known=("Holiday",))
    version = datasets.ingest("vic", write(HOURS), options)
    assert [(c.name, c.dtype, c.unit, c.role) for c in version.schema] == [
        ("Time", Dtype.TIME, "UTC", Role.TIME),
        ("Demand (MW)", Dtype.NUMBER, "MW", Role.TARGET),
        ("Holiday", Dtype.BOOLEAN, None, Role.KNOWN),
    ]
    assert (version.rows, version.frequency, version.step_seconds) == (24, "PT1H", 3600)
    assert version.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert version.end == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert (version.source, version.findings, str(version)) == ("load.csv", (), "vic@1")
    assert datasets.get("vic") == version


@pytest.mark.parametrize("other", ["co", "TIME", "file_row_number", "n", "utc"])
def test_names_that_sql_would_take_for_others_keep_their_values(
    datasets: Datasets, write: WriteFile, other: str
) -> None:
    rows = [f"2026-01-01T{hour:02d}:00:00Z,{hour},{100 - hour}\n" for hour in range(24)]
    datasets.ingest("air", write(f"Time,CO,{other}\n" + "".join(rows[:20])))
    version = datasets.append("air", write(f"Time,CO,{other}\n" + "".join(rows[20:])))
    for table in (datasets.read(version), datasets.newest(version, None, 24)):
        assert table.column("CO").tolist() == list(range(24))
        assert table.column(other).tolist() == [100 - hour for hour in range(24)]
    assert [one.mean for one in version.profile] == pytest.approx([11.5, 88.5])
    assert datasets.check(version)


def test_the_profile_says_what_drift_compares(datasets: Datasets, write: WriteFile) -> None:
    demand = datasets.ingest("vic", write(HOURS)).profile[0]
    assert (demand.column, demand.count, demand.missing) == ("Demand (MW)", 24, 0)
    assert demand.mean == pytest.approx(1011.5)
    assert demand.quantiles[0] == 1000
    assert demand.quantiles[5] == pytest.approx(1011.5)
    assert len(demand.quantiles) == 11


def test_the_same_file_makes_no_new_version(datasets: Datasets, write: WriteFile) -> None:
    first = datasets.ingest("vic", write(HOURS))
    assert datasets.ingest("vic", write(HOURS, "again.csv")) == first
    assert datasets.catalog.latest("vic") == 1


def test_rows_in_another_order_are_the_same_rows(datasets: Datasets, write: WriteFile) -> None:
    header, *rows = HOURS.splitlines(keepends=True)
    first = datasets.ingest("a", write(HOURS))
    turned = datasets.ingest("b", write(header + "".join(reversed(rows)), "turned.csv"))
    assert turned.parquet_digest == first.parquet_digest


def test_other_rows_make_a_new_version_and_the_old_stays(
    datasets: Datasets, write: WriteFile
) -> None:
    datasets.ingest("vic", write(HOURS))
    second = datasets.ingest("vic", write(HOURS.replace(",1003,", ",999,")))
    assert second.version == 2
    assert datasets.read(datasets.get("vic", 1)).column("Demand (MW)")[3] == 1003
    assert datasets.read(second).column("Demand (MW)")[3] == 999


def test_rows_come_back_as_arrays(datasets: Datasets, write: WriteFile) -> None:
    version = datasets.ingest("vic", write(HOURS))
    table = datasets.read(version, ["Holiday", "Demand (MW)"], datetime(2026, 1, 1, 6, tzinfo=UTC))
    assert table.names == ("Holiday", "Demand (MW)")
    assert table.times is not None
    assert table.times.dtype == np.dtype("datetime64[s]")
    assert table.times[-1] == np.datetime64("2026-01-01T05:00:00")
    assert table.column("Holiday").tolist() == [1, 1, 1, 1, 1, 0]
    assert not table.column("Demand (MW)").flags.writeable


def test_the_newest_rows_come_in_order(datasets: Datasets, write: WriteFile) -> None:
    version = datasets.ingest("vic", write(HOURS))
    table = datasets.newest(version, ["Demand (MW)"], 3)
    assert table.column("Demand (MW)").tolist() == [1021, 1022, 1023]
    with pytest.raises(InvalidInput, match="ask for 1 or more"):
        datasets.newest(version, None, 0)


def test_an_append_is_a_new_version_of_all_rows(datasets: Datasets, write: WriteFile) -> None:
    datasets.ingest("vic", write(HOURS))
    later = "Holiday,Time,Demand (MW)\nfalse,2026-01-02T00:00:00Z,7\n"
    version = datasets.append("vic", write(later, "later.csv"))
    assert (version.version, version.parent, version.rows) == (2, 1, 25)
    assert version.source == "later.csv"
    assert datasets.newest(version, ["Demand (MW)"], 2).column("Demand (MW)").tolist() == [1023, 7]


def test_appending_in_parts_gives_the_digest_of_the_whole(
    datasets: Datasets, write: WriteFile
) -> None:
    lines = HOURS.splitlines(keepends=True)
    datasets.ingest("parts", write("".join(lines[:10])))
    parts = datasets.append("parts", write(lines[0] + "".join(lines[10:]), "rest.csv"))
    assert parts.parquet_digest == datasets.ingest("whole", write(HOURS)).parquet_digest


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("Time,Demand (MW)\n2026-01-02T00:00:00Z,7\n", "no column 'Holiday'"),
        ("Time,Demand (MW),Holiday,x\n2026-01-02T00:00:00Z,7,true,1\n", "a column 'x'"),
        ("When,Demand (MW),Holiday\n2026-01-02T00:00:00Z,7,true\n", "no column 'Time'"),
        (
            "Time,Demand (MW),Holiday\n2026-01-02T00:00:00Z,much,true\n",
            r"column 'Demand \(MW\)' of new.csv must be float64, but row 2 says 'much'",
        ),
        ("Time,Demand (MW),Holiday\n2026-01-02T00:00:00Z,7,maybe\n", "'Holiday'.*must be bool"),
        (
            "Time,Demand (MW),Holiday\n2026-01-01T23:00:00Z,7,true\n",
            "1 duplicate time the dataset has already .2026-01-01T23:00:00Z.",
        ),
    ],
)
def test_an_append_that_does_not_fit_is_refused(
    datasets: Datasets, write: WriteFile, rows: str, says: str
) -> None:
    datasets.ingest("vic", write(HOURS))
    with pytest.raises(InvalidInput, match=says):
        datasets.append("vic", write(rows, "new.csv"))
    assert datasets.catalog.latest("vic") == 1


def test_a_parquet_of_whole_numbers_appends_to_numbers_and_booleans(
    datasets: Datasets, write: WriteFile
) -> None:
    datasets.ingest("vic", write(HOURS))
    later = "Time,Demand (MW),Holiday\n2026-01-02T00:00:00Z,7,1\n2026-01-02T01:00:00Z,,0\n"
    version = datasets.append("vic", write(later, "later.csv"))
    newest = datasets.newest(version, None, 2)
    assert newest.column("Holiday").tolist() == [1, 0]
    assert np.isnan(newest.column("Demand (MW)")[1])


def test_what_is_not_there_is_named(datasets: Datasets, write: WriteFile) -> None:
    datasets.ingest("vic", write(HOURS))
    with pytest.raises(NotFound, match="no dataset is called 'nsw'; there are: vic"):
        datasets.get("nsw")
    with pytest.raises(NotFound, match="has no version 2: its newest is 1"):
        datasets.get("vic", 2)
    with pytest.raises(NotFound):
        datasets.append("nsw", write(HOURS))
    assert datasets.names() == ("vic",)


def test_a_job_commits_with_its_version(datasets: Datasets, write: WriteFile) -> None:
    def done(version: DatasetVersion) -> Sequence[Change]:
        return [Change("jobs", "job-1", str(version).encode())]

    datasets.ingest("vic", write(HOURS), extra=done)
    again = datasets.ingest("vic", write(HOURS), extra=done)
    assert str(again) == "vic@1"
    assert datasets.names() == ("vic",)


def test_a_job_that_may_not_commit_leaves_no_version(datasets: Datasets, write: WriteFile) -> None:
    with pytest.raises(Conflict):
        datasets.ingest(
            "vic", write(HOURS), extra=lambda _: [Change("jobs", "job-1", b"", expect=5)]
        )
    assert datasets.names() == ()


def test_damaged_rows_are_told(tmp_path: Path, datasets: Datasets, write: WriteFile) -> None:
    version = datasets.ingest("vic", write(HOURS))
    blob = next((tmp_path / "blobs").glob(f"*/{version.parquet_digest}"))
    blob.write_bytes(blob.read_bytes()[:-20] + b"x" * 20)
    with pytest.raises(Corrupt, match="rows of dataset vic@1 are damaged"):
        datasets.read(version)


def test_a_scratch_folder_that_is_not_there_is_told(tmp_path: Path, write: WriteFile) -> None:
    datasets = Datasets(
        MemoryDocuments(), LocalBlobs(tmp_path / "b"), _Clock(), tmp_path / "missing"
    )
    with pytest.raises(StorageFailed, match="missing"):
        datasets.ingest("vic", write(HOURS))


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def unix_seconds(self) -> int:
        return int(self.now().timestamp())

    def monotonic_ns(self) -> int:
        return 0


def test_nothing_is_left_in_the_scratch_folder(
    tmp_path: Path, datasets: Datasets, write: WriteFile
) -> None:
    datasets.ingest("vic", write(HOURS))
    with pytest.raises(InvalidInput):
        datasets.ingest("vic", write("Time,x\nnever,1\n", "bad.csv"))
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_check_for_another_target_looks_anew(datasets: Datasets, write: WriteFile) -> None:
    rows = "".join(f"2026-01-01T{h:02d}:00:00Z,{h * h},{(h + 1) ** 2}\n" for h in range(23))
    version = datasets.ingest("vic", write("Time,load (MW),ahead (MW)\n" + rows))
    assert "leakage-suspect" not in {f.code for f in version.findings}
    found = datasets.check(version, targets=["load (MW)"])
    assert [f.column for f in found if f.code == "leakage-suspect"] == ["ahead (MW)"]
    with pytest.raises(InvalidInput, match="no column 'lod'"):
        datasets.check(version, targets=["lod"])

"""Intensity that the operator gives: a constant, or a series in a file."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from lichen.carbon.grids.fixed import ConstantIntensity, read_series
from lichen.carbon.grids.series_text import MOST_BYTES
from lichen.carbon.intensity import Kind, Scope
from lichen.core.errors import InvalidInput, NotFound, Unavailable


def written(folder: Path, text: str, name: str = "grid.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


HOURS = (
    "time_utc,direct,lca\n"
    "2022-01-01 00:00:00,100,150\n"
    "2022-01-01T01:00:00Z,110,160\n"
    "2022-01-01T03:00:00+01:00,120,170\n"
    "2022-01-01 05:00:00,130,180\n"
    "2022-01-01 06:00:00,,\n"
    "2022-01-01 07:00:00,140,190\n"
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_value_holds_for_one_step_and_the_step_is_detected(tmp_path: Path) -> None:
    series = read_series(written(tmp_path, HOURS), "DE")

    assert series.step_s == 3600
    assert series.at("DE", at("2022-01-01T00:59:59")).g_per_kwh == 100
    assert series.at("DE", at("2022-01-01T01:00:00")).g_per_kwh == 110
    assert series.at("DE", at("2022-01-01T02:30:00")).g_per_kwh == 120
    value = series.at("DE", at("2022-01-01T07:00:00"))
    assert (value.kind, value.scope, value.resolution_s) == (Kind.OBSERVED, Scope.DIRECT, 3600)
    assert value.source == "file grid.csv, column direct"
    assert (value.low, value.high) == pytest.approx((126, 154))


def test_a_column_is_chosen_by_name(tmp_path: Path) -> None:
    value = read_series(written(tmp_path, HOURS), "DE", "lca").at("DE", at("2022-01-01T00:10:00"))

    assert (value.g_per_kwh, value.scope) == (150, Scope.LIFECYCLE)


def test_a_file_without_a_header_loses_no_row(tmp_path: Path) -> None:
    path = written(tmp_path, HOURS.partition("\n")[2].replace(",,", ",90,"))
    series = read_series(path, "DE")

    assert series.at("DE", at("2022-01-01T00:10:00")).g_per_kwh == 100
    assert series.name == "file grid.csv, column 2"
    path.write_text("2022-01-01T00:00Z,1\n2022-01-01T01:00Z,x\n")
    with pytest.raises(InvalidInput, match="row 2"):
        read_series(path, "DE")


@pytest.mark.parametrize(
    "moment",
    ["2021-12-31T23:59:59", "2022-01-01T03:00:00", "2022-01-01T06:30:00", "2022-01-01T08:00:00"],
    ids=["before", "gap", "empty", "after"],
)
def test_outside_and_in_gaps_there_is_no_value(tmp_path: Path, moment: str) -> None:
    series = read_series(written(tmp_path, HOURS), "DE")

    with pytest.raises(Unavailable, match=r"grid\.csv"):
        series.at("DE", at(moment))


def test_a_series_is_of_one_zone(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="of DE, not of FR"):
        read_series(written(tmp_path, HOURS), "DE").at("FR", at("2022-01-01T00:00:00"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs a header"),
        ("time\n2022-01-01,1\n", "needs a header"),
        ("time,g\n2022-01-01,1\n", "holds 1 values"),
        ("time,g\n2022-01-01,1\nlater,2\n", "row 3: 'later' in the first column is no time: write"),
        ("time,g\n2022-01-01,1\n2022-01-02,x\n", "row 3: 'x' in column 2 is no number: give"),
        ("time,g\n2022-01-01,1\n2022-01-02,-1\n", "row 3.*cannot be"),
        ("time,g\n2022-01-01,1\n2022-01-02,nan\n", "row 3.*cannot be"),
        ("time,g\n2022-01-01,1\n2022-01-02,2001\n", "row 3.*cannot be"),
        pytest.param("time,g\n2022-01-01," + "1" * 200_000, "cannot be read as CSV", id="endless"),
        ("time,g\n2022-01-02,1\n2022-01-01,2\n", "row 3.*does not come after"),
        ("time,g\n2022-01-01,1\n2022-01-01,2\n", "row 3.*does not come after"),
    ],
)
def test_a_bad_file_is_refused_by_row(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_series(written(tmp_path, text), "DE")


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column 'marginal'; it has time_utc, direct, lca"):
        read_series(written(tmp_path, HOURS), "DE", "marginal")


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no intensity file"):
        read_series(tmp_path / "none.csv", "DE")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InvalidInput, match="cannot be read as UTF-8"):
        read_series(tmp_path / "binary.csv", "DE")


@pytest.mark.parametrize("column", ["TIMESTAMP", "TIMESTAMPTZ"])
def test_a_parquet_file_is_the_same_series(tmp_path: Path, column: str) -> None:
    path = tmp_path / "grid.parquet"
    zone = "" if column == "TIMESTAMP" else "+02:00"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {column} '2022-06-01 12:00:00{zone}' + INTERVAL (i) HOUR AS time, "  # noqa: S608
            f"200.0 + i AS lca FROM range(5) t(i)) TO '{path}' (FORMAT parquet)"
        )
    series = read_series(path, "DE")
    first = at("2022-06-01T12:00" if column == "TIMESTAMP" else "2022-06-01T10:00")
    assert series.at("DE", first).g_per_kwh == 200.0
    assert series.at("DE", first + timedelta(hours=4)).g_per_kwh == 204.0
    assert series.step_s == 3600


def test_parquet_that_is_none_or_cannot_be_read_here_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "time,lca", "grid.parquet")
    with pytest.raises(NotFound, match=r"none\.parquet"):
        read_series(tmp_path / "none.parquet", "DE")
    with pytest.raises(InvalidInput, match="cannot be read as Parquet: Invalid Input Error"):
        read_series(path, "DE")

    (tmp_path / "duckdb.py").write_text("raise ModuleNotFoundError(\"No module named 'duckdb'\")")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(InvalidInput, match="needs DuckDB"):
        read_series(path, "DE")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, "time,lca")
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(InvalidInput, match=r"grid\.csv has 67108865 bytes; .* at most 67108864"):
        read_series(path, "DE")
    path = path.rename(tmp_path / "grid.parquet")
    with pytest.raises(InvalidInput, match=r"grid\.parquet has 67108865 bytes"):
        read_series(path, "DE")


def test_what_has_no_size_of_its_own_is_read_no_further_than_the_bound() -> None:
    with pytest.raises(InvalidInput, match="/dev/zero has more than 67108864 bytes"):
        read_series(Path("/dev/zero"), "DE")


@pytest.mark.parametrize(
    ("rows", "columns", "sentence"),
    [
        ("range(4000001)", "i, 1 AS lca", "it has 4000001 rows; .* at most 4000000"),
        ("range(600000)", "i, 1 AS lca, repeat('x', 120) AS note", "is more than 67108864 bytes"),
    ],
)
def test_a_small_parquet_file_that_expands_is_refused(
    tmp_path: Path, rows: str, columns: str, sentence: str
) -> None:
    path = tmp_path / "grid.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT {columns} FROM {rows} t(i)) TO '{path}' "  # noqa: S608
            "(FORMAT parquet, COMPRESSION zstd)"
        )
    assert path.stat().st_size < MOST_BYTES / 2

    with pytest.raises(InvalidInput, match=sentence):
        read_series(path, "DE")


def test_a_recorded_series_of_electricity_maps(shared_data: Path) -> None:
    series = read_series(shared_data / "em_ES_2022_hourly.csv", "ES")

    assert (len(series.values), series.step_s) == (8760, 3600)
    first = datetime.fromtimestamp(series.times[0], UTC) + timedelta(minutes=20)
    assert series.at("ES", first).g_per_kwh == series.values[0]


def test_a_recorded_series_that_goes_back_in_time_is_refused(shared_data: Path) -> None:
    with pytest.raises(InvalidInput, match=r"row 2733: 2022-03-02T22.* does not come after"):
        read_series(shared_data / "em_DE_20211008_20221206_irregular.csv", "DE")


def test_a_constant_is_the_same_everywhere_and_must_be_possible() -> None:
    constant = ConstantIntensity(40.0, low=30.0, high=60.0)

    assert constant.at("NO", at("2022-01-01")).g_per_kwh == 40
    assert constant.at("NO", at("2022-01-01")) == constant.at("NO", at("2025-01-01"))
    with pytest.raises(InvalidInput, match="cannot be"):
        ConstantIntensity(-1.0)
    with pytest.raises(InvalidInput, match="outside its own interval"):
        ConstantIntensity(40.0, low=41.0)

from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions
from lichen.data.schema import Dtype, Role

WriteFile = Callable[..., Path]


def column_file(header: str, cells: list[str]) -> str:
    return f"{header};x\n" + "".join(f"{cell};{i}\n" for i, cell in enumerate(cells))


def times_of(datasets: Datasets, path: Path, options: IngestOptions | None = None) -> list[str]:
    table = datasets.read(datasets.ingest("t", path, options))
    assert table.times is not None
    return [str(time) for time in table.times]


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        ("time", "2026/1/3 5:00", "2026/1/3 6:00"),
        ("time", "2026-01-03T05:00:00Z", "2026-01-03T06:00:00Z"),
        ("time", "2026-01-03T05:00:00.000Z", "2026-01-03T06:00:00.000Z"),
        ("time", "2026-01-03 13:00:00+08:00", "2026-01-03 14:00:00+08:00"),
        ("time", "2026-01-03T13:00+0800", "2026-01-03T14:00+0800"),
        ("time", "2026-01-02 18:00:00-11", "2026-01-02 19:00:00-11"),
        ("Zeit", "13.01.2026 05:00", "13.01.2026 06:00"),
        ("time", "20260103 05:00", "20260103 06:00"),
        ("时间", "2026年1月3日 5时", "2026年1月3日 6时"),
        ("when", "1/13/2026 5:00 AM", "1/13/2026 6:00 AM"),
        ("when", " 2026-01-03   05:00 ", "2026-01-03 06:00"),
    ],
)
def test_times_in_many_hands(
    datasets: Datasets, write: WriteFile, header: str, first: str, second: str
) -> None:
    day = "13" if "13" in first and "13:00" not in first and "T13" not in first else "03"
    assert times_of(datasets, write(column_file(header, [first, second]))) == [
        f"2026-01-{day}T05:00:00",
        f"2026-01-{day}T06:00:00",
    ]


def test_a_date_and_a_time_of_day_are_one_column(datasets: Datasets, write: WriteFile) -> None:
    text = "Date;Time;x\n10/03/2004;18.00.00;1\n13/03/2004;19.00.00;2\n"
    version = datasets.ingest("t", write(text))
    assert version.schema.columns[0].name == "Date Time"
    assert str(version.start) == "2004-03-10 18:00:00+00:00"
    appended = datasets.append("t", write("Date;Time;x\n14/03/2004;19.00.00;2\n", "more.csv"))
    assert str(appended.end) == "2004-03-14 19:00:00+00:00"


def test_dates_that_can_be_read_two_ways_need_the_option(
    datasets: Datasets, write: WriteFile
) -> None:
    path = write(column_file("date", ["01/02/2026", "02/02/2026", "03/02/2026"]))
    with pytest.raises(InvalidInput, match=r"as %d/%m/%Y and as %m/%d/%Y .row 2: '01/02/2026'"):
        datasets.ingest("t", path)
    read = times_of(datasets, path, IngestOptions(time_format="%d/%m/%Y"))
    assert read[0] == "2026-02-01T00:00:00"


def test_the_reading_that_goes_forward_wins(datasets: Datasets, write: WriteFile) -> None:
    cells = ["09/01/2026", "10/01/2026", "11/01/2026", "01/02/2026"]
    assert times_of(datasets, write(column_file("date", cells)))[0] == "2026-01-09T00:00:00"


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            ["2026-01-01", "soon", "2026-01-03"],
            "row 3 of load.csv has 'soon' in time column 'time'",
        ),
        (["2026-01-01", "", "2026-01-03"], "row 3 of load.csv has no time in column 'time'"),
        (["2026-01-01", "2026-02-30", "2026-03-01"], "row 3 .* has '2026-02-30'"),
        (["0001-01-01", "2026-01-01"], "row 2 .* has '0001-01-01'"),
        (["soon", "later", "never"], "row 2 .* has 'soon' .*and 2 more"),
        (
            ["2026-01-01T00:00:00Z", "2026-01-01T09:00:00+08:00", "2026-01-01T02:00:00Z"],
            "load.csv mixes time zones: row 3 says '2026-01-01T09:00:00.08:00'",
        ),
        (
            ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00", "2026-01-01T02:00:00Z"],
            "load.csv mixes time zones: row 3",
        ),
        (
            ["2026-01-01T00:00:00Z", "2026-01-01T02:00:00+01:00", "2026-01-01T02:00:00Z"],
            "load.csv mixes time zones: row 3",
        ),
        (
            ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T00:00:00Z"],
            "1 duplicate time .2026-01-01T00:00:00Z in rows 2 and 4.",
        ),
    ],
)
def test_bad_times_are_refused_with_their_row(
    datasets: Datasets, write: WriteFile, cells: list[str], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        datasets.ingest("t", write(column_file("time", cells)))
    assert datasets.names() == ()


def test_offsets_that_change_with_the_season_are_one_zone(
    datasets: Datasets, write: WriteFile
) -> None:
    cells = ["2026-03-29T00:00+01:00", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"]
    read = times_of(datasets, write(column_file("time", cells)))
    assert read == ["2026-03-28T23:00:00", "2026-03-29T00:00:00", "2026-03-29T01:00:00"]


BERLIN = IngestOptions(timezone="Europe/Berlin")


def test_a_repeated_hour_is_told_apart_by_its_order(datasets: Datasets, write: WriteFile) -> None:
    cells = [f"2026-10-25 {clock}" for clock in ("01:00", "02:00", "02:00", "03:00")]
    path = write(column_file("time", cells))
    assert times_of(datasets, path, BERLIN) == [
        "2026-10-24T23:00:00",
        "2026-10-25T00:00:00",
        "2026-10-25T01:00:00",
        "2026-10-25T02:00:00",
    ]
    version = datasets.get("t")
    assert (version.timezone, version.step_seconds) == ("Europe/Berlin", 3600)
    assert {f.code for f in version.findings} == {"dst-repeated-hour", "unit-unknown"}


def test_without_a_zone_the_repeated_hour_is_a_duplicate(
    datasets: Datasets, write: WriteFile
) -> None:
    cells = [f"2026-10-25 {clock}" for clock in ("01:00", "02:00", "02:00", "03:00")]
    with pytest.raises(InvalidInput, match="give the time zone if they are local times"):
        datasets.ingest("t", write(column_file("time", cells)))


def test_a_repeated_hour_recorded_once_is_a_gap_that_says_why(
    datasets: Datasets, write: WriteFile
) -> None:
    cells = [f"2026-10-25 {hour:02d}:00" for hour in range(6)]
    datasets.ingest("t", write(column_file("time", cells)), BERLIN)
    findings = {f.code: f for f in datasets.get("t").findings}
    assert findings["dst-gap"].times == ("2026-10-25T00:00:00Z",)
    assert findings["gaps"].count == 1


def test_a_skipped_hour_is_refused_with_the_zone_to_give(
    datasets: Datasets, write: WriteFile
) -> None:
    cells = [f"2026-03-29 {hour:02d}:00" for hour in range(5)]
    path = write(column_file("time", cells))
    with pytest.raises(InvalidInput, match=r"row 4 .*skipped.* give .01:00 as the time zone"):
        datasets.ingest("t", path, BERLIN)
    assert times_of(datasets, path, IngestOptions(timezone="+01:00"))[2] == "2026-03-29T01:00:00"


def test_local_half_hours_over_the_spring_change_have_no_gap(
    datasets: Datasets, write: WriteFile
) -> None:
    cells = [f"2026-03-29 {c}" for c in ("01:00", "01:30", "03:00", "03:30")]
    datasets.ingest("t", write(column_file("time", cells)), BERLIN)
    assert {f.code for f in datasets.get("t").findings} == {"unit-unknown"}


def test_local_days_over_the_clock_changes_are_whole(datasets: Datasets, write: WriteFile) -> None:
    cells = [f"2026-{month}-{day}" for month in ("03", "10") for day in range(20, 32)]
    gap_only = datasets.ingest("t", write(column_file("date", cells)), BERLIN)
    assert gap_only.frequency == "P1D"
    assert {f.code: f.count for f in gap_only.findings} == {"gaps": 1, "unit-unknown": 1}


def test_a_skipped_midnight_stands_for_its_day(datasets: Datasets, write: WriteFile) -> None:
    path = write(column_file("date", ["2018-11-03", "2018-11-04", "2018-11-05"]))
    read = times_of(datasets, path, IngestOptions(timezone="America/Sao_Paulo"))
    assert read == ["2018-11-03T03:00:00", "2018-11-04T03:00:00", "2018-11-05T02:00:00"]


def test_a_weather_that_differs_at_a_duplicate_is_no_series(
    datasets: Datasets, write: WriteFile
) -> None:
    rows = "".join(f"2026-01-{day:02d},{('sun', 'rain')[day % 3 == 0]}\n" for day in range(1, 29))
    with pytest.raises(InvalidInput, match="1 duplicate time"):
        datasets.ingest("t", write("date,weather\n" + rows + "2026-01-04,rain\n"))


def test_dates_of_things_in_no_order_are_no_time_index(
    datasets: Datasets, write: WriteFile
) -> None:
    days = [1 + day * 11 % 28 for day in range(28)] + [5]
    path = write(column_file("installed", [f"1998-01-{day:02d}" for day in days]))
    version = datasets.ingest("pipes", path)
    assert version.schema.time is None
    assert version.schema.column("installed").dtype is Dtype.TEXT
    with pytest.raises(InvalidInput, match="1 duplicate time"):
        datasets.ingest("pipes", path, IngestOptions(time="installed"))


def test_dates_of_things_of_which_some_are_unknown_are_no_time_index(
    datasets: Datasets, write: WriteFile
) -> None:
    days = [f"1998-01-{1 + day * 11 % 28:02d}" for day in range(28)]
    path = write(column_file("built", [*days[:9], "", *days[9:]]))
    version = datasets.ingest("homes", path)
    assert version.schema.time is None
    assert version.schema.column("built").dtype is Dtype.TEXT
    with pytest.raises(InvalidInput, match=r"no time in column 'built'.* or say time none"):
        datasets.ingest("homes", path, IngestOptions(time="built"))
    with pytest.raises(InvalidInput, match="no time in column 'at': fill it in"):
        datasets.ingest("record", write(column_file("at", [*sorted(days), ""])))


def test_series_in_blocks_of_their_own_times_are_a_panel(
    datasets: Datasets, write: WriteFile
) -> None:
    rows = "".join(
        f"2026-01-{day + 9 * run:02d},run {run},{day % 3}\n"
        for run in (0, 1)
        for day in range(1, 12)
    )
    assert datasets.ingest("t", write("date,file,x\n" + rows)).series == ("run 0", "run 1")


PANEL = "time;station;id;x\n" + "".join(
    f"2026-01-0{day};{station};{number};{day}\n"
    for number, station in ((7, "north"), (9, "south"))
    for day in (1, 2, 3)
)


def test_a_panel_is_found_by_the_column_that_tells_its_rows_apart(
    datasets: Datasets, write: WriteFile
) -> None:
    version = datasets.ingest("panel", write(PANEL))
    assert version.series == ("north", "south")
    assert version.schema.column("station").role is Role.SERIES
    assert version.step_seconds == 86_400
    newest = datasets.newest(version, ["x"], 1)
    assert newest.arrays["station"].tolist() == ["north", "south"]
    assert newest.column("x").tolist() == [3, 3]


def test_a_series_of_numbers_is_a_label_when_named(datasets: Datasets, write: WriteFile) -> None:
    version = datasets.ingest("panel", write(PANEL), IngestOptions(series="id"))
    assert version.series == ("7", "9")
    assert version.schema.column("id").dtype is Dtype.TEXT
    more = PANEL.replace("2026-01", "2026-02")
    assert datasets.append("panel", write(more, "more.csv")).rows == 12


def test_a_row_without_its_series_is_refused(datasets: Datasets, write: WriteFile) -> None:
    text = PANEL.replace("2026-01-02;north", "2026-01-02;")
    with pytest.raises(InvalidInput, match=r"row 3 .* no value in series column 'station'"):
        datasets.ingest("panel", write(text), IngestOptions(series="station"))


def test_duplicates_within_a_series_are_named(datasets: Datasets, write: WriteFile) -> None:
    text = PANEL.replace("2026-01-02;north", "2026-01-01;north")
    with pytest.raises(InvalidInput, match="2026-01-01T00:00:00Z of north in rows 2 and 3"):
        datasets.ingest("panel", write(text), IngestOptions(series="station"))


def test_rows_without_times_are_a_dataset_too(datasets: Datasets, write: WriteFile) -> None:
    version = datasets.ingest("t", write("colour,x\nred,1\nblue,2\n"))
    assert (version.start, version.frequency, version.rows) == (None, None, 2)
    assert "no-time-column" in {f.code for f in version.findings}
    assert datasets.append("t", write("colour,x\nred,1\n", "more.csv")).rows == 3
    table = datasets.read(datasets.get("t"))
    assert table.times is None
    assert table.arrays["colour"].tolist() == ["red", "blue", "red"]
    newest = datasets.newest(datasets.get("t"), None, 2)
    assert newest.column("x").tolist() == [2, 1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (IngestOptions(time="tme"), "no column 'tme': did you mean 'time'"),
        (IngestOptions(series="nowhere"), "no column 'nowhere'"),
        (IngestOptions(targets=("y",)), "load.csv has no column 'y'"),
        (IngestOptions(units={"y": "kW"}), "no column 'y'"),
        (IngestOptions(timezone="Mars"), "time zone 'Mars' is not known"),
        (IngestOptions(time_format="%Q"), "time_format '%Q' is no strptime format"),
        (IngestOptions(time="x"), "row 2 .* has '1' in time column 'x'"),
        (IngestOptions(targets=("station",)), "target column 'station' .* holds text"),
        (IngestOptions(targets=("x",), missing=("1", "2", "3")), "'x' .* holds no value at all"),
    ],
)
def test_options_that_do_not_fit_the_file(
    datasets: Datasets, write: WriteFile, options: IngestOptions, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        datasets.ingest("panel", write(PANEL), options)

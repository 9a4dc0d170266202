import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.core.plugins import load_object
from lichen.data.datasets import Datasets
from lichen.data.options import IngestOptions, Limits
from lichen.data.schema import Dtype

WriteFile = Callable[..., Path]

CHINESE = "时间,负荷(兆瓦),天气\n2026/1/3 5:00,1.5,晴\n2026/1/3 6:00,1.7,雨\n2026/1/3 7:00,1.6,晴\n"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be"])
def test_chinese_files_read_the_same_in_every_encoding(
    datasets: Datasets, write: WriteFile, codec: str
) -> None:
    version = datasets.ingest("load", write(CHINESE, encoding=codec))
    assert version.schema.names == ("时间", "负荷(兆瓦)", "天气")
    assert version.schema.column("负荷(兆瓦)").unit == "MW"
    table = datasets.read(version)
    assert table.column("负荷(兆瓦)").tolist() == [1.5, 1.7, 1.6]
    assert table.arrays["天气"].tolist() == ["晴", "雨", "晴"]
    assert table.times is not None
    assert table.times[0] == np.datetime64("2026-01-03T05:00:00")


def test_semicolons_and_decimal_commas(datasets: Datasets, write: WriteFile) -> None:
    text = "Zeit;Last\n01.02.2026 00:00;1.234,5\n13.02.2026 00:00;-0,25\n14.02.2026 00:00;7\n"
    table = datasets.read(datasets.ingest("last", write(text)))
    assert table.column("Last").tolist() == [1234.5, -0.25, 7]


def test_quotes_keep_separators_and_line_breaks(datasets: Datasets, write: WriteFile) -> None:
    text = 'time,note,x\n2026-01-01,"a, ""b""\nc",1\n2026-01-02,d,2\n'
    table = datasets.read(datasets.ingest("notes", write(text)))
    assert table.arrays["note"].tolist() == ['a, "b"\nc', "d"]


def test_blank_rows_and_trailing_separators_are_left_out(
    datasets: Datasets, write: WriteFile
) -> None:
    version = datasets.ingest("x", write("time;x;;\n2026-01-01;1;;\n;;;\n2026-01-02;2;;\n"))
    assert version.schema.names == ("time", "x")
    assert version.rows == 2
    assert "blank-rows" in {finding.code for finding in version.findings}


def test_missing_cells_and_the_missing_option(datasets: Datasets, write: WriteFile) -> None:
    text = "time,x,y\n2026-01-01,NA,-200\n2026-01-02,1,3\n2026-01-03,-200.0,n/a\n2026-01-04,2,4\n"
    version = datasets.ingest("x", write(text), IngestOptions(missing=("-200",)))
    table = datasets.read(version)
    np.testing.assert_array_equal(table.column("x"), [np.nan, 1, np.nan, 2])
    np.testing.assert_array_equal(table.column("y"), [np.nan, 3, np.nan, 4])


@pytest.mark.parametrize("marker", ["NaN", "inf", "-Infinity", "1e999"])
def test_what_is_no_finite_number_may_be_said_to_be_missing(
    datasets: Datasets, write: WriteFile, marker: str
) -> None:
    rows = "".join(f"2026-01-01T{hour:02d}:00:00Z,{hour}\n" for hour in range(20))
    text = f"Time,x\n{rows}2026-01-01T20:00:00Z,{marker}\n"
    version = datasets.ingest("x", write(text), IngestOptions(missing=(marker,)))
    assert np.isnan(datasets.read(version).column("x")).tolist() == [False] * 20 + [True]


def test_a_few_unreadable_numbers_are_missing_and_told(
    datasets: Datasets, write: WriteFile
) -> None:
    rows = "".join(f"2026-01-{day:02d},{'inf' if day == 9 else day}\n" for day in range(1, 29))
    version = datasets.ingest("x", write("date,x (kW)\n" + rows))
    assert version.schema.column("x (kW)").dtype is Dtype.NUMBER
    finding = next(f for f in version.findings if f.code == "unreadable-numbers")
    assert "'inf' in row 10" in finding.sentence
    assert np.isnan(datasets.read(version).column("x (kW)")[8])


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "f.csv", "f.csv is empty"),
        (b"\n \n", "f.csv", "f.csv is empty"),
        (b"time,x\n", "f.csv", "a header and no rows"),
        (b"time,x\n,\n", "f.csv", "a header and no rows"),
        (bytes(range(256)) * 8, "f.csv", "f.csv is binary"),
        (b"PAR1....PAR1", "f.csv", "f.csv is a Parquet file, not CSV text"),
        (b"PAR1....PAR1", "f", "damaged or unreadable Parquet"),
        (b'{"time": 1}', "f.json", "called .json, which is not read here"),
        (b"time,x\n2026-01-01,1\n", "f.parquet", "called .parquet and is no Parquet file"),
        (b"PAR1....PAR1", "f.parquet", "damaged or unreadable Parquet"),
        (b"PK\x03\x04....", "f.xlsx", "no readable workbook"),
        (b"time,x\n2026-01-01,1\n", "f.xlsx", "no readable workbook"),
        (b"time,x\n2026-01-01,1\n2026-01-02,1,2\n", "f.csv", "f.csv line 3 does not fit"),
        (b"time,x\n2026-01-01,1\n2026-01-02\n", "f.csv", "f.csv line 3 does not fit"),
        (b"time,x,x\n2026-01-01,1,2\n", "f.csv", "two columns 'x'"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(
    datasets: Datasets, write: WriteFile, content: bytes, name: str, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        datasets.ingest("bad", write(content, name))
    assert "\n" not in str(refused.value)
    assert datasets.names() == ()


def test_a_file_that_is_not_there_is_named(datasets: Datasets, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no file .*nowhere\.csv"):
        datasets.ingest("x", tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(bytes=20), "limit `bytes` is 20"),
        (Limits(columns=2), "3 columns, the limit `columns` is 2"),
        (Limits(rows=2), "more than 2 rows, the limit `rows`"),
    ],
)
def test_what_is_over_a_limit_is_refused_with_its_name(
    datasets: Datasets, write: WriteFile, limits: Limits, says: str
) -> None:
    with pytest.raises(TooLarge, match=says):
        datasets.ingest("x", write(CHINESE), IngestOptions(limits=limits))


def parquet(path: Path, select: str) -> Path:
    with duckdb.connect() as session:
        session.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def test_parquet_keeps_its_types(datasets: Datasets, tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "odd [name].parquet",
        "SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + i * INTERVAL 1 HOUR AS t, i::INTEGER AS n, "
        "i / 2 AS x, i % 2 = 0 AS even, 'a' || i AS label, 1.5::DECIMAL(4, 2) AS price, "
        "i AS __index_level_0__ FROM range(4) s(i)",
    )
    version = datasets.ingest("p", path)
    assert [(c.name, c.dtype) for c in version.schema] == [
        ("t", Dtype.TIME),
        ("n", Dtype.NUMBER),
        ("x", Dtype.NUMBER),
        ("even", Dtype.BOOLEAN),
        ("label", Dtype.TEXT),
        ("price", Dtype.NUMBER),
    ]
    table = datasets.read(version)
    assert table.column("x").tolist() == [0, 0.5, 1, 1.5]
    assert table.column("even").tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ('SELECT 1 AS a, 2 AS " a"', "names two columns 'a', but for the space around it"),
        ('SELECT 1 AS a, 2 AS " "', "a column without a name"),
    ],
)
def test_parquet_columns_that_nobody_can_tell_apart_are_refused(
    datasets: Datasets, tmp_path: Path, select: str, says: str
) -> None:
    path = parquet(tmp_path / "n.parquet", select)
    with pytest.raises(InvalidInput, match=says):
        datasets.ingest("n", path)


def test_a_parquet_of_lists_is_refused(datasets: Datasets, tmp_path: Path) -> None:
    path = parquet(tmp_path / "l.parquet", "SELECT [1, 2] AS pair")
    with pytest.raises(InvalidInput, match=r"column 'pair' of l.parquet holds INTEGER"):
        datasets.ingest("p", path)


def test_a_time_with_zone_in_parquet_is_the_stored_form(
    datasets: Datasets, write: WriteFile
) -> None:
    version = datasets.ingest("x", write(CHINESE))
    blob = datasets._blobs.path(version.parquet_digest)
    with duckdb.connect() as session:
        kinds = session.execute(f"DESCRIBE FROM read_parquet('{blob}')").fetchall()
    assert kinds[0][:2] == ("时间", "TIMESTAMP WITH TIME ZONE")


def workbook(path: Path, rows: list[list[str]]) -> Path:
    cells = "".join(
        "<row>" + "".join(f"<c t='inlineStr'><is><t>{c}</t></is></c>" for c in row) + "</row>"
        for row in rows
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f"<Types xmlns='{package}/content-types'><Default Extension='xml' "
            "ContentType='application/xml'/></Types>",
        )
        archive.writestr(
            "_rels/.rels",
            f"<Relationships xmlns='{package}/relationships'><Relationship Id='a' "
            f"Type='{office}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
        )
        archive.writestr(
            "xl/workbook.xml",
            f"<workbook xmlns='{main}' xmlns:r='{office}'><sheets>"
            "<sheet name='Last' sheetId='1' r:id='b'/></sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f"<Relationships xmlns='{package}/relationships'><Relationship Id='b' "
            f"Type='{office}/worksheet' Target='worksheets/sheet1.xml'/></Relationships>",
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f"<worksheet xmlns='{main}'><sheetData>{cells}</sheetData></worksheet>",
        )
    return path


def test_a_workbook_reads_as_its_csv_would(datasets: Datasets, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "l.xlsx",
        [["时间", "负荷(MW)"], ["2026-01-01 00:00", "1.5"], ["2026-01-01 01:00", "2"]],
    )
    version = datasets.ingest("x", path)
    assert version.schema.names == ("时间", "负荷(MW)")
    assert datasets.read(version).column("负荷(MW)").tolist() == [1.5, 2]
    with pytest.raises(InvalidInput, match="no sheet 'Juni': it has Last"):
        datasets.ingest("x", path, IngestOptions(sheet="Juni"))


def test_a_workbook_without_the_extra_names_it(
    datasets: Datasets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "l.xlsx", [["a"], ["1"]])
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    monkeypatch.delitem(__import__("sys").modules, "lichen.data.workbook", raising=False)
    with pytest.raises(InvalidInput, match=r"pip install lichen\[xlsx\]"):
        datasets.ingest("x", path)


def test_a_small_memory_spills_and_gives_the_same_bytes(
    datasets: Datasets, write: WriteFile
) -> None:
    rows = "".join(f"{i},{i * 7919 % 100_003},word {i * 31 % 977}\n" for i in range(120_000))
    path = write("id,x (kW),note\n" + rows)
    roomy = datasets.ingest("roomy", path)
    tight = datasets.ingest("tight", path, IngestOptions(limits=Limits(memory_mb=40)))
    assert tight.parquet_digest == roomy.parquet_digest
    with pytest.raises(TooLarge, match="limit `memory_mb`"):
        datasets.ingest("none", path, IngestOptions(limits=Limits(memory_mb=2)))


def test_a_wide_file_fits_the_memory_that_its_cells_need(
    datasets: Datasets, write: WriteFile
) -> None:
    header = ",".join(f"x{at} (kW)" for at in range(60))
    rows = "".join(",".join(str(row * at % 97) for at in range(60)) + "\n" for row in range(30))
    limits = Limits(memory_mb=26)
    made = datasets.ingest("wide", write(f"{header}\n{rows}"), IngestOptions(limits=limits))
    assert datasets.read(made).column("x59 (kW)").tolist() == [row * 59 % 97 for row in range(30)]


def test_a_workbook_cell_keeps_its_meaning() -> None:
    cell = load_object("lichen.data.workbook:cell_text")
    given = (True, 5.0, 0.5, date(2026, 1, 3), datetime(2026, 1, 3, 5), time(5, 30), "a", "")  # noqa: DTZ001 - workbooks know no zone
    assert [cell(value) for value in given] == [
        "true",
        "5",
        "0.5",
        "2026-01-03",
        "2026-01-03T05:00:00",
        "05:30:00",
        "a",
        "",
    ]

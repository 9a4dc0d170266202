"""Files of jobs: what is read, and how each fault is refused with file and row."""

from pathlib import Path

import pytest

from lichen.control.simulation import jobs_file
from lichen.control.simulation.jobs_file import read_jobs
from lichen.core.errors import InvalidInput, NotFound, TooLarge

HEADER = "id,release,deadline,duration_s,power_w,interruptible,pause_cost_j"
GOOD = "a,2022-01-01T00:00:00Z,2022-01-02T00:00:00Z,3600,100,true,"


def written(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "jobs.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def test_a_row_is_read_with_its_offsets_and_what_may_be_left_out(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "a,2022-01-01T01:00:00+01:00,2022-01-02 00:00:00,1800.5,99.5,No,2,3,-4,DE FR,",
        header=HEADER + ",cores,priority,zones,start",
    )
    read = read_jobs(path)
    (job,) = read.jobs
    assert (job.release_s, job.deadline_s) == (1640995200.0, 1641081600.0)
    assert (job.duration_s, job.power_w, job.pause_cost_j) == (1800.5, 99.5, 2.0)
    assert not job.interruptible
    assert (job.cores, job.priority, job.zones) == (3, -4, ("DE", "FR"))
    assert job.at_once_s == job.release_s
    assert read.remarks == ("jobs.csv: 1 times without an offset were taken as UTC",)


def test_pauses_cost_nothing_where_the_column_is_missing(tmp_path: Path) -> None:
    header = HEADER.rpartition(",")[0]
    (job,) = read_jobs(written(tmp_path, GOOD.rpartition(",")[0], header=header)).jobs
    assert (job.pause_cost_j, job.cores, job.priority, job.zones) == (0.0, 1, 0, ())


def test_a_byte_order_mark_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\n\n{GOOD}\n,,,,,,\n".encode())
    assert [job.id for job in read_jobs(path).jobs] == ["a"]


def test_a_column_that_is_not_used_is_told(tmp_path: Path) -> None:
    read = read_jobs(written(tmp_path, GOOD + ",x", header=HEADER + ",owner"))
    assert read.remarks == ("jobs.csv: columns that are not used: owner",)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (GOOD.replace("2022-01-02", "2021-01-02"), "row 2: job 'a' has its deadline before"),
        (GOOD.replace("2022-01-01T00", "noon"), "row 2: release 'noon:00:00Z' is no time"),
        (GOOD.replace("2022-01-02T", "9999-99-02T"), "row 2: deadline"),
        (GOOD.replace("3600", "long"), "row 2: duration_s 'long' is no number"),
        (GOOD.replace("3600", "nan"), "row 2: duration_s 'nan' is no number"),
        (GOOD.replace("3600", "inf"), "row 2: duration_s 'inf' is no number"),
        (GOOD.replace("3600", "-1"), "row 2: duration_s '-1' is no number of 0 or more"),
        (GOOD.replace("3600", "0"), "row 2: job 'a' takes 0 s"),
        (GOOD.replace("3600", ""), "row 2: duration_s '' is no number"),
        (GOOD.replace(",100,", ",-100,"), "row 2: power_w '-100' is no number of 0 or more"),
        (
            GOOD.replace(",100,", ",1e300,"),
            "row 2: power_w '1e300' is no number of 0 or more, up to",
        ),
        (GOOD.replace("true", "maybe"), "row 2: interruptible 'maybe' is neither"),
        (GOOD + "-3", "row 2: pause_cost_j '-3' is no number of 0 or more"),
        (GOOD.replace("a,", ",", 1), "row 2: the id is empty"),
        (GOOD + ",surplus", "row 2: 8 fields under 7 columns"),
        (f"{GOOD}\n{GOOD}", "row 3: the id 'a' stands in row 2 already"),
        ("", "holds no job"),
    ],
)
def test_each_fault_of_a_row_is_refused_in_a_sentence(
    tmp_path: Path, row: str, complaint: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read_jobs(written(tmp_path, row))
    assert complaint in str(refusal.value)
    assert "jobs.csv" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("id;release;deadline;duration_s;power_w;interruptible", "`;` between its columns"),
        ("id,release,duration_s,power_w", "no column deadline, interruptible"),
        (HEADER + ",id", "has the column id twice"),
        ("", "is empty"),
    ],
)
def test_each_fault_of_the_header_is_refused(tmp_path: Path, header: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        read_jobs(written(tmp_path, GOOD, header=header))


def test_cores_and_priorities_are_whole_numbers(tmp_path: Path) -> None:
    for cell, complaint in (("1.5", "is no whole number"), ("0", "needs 0 cores")):
        path = written(tmp_path, f"{GOOD},{cell}", header=HEADER + ",cores")
        with pytest.raises(InvalidInput, match=complaint):
            read_jobs(path)


def test_what_is_no_text_or_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file of jobs"):
        read_jobs(tmp_path / "none.csv")
    path = tmp_path / "jobs.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="cannot be read as UTF-8"):
        read_jobs(path)


def test_a_file_is_bounded_in_bytes_and_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD, GOOD.replace("a,", "b,", 1))
    monkeypatch.setattr(jobs_file, "MOST_ROWS", 1)
    with pytest.raises(TooLarge, match="over 1 jobs"):
        read_jobs(path)
    monkeypatch.setattr(jobs_file, "MOST_BYTES", 10)
    with pytest.raises(TooLarge, match="over 10 bytes"):
        read_jobs(path)

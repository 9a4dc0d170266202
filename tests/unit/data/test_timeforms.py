import pytest

from lichen.data.timeforms import Look, choose_columns, look_of, names_time


@pytest.mark.parametrize(
    ("cell", "look"),
    [
        ("2026/1/3 5:00", Look.STAMP),
        ("2026-01-03T05:00:00Z", Look.STAMP),
        ("2026-01-03 05:00:00.5+08:00", Look.STAMP),
        ("03.01.2026 05:00", Look.STAMP),
        ("2026年1月3日 5时", Look.STAMP),
        ("1/3/2026 5:00 PM", Look.STAMP),
        ("2026-01-03", Look.DATE),
        ("1958-03", Look.DATE),
        ("18.00.00", Look.CLOCK),
        ("5:00", Look.CLOCK),
        ("1958.2027", Look.OTHER),
        ("1234", Look.OTHER),
        ("yesterday", Look.OTHER),
        ("", Look.OTHER),
    ],
)
def test_cells_look_like_times_or_not(cell: str, look: Look) -> None:
    assert look_of([cell], named=False) is look


def test_eight_digits_are_a_date_only_under_a_name_of_time() -> None:
    assert look_of(["20260103"], named=True) is Look.DATE
    assert look_of(["20260103"], named=False) is Look.OTHER


def test_one_bad_cell_does_not_hide_the_column() -> None:
    assert look_of(["2026-01-03 05:00", "junk", "2026-01-03 06:00"], named=True) is Look.STAMP


@pytest.mark.parametrize("header", ["Time", "time_utc", "Date Time", "时间", "采集时间"])
def test_headers_that_name_time(header: str) -> None:
    assert names_time(header)


@pytest.mark.parametrize("header", ["Demand", "Date Submitted2", "runtime", "timeout"])
def test_headers_that_do_not(header: str) -> None:
    assert names_time(header) is (header == "Date Submitted2")


@pytest.mark.parametrize(
    ("looks", "chosen"),
    [
        ({"Date": Look.DATE, "Time": Look.STAMP}, ("Time",)),
        ({"Date": Look.DATE, "Time": Look.CLOCK}, ("Date", "Time")),
        ({"Date": Look.DATE, "hour": Look.CLOCK}, ("Date", "hour")),
        ({"Date": Look.DATE, "delay": Look.CLOCK}, ("Date",)),
        ({"seen": Look.STAMP, "time": Look.STAMP}, ("time",)),
        ({"load": Look.OTHER}, ()),
    ],
)
def test_the_plainest_column_of_time_is_chosen(
    looks: dict[str, Look], chosen: tuple[str, ...]
) -> None:
    assert choose_columns(looks) == chosen

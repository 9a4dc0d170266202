"""The hours to come as lines of text."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lichen.cli.timeline import Band, band_line, clock_line, day_line, drawn, spark_line

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return START + hours * HOUR


def test_the_clock_stands_over_its_hours() -> None:
    assert clock_line(START, 18, UTC) == "   12    18    00"
    assert clock_line(START, 18, ZoneInfo("Asia/Kolkata")).index("18") == 4, "half an hour is cut"


def test_a_day_is_named_where_it_begins_or_has_room_after_the_one_before() -> None:
    assert day_line(START, 30, UTC) == "Sun 22 Nov     Mon 23 Nov"
    assert day_line(at(12), 24, UTC) == "Sun 22 Nov Mon 23 Nov"
    assert day_line(at(12), 20, UTC) == "Sun 22 Nov", "the next has no room"


def test_bars_reach_from_the_lowest_to_the_highest() -> None:
    assert spark_line([100, 200, 450]) == "▁▃█"
    assert spark_line([100, 100]) == "▅▅"
    assert spark_line([]) == ""


def test_a_job_is_shown_where_it_runs_and_where_it_may() -> None:
    band = Band("job-1", at(1.5), at(6), [(at(2.5), at(3)), (at(4), at(5))])
    assert band_line(band, START, 8) == " ·█·█·"


def test_a_short_run_is_never_lost() -> None:
    band = Band("job-1", at(0), at(3), [(at(1), at(1) + timedelta(seconds=1))])
    assert band_line(band, START, 3) == "·█·"


def test_what_lies_beyond_the_hours_is_cut() -> None:
    band = Band("job-1", at(-5), at(50), [(at(40), at(41))])
    assert band_line(band, START, 4) == "····"


def test_without_an_outlook_the_jobs_are_drawn_alone() -> None:
    band = Band("job-1", at(0), at(3), [(at(1), at(2))])
    assert [line[:5] for line in drawn([band], [], START, 24, UTC)] == ["     ", "     ", "job-1"]
    with_grid = drawn([band], [100.0] * 24, START, 24, UTC)
    assert with_grid[2].startswith("g/kWh  ▅▅▅")
    assert with_grid[2].endswith("100 to 100")

"""What is taken in from services and files, and which of it an outlook stands on."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lichen.carbon.grids.fixed import read_series
from lichen.carbon.grids.observations import Answer, Method, Point
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.outlook.archive import Archive, chosen, recorded_of
from lichen.carbon.outlook.history import histories
from lichen.core.errors import InvalidInput

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
METHOD = Method("a service", Signal.AVERAGE, Scope.LIFECYCLE, 0.1, 3600)
HOUR = 3600


def said(hours: int, off: int = 0, method: Method = METHOD, back: int = 0) -> Answer:
    end = int(NOW.timestamp()) // HOUR - back
    made = (
        Point((hour + off) * HOUR, HOUR, 200 + 90 * math.sin(hour / 3), Kind.OBSERVED)
        for hour in range(end - hours, end)
    )
    return Answer("ES", method, tuple(made))


def grid(folder: Path, hours: int, off: int = 0, end: datetime = NOW, name: str = "lca") -> Path:
    path = folder / "grid.csv"
    last = int(end.timestamp()) // HOUR
    rows = [
        f"{datetime.fromtimestamp((hour + off) * HOUR, UTC):%Y-%m-%dT%H:%M:%SZ},"
        f"{200 + 90 * math.sin(hour / 3)}"
        for hour in range(last - hours, last)
    ]
    path.write_text(f"time,{name}\n" + "\n".join(rows), encoding="utf-8")
    return path


def test_a_file_fills_what_the_service_has_not_said(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "history")
    archive.take_in("entsoe", said(30), NOW)
    done = archive.seed("ES", read_series(grid(tmp_path, 1000), "ES"), NOW)
    assert (done.kept, done.left_out, done.missing_hours) == (1000, 0, 0)
    found = chosen(histories(tmp_path / "history", "ES"), ("entsoe",))
    assert found is not None
    assert len(found.hours) == 1000
    assert found.sources == ("entsoe", "seed")


def test_average_and_marginal_are_never_joined(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    marginal = Method("marginal", Signal.MARGINAL, Scope.DIRECT, 0.1, 3600)
    archive.take_in("watttime", said(700, method=marginal), NOW)
    archive.take_in("entsoe", said(50), NOW)
    found = histories(tmp_path, "ES")
    short = chosen(found[:1] if found[0].origin.source == "entsoe" else found[1:], ())
    best = chosen(found, ("entsoe", "watttime"))
    assert short is not None
    assert best is not None
    assert (len(short.hours), best.signal, len(best.hours)) == (50, Signal.MARGINAL, 700)
    archive.take_in("entsoe", said(700), NOW)
    again = chosen(histories(tmp_path, "ES"), ("entsoe", "watttime"))
    assert again is not None
    assert (again.signal, again.sources) == (Signal.AVERAGE, ("entsoe",))


def test_nothing_known_is_no_history(tmp_path: Path) -> None:
    assert chosen(histories(tmp_path, "ES"), ()) is None


@pytest.mark.parametrize("off", [-1, 1])
def test_a_file_whose_clock_is_an_hour_off_is_refused_whole(tmp_path: Path, off: int) -> None:
    archive = Archive(tmp_path / "history")
    archive.take_in("entsoe", said(40), NOW)
    with pytest.raises(InvalidInput, match="its clock is off, or its times are local ones"):
        archive.seed("ES", read_series(grid(tmp_path, 500, off), "ES"), NOW + timedelta(hours=2))
    assert len(histories(tmp_path / "history", "ES")) == 1


def test_a_service_whose_clock_jumped_is_not_taken_in(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.take_in("entsoe", said(48), NOW)
    with pytest.raises(InvalidInput, match="one hour later"):
        archive.take_in("entsoe", said(24, off=1), NOW + timedelta(hours=2))
    assert archive.take_in("entsoe", said(24), NOW) == 0


def test_a_file_of_long_ago_says_so(tmp_path: Path) -> None:
    old = read_series(grid(tmp_path, 48, end=NOW - timedelta(days=500)), "ES")
    with pytest.raises(InvalidInput, match="holds no value of the last 400 days"):
        Archive(tmp_path).seed("ES", old, NOW)


def test_what_a_second_file_changed_the_first_can_put_back(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "history")
    series = read_series(grid(tmp_path, 48), "ES")
    other = replace(series, values=(*series.values[:-1], 999.0), name="another file")
    for one in (series, other, series):
        archive.seed("ES", one, NOW)
    (found,) = histories(tmp_path / "history", "ES")
    assert found.points[-1].g_per_kwh == series.values[-1]


def test_gaps_and_times_to_come_are_counted(tmp_path: Path) -> None:
    path = grid(tmp_path, 100, end=NOW + timedelta(hours=10))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:30] + lines[54:]))  # a day is missing
    done = Archive(tmp_path).seed("ES", read_series(path, "ES"), NOW)
    assert done.missing_hours == 24
    assert (done.kept, done.left_out) == (100 - 24 - 9, 9)


def test_a_column_of_direct_emissions_is_a_history_of_its_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "history")
    archive.take_in("entsoe", said(48), NOW)
    archive.seed("ES", read_series(grid(tmp_path, 48, name="g_direct"), "ES"), NOW)
    assert {one.origin.scope for one in histories(tmp_path / "history", "ES")} == set(Scope)


def test_a_file_of_the_settings_is_read_where_it_stands(tmp_path: Path) -> None:
    series = read_series(grid(tmp_path, 48), "ES")
    found = chosen([recorded_of(series)], ("file",))
    assert found is not None
    assert (found.sources, len(found.hours)) == (("file",), 48)

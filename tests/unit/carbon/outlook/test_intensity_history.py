"""A year of a zone's intensity in one append-only file, whatever happens to it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lichen.carbon.grids.observations import Point
from lichen.carbon.intensity import Kind, Scope, Signal
from lichen.carbon.outlook import history as module
from lichen.carbon.outlook.history import (
    History,
    Origin,
    histories,
    read_history,
    stamp_of,
    zones_kept,
)
from lichen.core.errors import InvalidInput, StorageFailed

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
HOUR = 3600
NOON = int(NOW.timestamp()) // HOUR * HOUR
ORIGIN = Origin("ES", "electricitymaps", Signal.AVERAGE, Scope.LIFECYCLE, "Electricity Maps, mix")


def points(*values: float) -> list[Point]:
    first = NOON - len(values) * HOUR
    return [Point(first + at * HOUR, HOUR, value, Kind.OBSERVED) for at, value in enumerate(values)]


def values(folder: Path) -> list[float]:
    return [point.g_per_kwh for point in histories(folder, "ES")[0].points]


def file_of(folder: Path) -> Path:
    return next(folder.glob("*.log"))


def test_what_was_kept_is_read_again_with_its_origin(tmp_path: Path) -> None:
    assert History(tmp_path, ORIGIN).keep(points(100.0, 0.1, 2000.0), NOW) == 3
    found = histories(tmp_path, "ES")
    assert [one.origin for one in found] == [ORIGIN]
    assert values(tmp_path) == [100.0, 0.1, 2000.0]
    assert zones_kept(tmp_path) == ["ES"]


def test_what_is_known_already_is_not_written_again(tmp_path: Path) -> None:
    kept = History(tmp_path, ORIGIN)
    kept.keep(points(1, 2, 3), NOW)
    before = stamp_of(tmp_path, "ES")
    assert kept.keep(points(1, 2, 3), NOW) == 0
    assert History(tmp_path, ORIGIN).keep(points(2, 3), NOW) == 0, "after a restart too"
    assert stamp_of(tmp_path, "ES") == before


def test_a_revised_value_holds_from_then_on(tmp_path: Path) -> None:
    kept = History(tmp_path, ORIGIN)
    kept.keep(points(1, 2, 3), NOW)
    assert kept.keep(points(1, 2.5, 3), NOW) == 1
    assert values(tmp_path) == [1, 2.5, 3]
    assert stamp_of(tmp_path, "ES") != ()


@pytest.mark.parametrize("cut", range(2, 38, 3))
def test_a_line_that_a_crash_tore_costs_no_other(tmp_path: Path, cut: int) -> None:
    History(tmp_path, ORIGIN).keep(points(1, 2, 3), NOW)
    whole = file_of(tmp_path).read_bytes()
    file_of(tmp_path).write_bytes(whole[:-cut])
    after = History(tmp_path, ORIGIN)
    after.keep([Point(NOON, HOUR, 4.0, Kind.OBSERVED)], NOW)
    assert values(tmp_path) == [1, 2, 4]
    after.keep(points(1, 2, 3), NOW)
    assert values(tmp_path) == [1, 2, 3, 4]


def test_a_file_whose_title_a_crash_tore_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    History(tmp_path, ORIGIN).keep(points(1, 2, 3), NOW)
    file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes()[:20])
    assert History(tmp_path, ORIGIN).keep(points(1, 2, 3), NOW) == 3
    assert values(tmp_path) == [1, 2, 3]
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_a_changed_digit_is_noticed_and_passed_over(tmp_path: Path) -> None:
    History(tmp_path, ORIGIN).keep(points(111, 222, 333), NOW)
    written = file_of(tmp_path).read_text().replace("222", "223")
    file_of(tmp_path).write_text(written)
    found = histories(tmp_path, "ES")[0]
    assert [point.g_per_kwh for point in found.points] == [111, 333]
    assert found.damaged == 1


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"other\tformat\n", b"lichen\n1 2 3 x\n"])
def test_a_file_that_is_no_history_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ES.seed.average-direct.log").write_bytes(content)
    assert histories(tmp_path, "ES") == []
    assert read_history(tmp_path / "absent.log") is None


@pytest.mark.parametrize(
    "wrong",
    [
        Point(NOON - HOUR, HOUR, -0.1, Kind.OBSERVED),
        Point(NOON - HOUR, HOUR, 2000.1, Kind.OBSERVED),
        Point(NOON - HOUR, HOUR, float("nan"), Kind.OBSERVED),
        Point(NOON - HOUR, HOUR, 100.0, Kind.FORECAST),
        Point(NOON - HOUR, 0, 100.0, Kind.OBSERVED),
        Point(NOON + HOUR, HOUR, 100.0, Kind.OBSERVED),
        Point(NOON - 401 * 24 * HOUR, HOUR, 100.0, Kind.OBSERVED),
    ],
)
def test_what_no_history_can_hold_is_not_kept(tmp_path: Path, wrong: Point) -> None:
    assert History(tmp_path, ORIGIN).keep([wrong], NOW) == 0
    assert list(tmp_path.glob("*")) == []


def test_signals_scopes_and_zones_have_files_of_their_own(tmp_path: Path) -> None:
    for other in (
        ORIGIN,
        replace(ORIGIN, signal=Signal.MARGINAL),
        replace(ORIGIN, scope=Scope.DIRECT),
        replace(ORIGIN, zone="ES-CN"),
    ):
        History(tmp_path, other).keep(points(1), NOW)
    assert len(histories(tmp_path, "ES")) == 3
    assert len(histories(tmp_path, "ES-CN")) == 1


def test_a_file_of_many_revisions_is_written_anew_without_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIDY_LINES", 10)
    kept = History(tmp_path, ORIGIN)
    for round_ in range(10):
        kept.keep(points(1.0 + round_, 2.0 + round_, 3.0), NOW)
    assert values(tmp_path) == [10.0, 11.0, 3.0]
    lines = [line for line in file_of(tmp_path).read_text().splitlines() if line]
    assert len(lines) < 15
    assert list(tmp_path.glob("*.new")) == []


def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        History(tmp_path, replace(ORIGIN, zone="../ES"))
    with pytest.raises(InvalidInput, match="no name of a source"):
        History(tmp_path, replace(ORIGIN, source="../seed"))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFailed):
        History(tmp_path / "file" / "folder", ORIGIN).keep(points(1), NOW)

"""What wall meters write: several forms, and what no meter can have seen is refused by line."""

from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.energy.power.wall_meter import PowerSpan, WallRecord, read_wall_meter

BASE = 1_769_846_400.0
"""2026-01-31T08:00:00Z."""


def read(folder: Path, text: str, timezone: str | None = None) -> WallRecord:
    path = folder / "wall.csv"
    path.write_text(text, encoding="utf-8")
    return read_wall_meter(path, timezone)


@pytest.mark.parametrize(
    ("text", "timezone"),
    [
        ("time,watts\n2026-01-31T08:00:00Z,10\n2026-01-31T08:00:01Z,20.5\n", None),
        (
            "Timestamp;Power (W)\n2026-01-31 09:00:00;10,0\n2026-01-31 09:00:01;20,5\n",
            "Europe/Berlin",
        ),
        (f"time\tW\n{BASE}\t10\n{BASE + 1}\t20.5\n", None),
        (f"time,kW\n{BASE * 1000}\t,0.01\n{BASE * 1000 + 1000},0.0205\n".replace("\t", ""), None),
        (
            "\ufeffDateTime,apower,note\n2026-01-31T16:00:00+08:00,10,a\n\n2026-01-31T16:00:01+08:00,20.5,b\n",
            None,
        ),
        ("time,joules\n2026-01-31T08:00:00Z,100\n2026-01-31T08:00:01Z,120.5\n", None),
        (f"time,kWh\n{BASE},1\n{BASE + 1},{1 + 20.5 / 3.6e6:.12f}\n", None),
        (f"time,Energy [Wh]\n{BASE},0\n{BASE + 1},{20.5 / 3600:.9f}\n", None),
    ],
)
def test_every_form_says_the_same(tmp_path: Path, text: str, timezone: str | None) -> None:
    record = read(tmp_path, text, timezone)
    assert record.gaps == 0
    (span,) = record.spans
    assert (span.start_s, span.end_s) == (BASE, BASE + 1)
    assert span.watts == pytest.approx(20.5, rel=1e-4)


def test_a_gap_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [f"{BASE + second},{second}" for second in (0, 1, 2, 3, 60, 61)]
    record = read(tmp_path, "time,watts\n" + "\n".join(rows))
    assert record.gaps == 1
    assert PowerSpan(BASE + 3, BASE + 60, 60) not in record.spans
    assert len(record.spans) == 4


def test_a_coarse_counter_counts_from_step_to_step(tmp_path: Path) -> None:
    rows = [f"{BASE + second},{10 * (second // 4)}" for second in range(13)]
    record = read(tmp_path, "time,joules\n" + "\n".join(rows))
    assert record.spans[1:] == tuple(
        PowerSpan(BASE + second, BASE + second + 4, 2.5) for second in (4, 8)
    )


def test_a_row_that_repeats_its_time_is_passed_over(tmp_path: Path) -> None:
    record = read(tmp_path, f"time,watts\n{BASE},1\n{BASE},9\n{BASE + 1},2\n")
    assert record.spans == (PowerSpan(BASE, BASE + 1, 2),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column of time"),
        ("time\n2026-01-31T08:00:00Z\n", "no column of power"),
        ("when,watts\nx,1\n", "no column of time"),
        ("time,watts\n", "0 readings"),
        ("time,watts\n2026-01-31T08:00:00Z,1\n", "1 readings"),
        ("time,watts\n2026-01-31T08:00:00,1\n", "line 2.*no time zone.*--timezone"),
        ("time,watts\n31/01/2026 08:00,1\n", "line 2.*is no time"),
        ("time,watts\n2026-13-31T08:00:00Z,1\n", "line 2.*is no time"),
        ("time,watts\n-5,1\n", "line 2.*is no time"),
        ("time,watts\n2026-01-31T08:00:00Z,much\n", "line 2.*is no number"),
        ("time,watts\n2026-01-31T08:00:00Z,-3\n", "line 2: no machine draws -3 W"),
        ("time,watts\n2026-01-31T08:00:00Z,nan\n", "line 2: no machine draws nan W"),
        ("time,watts\n2026-01-31T08:00:00Z,2e6\n", "no machine draws 2e.06 W"),
        ("time,watts\n2026-01-31T08:00:00Z\n", "line 2: cells are missing"),
        ("time,watts\n2026-01-31T08:00:05Z,1\n2026-01-31T08:00:04Z,1\n", "line 3: time goes back"),
        pytest.param("time,watts\n1," + "1" * 200_000, "is no CSV of a meter", id="endless cell"),
        ("time,joules\n1769846400,5\n1769846401,4\n", "line 3: the counter went back"),
    ],
)
def test_what_no_meter_can_have_seen_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(tmp_path, text)


def test_the_hour_that_daylight_saving_repeats_goes_back(tmp_path: Path) -> None:
    text = "time,watts\n2026-10-25 02:59:59,1\n2026-10-25 02:00:00,1\n"
    with pytest.raises(InvalidInput, match="export in UTC"):
        read(tmp_path, text, "Europe/Berlin")


def test_a_zone_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no time zone"):
        read(tmp_path, "time,watts\n", "Europe/Atlantis")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file"):
        read_wall_meter(tmp_path / "absent.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="cannot read"):
        read_wall_meter(tmp_path / "bytes.csv")
    with pytest.raises(InvalidInput, match="cannot read"):
        read_wall_meter(tmp_path)

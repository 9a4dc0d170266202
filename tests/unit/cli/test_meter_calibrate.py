"""`lichen meter calibrate`: from a CSV to the meter that uses it, and what it refuses."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from lichen.cli.main import run
from lichen.energy.load_record import LoadRecord, write_load

START = datetime(2026, 1, 31, 8, tzinfo=UTC).timestamp()
LOAD = LoadRecord(
    tuple(START + second for second in range(181)),
    tuple(float(sum(min(two // 20, 9 - two // 20) for two in range(at))) for at in range(181)),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LICHEN_RUNTIME", str(tmp_path / "run"))
    monkeypatch.setenv("LICHEN_POWERCAP", str(tmp_path / "no-powercap"))
    return tmp_path / "home"


def wall_csv(folder: Path, shift_s: float = 0, *, naive: bool = False) -> Path:
    path = folder / "wall.csv"
    rows = ["time,watts"]
    for start, end in pairwise(LOAD.at_s):
        at = datetime.fromtimestamp(end + shift_s, UTC).isoformat()
        watts = 20 + 5 * LOAD.mean_busy(start, end)
        rows.append(f"{at.removesuffix('+00:00') if naive else at},{watts:.2f}")
    path.write_text("\n".join(rows))
    return path


def test_a_calibration_is_fitted_kept_and_used(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_load(home / "calibration-load.csv", LOAD)
    assert run(["meter", "calibrate", str(wall_csv(tmp_path, 3)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["calibration"]["slope"]["median_mw"] == pytest.approx(5000, rel=0.01)
    assert found["lag_s"] == 3
    assert run(["meter"]) == 0
    said = capsys.readouterr().out
    assert "model calibrated" in said
    assert "against wall meter wall.csv" in said


def test_it_is_shown_to_people_and_forgotten(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load = tmp_path / "load.csv"
    write_load(load, LOAD)
    arguments = ["meter", "calibrate", str(wall_csv(tmp_path, -4, naive=True))]
    assert run([*arguments, "--timezone", "UTC", "--load", str(load)]) == 0
    said = capsys.readouterr().out
    assert "by busy thread: 5.00 W" in said
    assert "4 s behind this machine's" in said
    assert run(["meter", "calibrate", "--forget"]) == 0
    assert "removed" in capsys.readouterr().out
    assert not (home / "calibration.toml").exists()
    assert run(["meter", "calibrate", "--forget"]) == 0
    assert "no calibration" in capsys.readouterr().out
    assert run(["meter"]) == 0
    assert "specpower" in capsys.readouterr().out


def test_a_calibration_of_another_machine_is_refused_aloud(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_load(home / "calibration-load.csv", LOAD)
    run(["meter", "calibrate", str(wall_csv(tmp_path))])
    kept = home / "calibration.toml"
    kept.write_text(kept.read_text().replace("threads = ", "threads = 9"))
    capsys.readouterr()
    assert run(["meter"]) == 0
    said = capsys.readouterr().out
    assert "specpower" in said
    assert "calibrate this machine" in said


def test_daylight_saving_is_refused_with_a_hint(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_load(home / "calibration-load.csv", LOAD)
    wall = wall_csv(tmp_path, naive=True)
    assert run(["meter", "calibrate", str(wall), "--timezone", "Europe/Berlin"]) == 2
    assert "1 h behind" in capsys.readouterr().err
    assert not (home / "calibration.toml").exists()


@pytest.mark.usefixtures("home")
def test_without_anything_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["meter", "calibrate"]) == 2
    said = capsys.readouterr().err
    assert "--record" in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("home")
def test_without_a_counter_rapl_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["meter", "calibrate", "--against", "rapl"]) == 1
    said = capsys.readouterr().err
    assert "cannot calibrate against rapl" in said
    assert "wall meter" in said


@pytest.mark.usefixtures("home")
def test_without_a_record_of_load_it_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["meter", "calibrate", str(wall_csv(tmp_path))]) == 2
    assert "--record" in capsys.readouterr().err

"""`lichen meter calibrate`: from a CSV to the meter that uses it, and what it refuses."""

import json
import time
from datetime import UTC, datetime
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import pytest

from lichen.cli.main import run
from lichen.core.figures import Method
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.power.calibration import read_calibration
from lichen.energy.power.load_record import LoadRecord, read_load, write_load
from lichen.energy.power.staircase import Recorder

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


class Climbing:
    """A counter that draws 10 W and 4 W more by its busy thread, which works now and then.

    It is read every half second of a clock that is moved by hand: no reading is late.
    """

    name, method, source = "rapl", Method.MEASURED, "rapl made up"
    trouble: str | None = None
    wall_ns = round(START * 1e9)

    def __init__(self, _powercap: Path) -> None:
        self._readings = count()
        self._busy_ns = self._nj = self._at_ns = 0

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:  # noqa: ARG002 - knows by itself
        now_ns, number = Climbing.wall_ns, next(self._readings)
        spent_ns = now_ns - (self._at_ns or now_ns)
        busy_ns = spent_ns if (number // 10) % 2 else 0
        self._busy_ns, self._at_ns = self._busy_ns + busy_ns, now_ns
        self._nj += 10 * spent_ns + 4 * busy_ns
        return Reading(self._nj, 0, self._busy_ns, number)

    def close(self) -> None:
        """Nothing to let go of."""


def test_a_calibration_against_rapl_is_kept_with_its_source(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def quick(recorder: Recorder, *_said: object, **_options: object) -> None:
        for _ in range(100):
            Climbing.wall_ns += 500_000_000
            recorder.sample()

    monkeypatch.setattr("lichen.cli.meter_calibrate.RaplMeter", Climbing)
    by_hand = partial(Recorder, now_ns=lambda: Climbing.wall_ns)
    monkeypatch.setattr("lichen.cli.meter_calibrate.Recorder", by_hand)
    monkeypatch.setattr("lichen.cli.meter_calibrate.climb", quick)
    assert run(["meter", "calibrate", "--against", "rapl"]) == 0
    said = capsys.readouterr()
    assert "at the lowest priority" in said.err.replace("\n", " ")
    assert "against rapl made up" in said.out
    kept = read_calibration(home / "calibration.toml")
    assert kept is not None
    assert kept.slope.median_mw == pytest.approx(4000, rel=0.02)
    assert kept.slope.low_mw <= 0.951 * kept.slope.median_mw


def test_the_load_that_was_made_is_kept_for_the_wall_meters_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def quick(recorder: Recorder, seconds: float, *_said: object, **_options: object) -> None:
        assert seconds == 30
        for _ in range(3):
            time.sleep(0.002)
            recorder.sample()

    monkeypatch.setattr("lichen.cli.meter_calibrate.climb", quick)
    assert run(["meter", "calibrate", "--record", "--seconds", "30"]) == 0
    said = capsys.readouterr()
    assert "making load for 30 s" in said.err
    assert "lichen meter calibrate FILE.csv" in said.out
    assert len(read_load(home / "calibration-load.csv").at_s) == 3


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("more", [["--record", "--forget"], ["--record", "--against", "rapl"]])
def test_two_wishes_at_once_are_refused(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["meter", "calibrate", *more]) == 2
    assert "say what to calibrate against" in capsys.readouterr().err


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("option", ["--accuracy", "--seconds"])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e9"])
def test_a_number_out_of_range_is_wrong_usage(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["meter", "calibrate", "--record", option, value]) == 2
    said = capsys.readouterr().err
    assert option in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("home")
def test_without_a_record_of_load_it_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["meter", "calibrate", str(wall_csv(tmp_path))]) == 2
    assert "--record" in capsys.readouterr().err

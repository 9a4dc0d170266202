"""The staircase: up to all threads and down again, recorded, with no process left behind."""

import subprocess
import sys
import time
from itertools import count, pairwise
from pathlib import Path

import pytest

from lichen.core.figures import Method
from lichen.energy.meter import NO_PROCESSES, OwnCpu, Reading
from lichen.energy.page import Rate
from lichen.energy.power.model import ModelMeter
from lichen.energy.power.power_fit import fit_power
from lichen.energy.power.staircase import KINDS, Burners, Recorder, climb, levels


class Hand:
    """A clock that stands until it is moved, so that no reading is late."""

    def __init__(self) -> None:
        self.at_ns = 1_769_846_400 * 10**9

    def now_ns(self) -> int:
        return self.at_ns

    def move(self, seconds: float) -> None:
        self.at_ns += round(seconds * 1e9)


class Steady:
    """A counter of 7 W, busy for one second each reading."""

    name, method, source = "steady", Method.MEASURED, "made up"
    trouble = None

    def __init__(self, hand: Hand) -> None:
        self.hand = hand
        self._readings = count()

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:  # noqa: ARG002 - knows by itself
        number = next(self._readings)
        return Reading(self.hand.at_ns * 7, 0, number * 1_000_000_000, number)

    def rate(self, window: int) -> Rate:
        return Rate(1, 1, 1, self.method, self.source, window)

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.mark.parametrize(
    ("threads", "steps"),
    [(1, (0, 1, 0)), (2, (0, 1, 2, 1, 0)), (3, (0, 1, 2, 3, 2, 1, 0))],
)
def test_a_small_machine_takes_every_step(threads: int, steps: tuple[int, ...]) -> None:
    assert levels(threads) == steps


def test_a_large_machine_takes_few_steps_up_to_all_of_it() -> None:
    steps = levels(128)
    assert (min(steps), max(steps), len(steps)) == (0, 128, 17)
    assert steps == steps[::-1]


def test_each_step_is_recorded_and_watched() -> None:
    hand = Hand()
    recorder = Recorder(Steady(hand), hand.now_ns)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        hand.move(seconds)

    watched: list[tuple[int, float]] = []
    climb(
        recorder,
        30,
        threads=1,
        sleep=sleep,
        watch=lambda busy, share: watched.append((busy, share)),
    )
    assert sum(slept) == pytest.approx(30)
    assert [busy for busy, _ in watched] == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert watched[-1][1] == pytest.approx(8 / 9)
    assert len(recorder.load.at_s) > 20
    assert all(before < after for before, after in pairwise(recorder.load.at_s))


def test_power_is_what_the_counter_went_up_by() -> None:
    hand = Hand()
    recorder = Recorder(Steady(hand), hand.now_ns)
    for _ in range(3):
        hand.move(0.5)
        recorder.sample()
    assert [span.watts for span in recorder.spans] == pytest.approx([7, 7])


class Climbing(Steady):
    """One thread busy in every second reading, at 4 W above 10 W."""

    def __init__(self, hand: Hand) -> None:
        super().__init__(hand)
        self._busy_ns = self._nj = self._at_ns = 0

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:  # noqa: ARG002 - knows by itself
        now_ns, number = self.hand.at_ns, next(self._readings)
        spent_ns = now_ns - (self._at_ns or now_ns)
        busy_ns = spent_ns if (number // 10) % 2 else 0
        self._busy_ns, self._at_ns = self._busy_ns + busy_ns, now_ns
        self._nj += 10 * spent_ns + 4 * busy_ns
        return Reading(self._nj, 0, self._busy_ns, number)


def test_the_curve_of_a_counter_is_found() -> None:
    hand = Hand()
    recorder = Recorder(Climbing(hand), hand.now_ns)
    for _ in range(120):
        hand.move(0.5)
        recorder.sample()
    fit = fit_power(recorder.spans, recorder.load, 0.05, most_lag_s=0)
    assert fit.slope.median_mw == pytest.approx(4000, rel=0.02)
    assert fit.idle.median_mw == pytest.approx(10_000, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_work_keeps_a_thread_busy(kind: str) -> None:
    meter = ModelMeter()
    with Burners() as burners:
        before = meter.read().busy_cpu_ns
        burners.run(1, kind)
        patience = time.monotonic() + 60
        while meter.read().busy_cpu_ns - before < 100_000_000 and time.monotonic() < patience:
            time.sleep(0.05)
        running: subprocess.Popen[bytes] = burners._running[0]
        assert running.poll() is None
        assert meter.read().busy_cpu_ns - before >= 100_000_000
    assert running.poll() is not None
    meter.close()


def test_no_load_outlives_the_process_that_made_it() -> None:
    script = (
        "import time; from lichen.energy.power.staircase import Burners\n"
        "burners = Burners(); burners.run(1, 'count')\n"
        "print(burners._running[0].pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    burner = Path(f"/proc/{int(parent.stdout.readline())}")
    assert burner.exists()
    parent.kill()
    parent.communicate()
    patience = time.monotonic() + 60
    while runs(burner) and time.monotonic() < patience:
        time.sleep(0.02)
    assert not runs(burner)


def runs(process: Path) -> bool:
    """It may stand in the table for a while after its end, where nobody collects orphans."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False

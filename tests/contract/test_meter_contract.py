"""Every meter through the same tests: counters that never go back, and say how they were read."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput
from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import Meter, OwnCpu, Reading
from lichen.energy.model import ModelMeter
from lichen.energy.rapl import RaplMeter
from lichen.energy.replay import NullMeter, ReplayMeter

SECOND = 1_000_000_000


class Bench:
    """One kind of meter, and how to let the world go on by a busy second."""

    def __init__(self, meter: Meter, go_on: Callable[[], None]) -> None:
        self.meter = meter
        self.go_on = go_on


def model_bench(folder: Path) -> Bench:
    clock = ManualClock()
    host = HostCpu(folder / "no-stat")
    return Bench(ModelMeter(host=host, threads=2, monotonic=clock.monotonic_ns), _second(clock))


def _second(clock: ManualClock) -> Callable[[], None]:
    return lambda: clock.advance(1)


def rapl_bench(folder: Path) -> Bench:
    zone = folder / "intel-rapl:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    (zone / "max_energy_range_uj").write_text("9000000\n")
    (zone / "energy_uj").write_text("0\n")
    clock = ManualClock()

    def go_on() -> None:
        clock.advance(1)
        now = int((zone / "energy_uj").read_text())
        (zone / "energy_uj").write_text(f"{(now + 4_000_000) % 9_000_000}\n")

    host = HostCpu(folder / "no-stat")
    return Bench(RaplMeter(folder, host, 2, clock.monotonic_ns), go_on)


def replay_bench(_folder: Path) -> Bench:
    trace = [Reading(5 * n * SECOND, n * SECOND, n * SECOND, n * SECOND) for n in range(4)]
    return Bench(ReplayMeter(trace), lambda: None)


def null_bench(_folder: Path) -> Bench:
    return Bench(NullMeter(), lambda: None)


BENCHES = [model_bench, rapl_bench, replay_bench, null_bench]


@pytest.fixture(params=BENCHES, ids=lambda make: make.__name__)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    made: Bench = request.param(tmp_path)
    return made


def test_counters_never_go_back(bench: Bench) -> None:
    readings = []
    for second in range(6):
        readings.append(bench.meter.read(OwnCpu(second * SECOND)))
        bench.go_on()
    for before, after in pairwise(readings):
        assert after.host_nj >= before.host_nj
        assert after.idle_nj >= before.idle_nj
        assert after.busy_cpu_ns >= before.busy_cpu_ns
        assert after.at_ns >= before.at_ns


def test_idle_is_a_part_of_the_whole(bench: Bench) -> None:
    for second in range(6):
        reading = bench.meter.read(OwnCpu(second * SECOND))
        assert 0 <= reading.idle_nj <= reading.host_nj
        bench.go_on()


def test_energies_are_whole_nanojoules(bench: Bench) -> None:
    reading = bench.meter.read(OwnCpu(333))
    for quantity in (reading.host_nj, reading.idle_nj, reading.busy_cpu_ns, reading.at_ns):
        assert type(quantity) is int


def test_the_rate_lies_within_its_interval_and_names_its_source(bench: Bench) -> None:
    bench.meter.read()
    rate = bench.meter.rate(3)
    assert 0 <= rate.low <= rate.nj_per_cpu_ns <= rate.high
    assert rate.window == 3
    assert rate.source == bench.meter.source
    assert bench.meter.name
    assert isinstance(bench.meter.method, Method)


def test_closing_twice_does_no_harm(bench: Bench) -> None:
    bench.meter.close()
    bench.meter.close()


def test_a_trace_needs_a_reading() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        ReplayMeter([])

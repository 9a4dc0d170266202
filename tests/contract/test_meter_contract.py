"""Every meter through the same tests: by recorded or simulated counters, in all that befalls them.

A meter without a counter of its own (the model, a recorded trace, the null meter) passes those that
speak of every meter; one with counters passes those on resets, wrap, gaps, suspend and garbage too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.figures import Method
from lichen.energy.cards.accelerators import Accelerators
from lichen.energy.cards.amdsmi import AmdSmi
from lichen.energy.cards.hwmon import Hwmon
from lichen.energy.cards.nvml import Nvml
from lichen.energy.cards.replay_cards import ReplayAmdSmi, ReplayCard, ReplayNvml
from lichen.energy.cgroup import CgroupPaths
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import Meter, OwnCpu, Reading
from lichen.energy.power.calibration import Calibration
from lichen.energy.power.machine import assume, this_machine
from lichen.energy.power.model import ModelMeter
from lichen.energy.power.parameters import Spread, parameters_of_tdp
from lichen.energy.readers.container import container_meter
from lichen.energy.readers.counter_meter import Clocks, CounterMeter
from lichen.energy.readers.host_meter import HostMeter
from lichen.energy.readers.prometheus import PrometheusSource
from lichen.energy.readers.rapl import RaplMeter
from lichen.energy.readers.replay import NullMeter, ReplayMeter

SECOND = 1_000_000_000
WATTS = 10


@dataclass
class World:
    """The clocks and counters around one meter; every move is by hand."""

    clock: ManualClock
    meter: Meter
    count: Callable[[float], None]
    """Lets the counter count so many joules more."""
    reset: Callable[[], None] | None = None
    """The counter begins anew, as when its driver is loaded again; None: it has none of its own."""
    lose: Callable[[], None] | None = None
    """The counter cannot be read from now on."""
    find: Callable[[], None] | None = None
    """It can be read again."""
    corrupt: Callable[[str], None] | None = None
    """What is read says this instead, until it is found again; None: no text is read."""
    jump: Callable[[float], None] | None = None
    """The counter shows so many joules more than it counted."""
    busy_ns: int = 0
    slept_s: float = 0.0

    def go_on(self, seconds: float = 1.0, *, busy: float = 1.0, watts: float = WATTS) -> Reading:
        """So many seconds pass, in which so many CPUs are busy and so much is drawn; then look."""
        for _ in range(round(seconds)):
            self.clock.advance(1)
            self.busy_ns += round(busy * SECOND)
            self.count(watts)
        return self.meter.read(OwnCpu(self.busy_ns))

    def settle(self) -> None:
        """Teach the meter what a quiet and a busy second cost."""
        for busy, watts in ((0.0, 4.0), (0.0, 4.0), *(((1.0, WATTS),) * 8)):
            self.go_on(busy=busy, watts=watts)
            self.meter.rate(1)

    def boottime(self) -> int:
        return self.clock.monotonic_ns() + round(self.slept_s * SECOND)

    def clocks(self) -> Clocks:
        return Clocks(self.clock.monotonic_ns, self.boottime)

    def sleep(self, seconds: float) -> None:
        """The machine is suspended: one clock stands, the other runs on."""
        self.slept_s += seconds


def hidden(folder: Path) -> HostCpu:
    """No /proc/stat: the busy CPU is our own."""
    return HostCpu(folder / "no-stat")


def nothing(_joules: float) -> None:
    """A meter without a counter."""


def model_world(folder: Path) -> World:
    clock = ManualClock()
    meter = ModelMeter(host=hidden(folder), threads=2, monotonic=clock.monotonic_ns)
    return World(clock, meter, nothing)


def tdp_world(folder: Path) -> World:
    """The model by its processor's TDP, with memory told apart."""
    clock = ManualClock()
    parameters = parameters_of_tdp(205, 56, "made up")
    meter = ModelMeter(parameters, hidden(folder), 56, clock.monotonic_ns, memory_gib=192)
    return World(clock, meter, nothing)


def calibrated_world(folder: Path) -> World:
    """The model by a calibration of this machine."""
    clock = ManualClock()
    machine = this_machine()
    said = machine.processor.name, machine.threads, Spread(9, 10, 11), Spread(90, 100, 110)
    one = Calibration(*said, clock.now(), "wall meter made up", 180, 0.99)
    return World(clock, ModelMeter(one.parameters, hidden(folder), 2, clock.monotonic_ns), nothing)


def replay_world(_folder: Path) -> World:
    trace = [Reading(5 * n * SECOND, n * SECOND, n * SECOND, n * SECOND) for n in range(4)]
    return World(ManualClock(), ReplayMeter(trace), nothing)


def null_world(_folder: Path) -> World:
    return World(ManualClock(), NullMeter(), nothing)


def container_world(folder: Path) -> World:
    group = folder / "cgroup"
    group.mkdir()
    (group / "cpu.stat").write_text("usage_usec 1000\nuser_usec 900\nsystem_usec 100\n")
    (folder / "self").write_text("0::/\n")
    meter = container_meter(assume(this_machine()), CgroupPaths(group, folder / "self"))
    return World(ManualClock(), meter, nothing)


def rapl_world(folder: Path) -> World:
    zone = folder / "intel-rapl:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    limit_uj = 262_143_328_850
    (zone / "max_energy_range_uj").write_text(f"{limit_uj}\n")
    shown = zone / "energy_uj"
    shown.write_text(f"{limit_uj - 50_000_000}\n")
    world = World(ManualClock(), NullMeter(), nothing)
    world.meter = RaplMeter(folder, hidden(folder), 2, world.clock.monotonic_ns, world.boottime)

    def count(joules: float) -> None:
        if shown.exists() and shown.read_text().strip().isdigit():
            shown.write_text(f"{(int(shown.read_text()) + round(joules * 1e6)) % limit_uj}\n")

    kept = folder / "kept"
    world.count = count
    world.corrupt = lambda text: _corrupt(shown, kept, text)
    world.reset = lambda: _write(shown, "0\n")
    world.lose = lambda: _lose(shown, kept)
    world.find = lambda: _find(shown, kept)
    world.jump = count
    return world


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _lose(shown: Path, kept: Path) -> None:
    """The driver is unloaded: an open file gives nothing more, and the path is gone."""
    kept.write_text(shown.read_text())
    shown.write_text("")
    shown.unlink()


def _corrupt(shown: Path, kept: Path, text: str) -> None:
    kept.write_text(shown.read_text())
    shown.write_text(text)


def _find(shown: Path, kept: Path) -> None:
    shown.write_text(kept.read_text())


class Exporter:
    """A Prometheus endpoint without the network: what it shows, or that it shows nothing."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.joules = 700.0
        self.up = True
        self.garbage: str | None = None

    def get(self) -> bytes:
        if not self.up:
            raise Unavailable("exporter:28282 does not answer: connection refused")
        shown = self.garbage
        if shown is None:
            return self.form.format(j=self.joules, uj=round(self.joules * 1e6)).encode()
        return self.form.format(j=shown, uj=shown).encode()

    def find(self) -> None:
        self.up, self.garbage = True, None


KEPLER = (
    "# TYPE kepler_node_cpu_joules_total counter\n"
    'kepler_node_cpu_joules_total{{node_name="n",path="/sys/a",zone="package"}} {j}\n'
    'kepler_node_cpu_joules_total{{node_name="n",path="/sys/b",zone="core"}} 99999\n'
    'kepler_node_cpu_joules_total{{node_name="n",path="/sys/c",zone="dram"}} 41.5\n'
)
SCAPHANDRE = "# HELP scaph_host_energy_microjoules x\nscaph_host_energy_microjoules {uj}\n"


def prometheus_world(folder: Path, form: str) -> World:
    exporter = Exporter(form)
    world = World(ManualClock(), NullMeter(), nothing)
    clocks = world.clocks()
    source = PrometheusSource(exporter.get, "exporter:28282", clocks.instant)
    meter = CounterMeter(source, hidden(folder), 2, clocks)

    def count(joules: float) -> None:
        exporter.joules += joules
        source._scraper.ask()

    world.meter = meter
    world.count = count
    world.reset = lambda: setattr(exporter, "joules", 0.0)
    world.lose = lambda: setattr(exporter, "up", False)
    world.find = exporter.find
    world.corrupt = lambda text: setattr(exporter, "garbage", text)
    world.jump = lambda joules: setattr(exporter, "joules", exporter.joules + joules)
    return world


def kepler_world(folder: Path) -> World:
    return prometheus_world(folder, KEPLER)


def scaphandre_world(folder: Path) -> World:
    return prometheus_world(folder, SCAPHANDRE)


def cards_world(folder: Path, card: ReplayCard, cards: Nvml | AmdSmi) -> World:
    """A modelled processor with a measured card beside it, on which process 7 computes."""
    world = model_world(folder)
    clocks = world.clocks()
    world.meter = HostMeter(world.meter, Accelerators(cards, clocks.instant()), clocks)
    world.count = lambda joules: card.compute(joules, p7=80)
    world.reset = lambda: setattr(card, "microjoules", 0)
    world.lose = lambda: setattr(card, "lost", True)
    world.find = lambda: setattr(card, "lost", False)
    world.jump = card.compute
    return world


def nvml_world(folder: Path) -> World:
    card = ReplayCard(microjoules=900_000_000)
    return cards_world(folder, card, Nvml(ReplayNvml([card])))


def amdsmi_world(folder: Path) -> World:
    card = ReplayCard("MI210", microjoules=900_000_000)
    return cards_world(folder, card, AmdSmi(ReplayAmdSmi([card])))


def hwmon_world(folder: Path) -> World:
    counter = folder / "drm" / "card0" / "device" / "hwmon" / "hwmon3"
    counter.mkdir(parents=True)
    (counter / "name").write_text("xe\n")
    shown = counter / "energy1_input"
    shown.write_text("5000000\n")
    world = model_world(folder)
    clocks = world.clocks()
    cards = Accelerators(Hwmon(folder / "drm"), clocks.instant())
    world.meter = HostMeter(world.meter, cards, clocks)

    def count(joules: float) -> None:
        if shown.exists():
            shown.write_text(f"{int(shown.read_text()) + round(joules * 1e6)}\n")

    kept = folder / "kept"
    world.count = world.jump = count
    world.reset = lambda: _write(shown, "0\n")
    world.lose = lambda: _lose(shown, kept)
    world.find = lambda: _find(shown, kept)
    return world


PROCESSORS = [rapl_world, kepler_world, scaphandre_world]
CARDS = [nvml_world, amdsmi_world, hwmon_world]
COUNTED = PROCESSORS + CARDS
EVERY = [
    model_world,
    tdp_world,
    calibrated_world,
    replay_world,
    null_world,
    container_world,
    *COUNTED,
]


@pytest.fixture(params=EVERY, ids=lambda make: make.__name__)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made: World = request.param(tmp_path)
    yield made
    made.meter.close()


@pytest.fixture(params=COUNTED, ids=lambda make: make.__name__)
def counted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made: World = request.param(tmp_path)
    yield made
    made.meter.close()


@pytest.fixture(params=PROCESSORS, ids=lambda make: make.__name__)
def processors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made: World = request.param(tmp_path)
    yield made
    made.meter.close()


def act(move: Callable[[], None] | None) -> None:
    assert move is not None
    move()


# -- every meter ------------------------------------------------------------------------------


def test_counters_never_go_back(world: World) -> None:
    readings = [world.meter.read(), *(world.go_on() for _ in range(6))]
    for before, after in pairwise(readings):
        assert after.host_nj >= before.host_nj
        assert after.idle_nj >= before.idle_nj
        assert after.accelerator_nj >= before.accelerator_nj
        assert after.busy_cpu_ns >= before.busy_cpu_ns
        assert after.at_ns >= before.at_ns


def test_idle_and_accelerators_are_parts_of_the_whole(world: World) -> None:
    for _ in range(6):
        reading = world.go_on()
        assert reading.idle_nj >= 0
        assert reading.accelerator_nj >= 0
        assert reading.idle_nj + reading.accelerator_nj <= reading.host_nj
        assert sum(one.nj for one in reading.accelerator_shares) <= reading.accelerator_nj


def test_energies_are_whole_nanojoules(world: World) -> None:
    reading = world.go_on(busy=0.333)
    for quantity in (
        reading.host_nj,
        reading.idle_nj,
        reading.busy_cpu_ns,
        reading.at_ns,
        reading.accelerator_nj,
        reading.unmetered_ns,
    ):
        assert type(quantity) is int


def test_the_rate_lies_within_its_interval_and_names_its_source(world: World) -> None:
    world.meter.read()
    rate = world.meter.rate(3)
    assert 0 <= rate.low <= rate.nj_per_cpu_ns <= rate.high
    assert rate.window == 3
    assert rate.source == world.meter.source
    assert world.meter.name
    assert isinstance(world.meter.method, Method)


def test_closing_twice_does_no_harm(world: World) -> None:
    world.meter.close()
    world.meter.close()


def test_a_step_of_the_clock_on_the_wall_changes_nothing(world: World) -> None:
    world.settle()
    before = world.go_on()
    world.clock.at = world.clock.at.replace(year=2019)
    after = world.go_on()
    assert 0 <= after.host_nj - before.host_nj < 100 * SECOND
    assert after.unmetered_ns == before.unmetered_ns == 0


# -- meters with counters ---------------------------------------------------------------------


def joules_of(world: World, before: Reading, after: Reading) -> float:
    """What the counter alone accounts for: with cards, the modelled processor is taken off."""
    energy = after.host_nj - before.host_nj
    if isinstance(world.meter, HostMeter):
        model = world.meter._processors
        assert isinstance(model, ModelMeter)
        energy -= (after.at_ns - before.at_ns) * model.idle.median_mw // 1000
        busy_ns = after.busy_cpu_ns - before.busy_cpu_ns
        energy -= busy_ns * model.parameters.slope.median_mw // 1000
    return energy / SECOND


def test_what_the_counter_counts_is_what_is_read(counted: World) -> None:
    before = counted.go_on()
    after = counted.go_on(seconds=5)
    assert joules_of(counted, before, after) == pytest.approx(5 * WATTS, abs=1e-3)
    assert after.unmetered_ns == 0


def test_a_counter_that_begins_anew_loses_no_more_than_it_must(counted: World) -> None:
    counted.settle()
    before = counted.go_on()
    act(counted.reset)
    after = [counted.go_on() for _ in range(6)][-1]
    assert 3.9 * WATTS < joules_of(counted, before, after) < 6.2 * WATTS
    assert SECOND <= after.unmetered_ns <= 2 * SECOND


def test_one_impossible_value_is_refused_and_loses_nothing(counted: World) -> None:
    counted.settle()
    before = counted.go_on()
    assert counted.jump is not None
    counted.jump(1e6)
    counted.go_on()
    counted.jump(-1e6)
    after = counted.go_on(seconds=4)
    assert joules_of(counted, before, after) == pytest.approx(5 * WATTS, rel=0.02)
    assert after.unmetered_ns == 0


def test_an_answer_out_of_the_past_takes_nothing_back(counted: World) -> None:
    counted.settle()
    before = counted.go_on()
    assert counted.jump is not None
    counted.jump(-3.0 * WATTS)
    late = counted.go_on()
    counted.jump(3.0 * WATTS)
    after = counted.go_on(seconds=3)
    assert late.host_nj >= before.host_nj
    assert joules_of(counted, before, after) == pytest.approx(4 * WATTS, rel=0.02)
    assert after.unmetered_ns == 0


def test_a_jump_that_stays_is_never_booked(counted: World) -> None:
    counted.settle()
    before = counted.go_on()
    assert counted.jump is not None
    counted.jump(1e6)
    after = [counted.go_on() for _ in range(5)][-1]
    assert joules_of(counted, before, after) < 6.2 * WATTS
    assert after.unmetered_ns > 0


def test_what_was_counted_unseen_is_booked_once_the_counter_is_back(counted: World) -> None:
    counted.settle()
    before = counted.go_on()
    act(counted.lose)
    gone = [counted.go_on() for _ in range(3)]
    assert all(after.host_nj >= earlier.host_nj for earlier, after in pairwise([before, *gone]))
    act(counted.find)
    assert counted.jump is not None
    if not isinstance(counted.meter, HostMeter) and counted.meter.name == "rapl":
        counted.jump(3 * WATTS)  # the processor counted on while its driver was away
    if counted.meter.name.endswith("hwmon"):
        counted.jump(3 * WATTS)
    after = [counted.go_on() for _ in range(3)][-1]
    assert joules_of(counted, before, after) == pytest.approx(6 * WATTS, rel=0.1)


@pytest.mark.parametrize("text", ["NaN", "-5", "-inf", "1e999", "garbage", "0x1f", ""])
def test_what_is_no_energy_is_refused_and_the_last_rate_stands_in(
    processors: World, text: str
) -> None:
    processors.settle()
    before, rate = processors.go_on(), processors.meter.rate(1)
    assert processors.corrupt is not None
    processors.corrupt(text)
    broken = [processors.go_on() for _ in range(3)][-1]
    said = [processors.meter.trouble]
    assert broken.unmetered_ns - before.unmetered_ns == 3 * SECOND
    assert broken.host_nj - before.host_nj == round(SECOND * rate.nj_per_cpu_ns) * 3
    act(processors.find)
    after = [processors.go_on() for _ in range(4)][-1]
    assert said[0]
    assert processors.meter.trouble is None
    assert joules_of(processors, before, after) < 7.5 * WATTS


def test_trouble_is_said_while_it_lasts(counted: World) -> None:
    counted.settle()
    counted.go_on()
    troubles = [counted.meter.trouble]
    for change in (counted.lose, counted.find):
        act(change)
        counted.go_on(seconds=2)
        troubles.append(counted.meter.trouble)
    assert troubles[0] is troubles[2] is None
    assert troubles[1]


def test_a_long_gap_between_two_looks_is_one_long_step(counted: World) -> None:
    before = counted.go_on()
    after = counted.go_on(seconds=40)
    assert joules_of(counted, before, after) == pytest.approx(40 * WATTS, abs=1e-3)


def test_a_suspend_is_idling_and_teaches_nothing(processors: World) -> None:
    processors.settle()
    before, rate = processors.go_on(), processors.meter.rate(8)
    processors.sleep(8 * 3600)
    processors.count(9_000)
    after = processors.go_on()
    assert joules_of(processors, before, after) == pytest.approx(9_000 + WATTS)
    assert after.idle_nj - before.idle_nj > 8_900 * SECOND
    assert processors.meter.rate(9).nj_per_cpu_ns == pytest.approx(rate.nj_per_cpu_ns, rel=0.05)


# -- meters of processors, whose rate is learned ----------------------------------------------


def test_the_rate_is_what_a_busy_second_adds(processors: World) -> None:
    processors.settle()
    for _ in range(8):
        processors.go_on()
        rate = processors.meter.rate(1)
    assert rate.nj_per_cpu_ns == pytest.approx(WATTS - 4.0, rel=0.02)
    assert rate.method is Method.MEASURED
    assert "silent" not in rate.source


def test_while_the_counter_is_silent_the_last_rate_stands_in(processors: World) -> None:
    processors.settle()
    before, rate = processors.go_on(), processors.meter.rate(1)
    act(processors.lose)
    after = processors.go_on(busy=2.0)
    assert after.host_nj - before.host_nj == round(2 * SECOND * rate.nj_per_cpu_ns)
    assert after.idle_nj == before.idle_nj
    assert after.unmetered_ns - before.unmetered_ns == SECOND
    silent = processors.meter.rate(2)
    assert silent.nj_per_cpu_ns == rate.nj_per_cpu_ns
    assert silent.method is Method.MODELLED
    assert silent.source.endswith("silent: the last rate")


def test_a_counter_that_stands_still_is_trouble(processors: World) -> None:
    processors.settle()
    before = processors.go_on()
    for _ in range(200):
        processors.clock.advance(1)
        processors.busy_ns += SECOND
        processors.count(0)
        after = processors.meter.read(OwnCpu(processors.busy_ns))
    trouble = processors.meter.trouble
    assert trouble is not None
    assert "stand still" in trouble
    assert after.unmetered_ns > before.unmetered_ns
    assert processors.meter.rate(1).nj_per_cpu_ns == pytest.approx(WATTS - 4.0, rel=0.02)


def test_an_update_each_five_seconds_reads_as_one_each_second(processors: World) -> None:
    processors.settle()
    first = processors.go_on()
    steps = []
    for _ in range(4):
        for second in range(5):
            before = processors.meter.read(OwnCpu(processors.busy_ns))
            processors.clock.advance(1)
            processors.busy_ns += SECOND
            if second == 4:
                processors.count(5 * WATTS)
            after = processors.meter.read(OwnCpu(processors.busy_ns))
            steps.append((after.host_nj - before.host_nj) / SECOND)
    assert joules_of(processors, first, after) == pytest.approx(20 * WATTS, rel=0.02)
    assert all(0.8 * WATTS < step < 1.2 * WATTS for step in steps)


def test_a_trace_needs_a_reading() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        ReplayMeter([])

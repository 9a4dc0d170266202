"""RAPL on a recorded tree: two sockets, memory, wrap-around, and no permission."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import OwnCpu
from lichen.energy.readers.rapl import RaplMeter, zones

NOBODY = 65_534


class Tree(Protocol):
    folder: Path

    def set(self, zone: str, energy_uj: int) -> None: ...
    def advance(self, zone: str, energy_uj: int) -> None: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def meter(powercap: Tree, clock: ManualClock) -> Iterator[RaplMeter]:
    made = RaplMeter(powercap.folder, HostCpu(powercap.folder / "no-stat"), 4, clock.monotonic_ns)
    yield made
    made.close()


def test_packages_and_memory_of_every_socket_are_summed_once(
    powercap: Tree, meter: RaplMeter
) -> None:
    for zone in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:1", "intel-rapl:1:1"):
        powercap.advance(zone, 1_000)
    for inside in ("intel-rapl:0:0", "intel-rapl:1:0", "intel-rapl:2", "intel-rapl-mmio:0"):
        powercap.advance(inside, 500_000)
    assert meter.read().host_nj == 4 * 1_000 * 1_000
    assert meter.source == "rapl dram+package-0+package-1"


def test_where_one_driver_shows_nothing_the_other_is_read(tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl-mmio:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    assert [one.name for one in zones(tmp_path)] == ["package-0"]


def test_a_counter_that_wraps_goes_on(powercap: Tree, meter: RaplMeter) -> None:
    powercap.advance("intel-rapl:1", 328_850 + 17)
    assert int((powercap.folder / "intel-rapl:1" / "energy_uj").read_text()) == 17
    assert meter.read().host_nj == (328_850 + 17) * 1_000
    powercap.advance("intel-rapl:1", 5)
    assert meter.read().host_nj == (328_850 + 22) * 1_000


def test_idle_energy_never_exceeds_what_was_drawn(
    powercap: Tree, meter: RaplMeter, clock: ManualClock
) -> None:
    clock.advance(1)
    powercap.advance("intel-rapl:0", 100)
    reading = meter.read()
    assert reading.idle_nj == reading.host_nj == 100_000


def test_the_rate_is_mixed_until_a_quiet_second_taught_the_idle_share(
    powercap: Tree, meter: RaplMeter, clock: ManualClock
) -> None:
    busy_ns = 0
    for _ in range(20):
        clock.advance(1)
        busy_ns += 1_000_000_000
        powercap.advance("intel-rapl:0", 7_220_000)
        meter.read(OwnCpu(busy_ns))
        rate = meter.rate(1)
    assert rate.method is Method.MIXED
    assert rate.nj_per_cpu_ns == pytest.approx(5.0, rel=0.01)
    assert rate.low < 4.5 < 5.5 < rate.high
    clock.advance(1)
    powercap.advance("intel-rapl:0", 3_000_000)
    meter.read(OwnCpu(busy_ns))
    learned = meter.rate(2)
    assert learned.method is Method.MEASURED
    assert learned.high - learned.low < rate.high - rate.low
    clock.advance(1)
    powercap.advance("intel-rapl:0", 8_000_000)
    before = meter.read(OwnCpu(busy_ns)).idle_nj
    clock.advance(1)
    powercap.advance("intel-rapl:0", 8_000_000)
    assert meter.read(OwnCpu(busy_ns)).idle_nj - before == 3_000_000_000


def test_no_counters_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no RAPL counters"):
        RaplMeter(tmp_path)


def test_a_counter_that_is_no_number_is_unavailable(powercap: Tree) -> None:
    (powercap.folder / "intel-rapl:0" / "energy_uj").write_text("broken\n")
    with pytest.raises(Unavailable, match="intel-rapl:0/energy_uj"):
        RaplMeter(powercap.folder)


def test_a_counter_that_goes_away_is_named_and_opened_again(
    powercap: Tree, meter: RaplMeter, clock: ManualClock
) -> None:
    shown = powercap.folder / "intel-rapl:1" / "energy_uj"
    kept = shown.read_text()
    meter.read()
    shown.write_text("")
    shown.unlink()
    clock.advance(1)
    assert meter.read().unmetered_ns == 1_000_000_000
    assert meter.trouble is not None
    assert "intel-rapl:1/energy_uj went away" in meter.trouble
    shown.write_text(kept)
    powercap.advance("intel-rapl:1", 60)
    clock.advance(1)
    assert meter.read().host_nj == 60_000
    assert meter.trouble is None


def test_one_socket_that_went_away_does_not_lose_the_other(
    powercap: Tree, meter: RaplMeter, clock: ManualClock
) -> None:
    shown = powercap.folder / "intel-rapl:1" / "energy_uj"
    kept = shown.read_text()
    shown.write_text("")
    for _ in range(5):
        clock.advance(1)
        powercap.advance("intel-rapl:0", 1_000)
        meter.read()
    shown.write_text(kept)
    clock.advance(1)
    powercap.advance("intel-rapl:0", 1_000)
    assert meter.read().host_nj == 6_000_000


def test_a_processor_that_slept_through_a_reset_did_not_wrap(powercap: Tree) -> None:
    clock, slept = ManualClock(), [0]
    meter = RaplMeter(
        powercap.folder,
        HostCpu(powercap.folder / "no-stat"),
        4,
        clock.monotonic_ns,
        lambda: clock.monotonic_ns() + slept[0],
    )
    slept[0] = 8 * 3600 * 1_000_000_000
    powercap.set("intel-rapl:1", 10)
    for _ in range(3):
        clock.advance(1)
        powercap.advance("intel-rapl:0", 20_000_000)
        powercap.advance("intel-rapl:1", 20_000_000)
        reading = meter.read()
    assert reading.host_nj < 130 * 1_000_000_000
    meter.close()


def test_no_permission_says_what_to_do(powercap: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(powercap.folder)
    powercap.folder.chmod(0o755)
    here = Path()
    for zone in zones(here):
        zone.folder.chmod(0o755)
        (zone.folder / "energy_uj").chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(Unavailable, match="chmod a\\+r") as refused:
            RaplMeter(here)
    finally:
        os.seteuid(was)
    assert "energy_uj" in str(refused.value)

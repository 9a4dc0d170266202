"""The model: linear in busy CPU-seconds, with parameters that the published table gives."""

from dataclasses import replace
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu
from lichen.energy.power.model import ModelMeter, idle_power, memory_power
from lichen.energy.power.parameters import SPECPOWER_2017, Spread


def meter(tmp_path: Path, clock: ManualClock, threads: int = 4) -> ModelMeter:
    return ModelMeter(
        host=HostCpu(tmp_path / "no-proc-stat"), threads=threads, monotonic=clock.monotonic_ns
    )


def test_an_idle_host_draws_its_idle_share(tmp_path: Path) -> None:
    clock = ManualClock()
    idle = meter(tmp_path, clock)
    clock.advance(10)
    reading = idle.read()
    assert reading.host_nj == reading.idle_nj == round(0.555 * 4 * 10 * 1e9)
    assert reading.busy_cpu_ns == 0


def test_the_second_busy_core_costs_what_the_first_did(tmp_path: Path) -> None:
    clock = ManualClock()
    model = meter(tmp_path, clock)
    one = model.read(OwnCpu(1_000_000_000))
    two = model.read(OwnCpu(2_000_000_000))
    assert one.host_nj - one.idle_nj == 3_258_000_000
    assert two.host_nj == 2 * one.host_nj


def test_the_rate_is_the_slope_with_its_interval(tmp_path: Path) -> None:
    rate = meter(tmp_path, ManualClock()).rate(5)
    assert (rate.low, rate.nj_per_cpu_ns, rate.high) == (1.186, 3.258, 4.1)
    assert (rate.method, rate.window) == (Method.MODELLED, 5)
    assert "specpower" in rate.source


def test_this_machine_can_be_modelled() -> None:
    model = ModelMeter()
    first = model.read(NO_PROCESSES)
    second = model.read(NO_PROCESSES)
    assert second.host_nj > first.host_nj
    assert model.threads >= 1
    model.close()


def test_memory_draws_its_share_whether_it_is_used_or_not(tmp_path: Path) -> None:
    clock = ManualClock()
    host = HostCpu(tmp_path / "no-proc-stat")
    model = ModelMeter(host=host, threads=4, monotonic=clock.monotonic_ns, memory_gib=16)
    clock.advance(10)
    reading = model.read()
    assert reading.host_nj == reading.idle_nj == (4 * 331 + 16 * 144) * 10 * 1_000_000
    assert model.memory == Spread(16 * 23, 16 * 144, 16 * 392)


def test_memory_changes_nothing_of_what_work_is_charged(tmp_path: Path) -> None:
    clock = ManualClock()
    host = HostCpu(tmp_path / "no-proc-stat")
    model = ModelMeter(host=host, threads=4, monotonic=clock.monotonic_ns, memory_gib=512)
    assert model.rate(1).figure(10**9) == meter(tmp_path, clock).rate(1).figure(10**9)


def test_idle_energy_has_an_interval_of_its_own(tmp_path: Path) -> None:
    clock = ManualClock()
    rate = meter(tmp_path, clock).rate(1)
    assert (rate.idle_low, rate.idle_high) == (343 / 555, 1166 / 555)
    nothing = replace(SPECPOWER_2017, idle=Spread(0, 0, 1), base=None)
    host = HostCpu(tmp_path / "no-proc-stat")
    assert ModelMeter(nothing, host, 2, clock.monotonic_ns).rate(1).idle_low is None


def test_memory_that_is_not_told_apart_adds_nothing() -> None:
    whole = replace(SPECPOWER_2017, base=None)
    assert memory_power(whole, 64) is None
    assert idle_power(whole, 4, 64) == whole.idle.times(4)
    assert idle_power(SPECPOWER_2017, 4, None) == SPECPOWER_2017.idle.times(4)


def test_the_interval_of_idling_is_as_published_up_to_usual_memory() -> None:
    base, drawn_mw = SPECPOWER_2017.base, 100 * 2.67 * 144
    assert base is not None
    usual = idle_power(SPECPOWER_2017, 100, 267)
    assert usual.low_mw == pytest.approx(100 * base.low_mw + drawn_mw, abs=1)
    assert usual.high_mw == pytest.approx(100 * base.high_mw + drawn_mw, abs=1)


@pytest.mark.parametrize("memory_gib", [6, 12, 24, 96, 1024])
def test_memory_beyond_the_usual_makes_idling_less_sure(memory_gib: float) -> None:
    """On two threads: its part, memory, is never less sure than the whole."""
    idle, memory = (
        idle_power(SPECPOWER_2017, 2, memory_gib),
        memory_power(SPECPOWER_2017, memory_gib),
    )
    assert memory is not None
    assert memory.low_mw < idle.low_mw < idle.median_mw < idle.high_mw
    assert memory.high_mw <= idle.high_mw
    usual = idle_power(SPECPOWER_2017, 2, 5)
    assert idle.high_mw - idle.low_mw > usual.high_mw - usual.low_mw


def test_a_typical_server_draws_the_same_either_way() -> None:
    """1.7 GB by thread, the median of the table."""
    known = idle_power(SPECPOWER_2017, 112, 192)
    unknown = idle_power(SPECPOWER_2017, 112)
    assert known.median_mw == pytest.approx(unknown.median_mw, rel=0.05)
    assert known.high_mw / known.low_mw < unknown.high_mw / unknown.low_mw

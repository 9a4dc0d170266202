"""The model: linear in busy CPU-seconds, with parameters that the published table gives."""

import csv
import re
import statistics
from pathlib import Path

from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu
from lichen.energy.model import SPECPOWER_2017, ModelMeter, Spread


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
    assert (rate.low, rate.nj_per_cpu_ns, rate.high) == (1.187, 3.258, 4.094)
    assert (rate.method, rate.window) == (Method.MODELLED, 5)
    assert "specpower" in rate.source


def test_this_machine_can_be_modelled() -> None:
    model = ModelMeter()
    first = model.read(NO_PROCESSES)
    second = model.read(NO_PROCESSES)
    assert second.host_nj > first.host_nj
    assert model.threads >= 1
    model.close()


def test_the_priors_are_those_of_the_published_table(shared_data: Path) -> None:
    idle, slope = [], []
    with (shared_data / "ccf_specpower_2007_2021.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            year = re.search(r"20\d\d", row["Date Submitted"])
            if year is None or int(year[0]) < 2017:
                continue
            threads = float(row["Total Threads"].replace(",", ""))
            full_w = float(row["avg. watts @ 100%"].replace(",", ""))
            idle_w = float(row["avg. watts @ active idle"].replace(",", ""))
            idle.append(idle_w / threads)
            slope.append((full_w - idle_w) / threads)
    assert len(idle) == 240
    for watts, spread in ((idle, SPECPOWER_2017.idle), (slope, SPECPOWER_2017.slope)):
        twentieths = statistics.quantiles(watts, n=20, method="inclusive")
        assert (
            Spread(
                round(1000 * twentieths[0]),
                round(1000 * twentieths[9]),
                round(1000 * twentieths[18]),
            )
            == spread
        )

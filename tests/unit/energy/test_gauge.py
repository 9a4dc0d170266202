"""A whole process charged to one account, as it runs."""

from pathlib import Path

import pytest

from lichen.core.figures import Method
from lichen.core.units import Nanojoules
from lichen.energy import gauge as room
from lichen.energy.counters import ProcessCounters
from lichen.energy.gauge import ProcessGauge, no_grams
from lichen.energy.page import PageContent, PageReader, PageWriter, Rate
from lichen.energy.processes import read_counters

ACCOUNT = "work/t/job-1/m@1/fp32"


def publish(writer: PageWriter, nj_per_ns: float, method: Method = Method.MODELLED) -> None:
    rate = Rate(nj_per_ns, nj_per_ns / 2, nj_per_ns * 2, method, "test", 1)
    writer.publish(PageContent(1, 0, 0, 0, 0, 0, rate))


@pytest.fixture
def writer(tmp_path: Path) -> PageWriter:
    made = PageWriter(tmp_path)
    publish(made, 2.0)
    return made


def burn(steps: int = 200_000) -> int:
    return sum(range(steps))


def test_all_cpu_of_the_process_is_charged(tmp_path: Path, writer: PageWriter) -> None:
    counters = ProcessCounters.create(tmp_path, "job")
    gauge = ProcessGauge(counters, PageReader.open(tmp_path), ACCOUNT, lambda nj, cpu: nj + cpu)
    burn()
    first = gauge.charge()
    assert first.nj == 2 * gauge.cpu_ns
    assert first.nj_low < first.nj < first.nj_high
    assert gauge.ng == 3 * gauge.cpu_ns
    burn()
    assert gauge.spent().nj > first.nj
    last = gauge.stop()
    (reading,) = read_counters(tmp_path)
    (charge,) = reading.charges
    assert (charge.account, charge.nj, charge.cpu_ns) == (ACCOUNT, last.nj, gauge.cpu_ns)
    assert charge.count == 1
    assert reading.whole_process
    assert writer.last() is not None


def test_children_without_counters_are_charged_as_the_process_itself(
    tmp_path: Path, writer: PageWriter
) -> None:
    counters = ProcessCounters.create(tmp_path, "job")
    gauge = ProcessGauge(counters, PageReader.open(tmp_path), ACCOUNT)
    before_ns = gauge.charge().nj // 2
    used_ns = iter([5 * 10**9, 5 * 10**9, 8 * 10**9])
    gauge.adopt(lambda: next(used_ns))
    assert 5 * 10**9 <= gauge.charge().nj // 2 - before_ns < 6 * 10**9
    gauge.charge()
    last = gauge.stop()
    assert 8 * 10**9 <= last.nj // 2 - before_ns < 9 * 10**9
    (reading,) = read_counters(tmp_path)
    assert reading.cpu_ns >= sum(one.cpu_ns for one in reading.charges), (
        "overhead is never negative"
    )
    assert writer.last() is not None


def test_it_charges_from_the_clock_it_was_given(tmp_path: Path, writer: PageWriter) -> None:
    counters = ProcessCounters.create(tmp_path, "job")
    late = ProcessGauge(counters, PageReader.open(tmp_path), ACCOUNT, no_grams, 1 << 60)
    assert late.charge().nj == Nanojoules(0)
    assert writer.last() is not None


def test_figures_of_two_methods_are_mixed(tmp_path: Path, writer: PageWriter) -> None:
    counters = ProcessCounters.create(tmp_path, "job")
    gauge = ProcessGauge(counters, PageReader.open(tmp_path), ACCOUNT)
    assert gauge.charge().method is Method.MODELLED
    publish(writer, 3.0, Method.MEASURED)
    assert gauge.charge().method is Method.MIXED


def test_the_thread_charges_while_the_work_goes_on(
    tmp_path: Path, writer: PageWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PERIOD_S", 0.005)
    counters = ProcessCounters.create(tmp_path, "job")
    gauge = ProcessGauge(counters, PageReader.open(tmp_path), ACCOUNT)
    gauge.start()
    while gauge.cpu_ns == 0:
        burn(1_000)
    assert gauge.stop().nj > 0
    assert writer.last() is not None

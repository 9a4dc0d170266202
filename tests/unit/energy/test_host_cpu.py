"""Busy CPU of the host: ticks of the kernel, nanoseconds of our own, never less than ours."""

import os
from pathlib import Path

from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import NO_PROCESSES, OwnCpu

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def write(stat: Path, busy_ticks: int, idle_ticks: int = 0, steal: int = 0) -> None:
    share = busy_ticks // 5
    rest = busy_ticks - 4 * share
    stat.write_text(
        f"cpu  {rest} {share} {share} {idle_ticks} 99 {share} {share} {steal} 0 0\ncpu0 1 2 3\n"
    )


def test_busy_time_counts_from_the_first_reading(tmp_path: Path) -> None:
    write(tmp_path / "stat", 1_000)
    host = HostCpu(tmp_path / "stat")
    assert host.read(NO_PROCESSES) == 0
    write(tmp_path / "stat", 1_250, idle_ticks=700, steal=50)
    assert host.read(NO_PROCESSES) == 250 * TICK_NS
    host.close()


def test_ticks_that_lag_never_undercut_our_own_clocks(tmp_path: Path) -> None:
    write(tmp_path / "stat", 0)
    host = HostCpu(tmp_path / "stat")
    host.read(NO_PROCESSES)
    assert host.read(OwnCpu(123_456)) == 123_456
    write(tmp_path / "stat", 1)
    assert host.read(OwnCpu(123_456)) == TICK_NS
    assert host.read(OwnCpu(TICK_NS + 5)) == 2 * TICK_NS + 5 - 123_456


def test_a_process_that_makes_itself_known_is_not_counted_twice(tmp_path: Path) -> None:
    write(tmp_path / "stat", 0)
    host = HostCpu(tmp_path / "stat")
    host.read(NO_PROCESSES)
    write(tmp_path / "stat", 100)
    assert host.read(NO_PROCESSES) == 100 * TICK_NS
    adopted = 60 * TICK_NS
    assert host.read(OwnCpu(adopted, adopted)) == 100 * TICK_NS
    write(tmp_path / "stat", 110)
    assert host.read(OwnCpu(adopted)) == 110 * TICK_NS


def test_without_a_kernel_that_counts_there_is_our_own_time(tmp_path: Path) -> None:
    host = HostCpu(tmp_path / "none")
    assert host.read(OwnCpu(42)) == 42
    host.close()


def test_the_kernel_of_this_machine_is_read() -> None:
    host = HostCpu()
    first = host.read(NO_PROCESSES)
    assert host.read(NO_PROCESSES) >= first
    host.close()

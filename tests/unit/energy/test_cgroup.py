"""CPU of one container by its control group, v2 and v1, and the model on it."""

from pathlib import Path

import pytest

from lichen.core.errors import Unavailable
from lichen.energy.cgroup import CgroupCpu, CgroupPaths
from lichen.energy.host_cpu import HostCpu
from lichen.energy.meter import OwnCpu
from lichen.energy.power.machine import assume, this_machine
from lichen.energy.readers.container import container_meter


@pytest.fixture
def paths(tmp_path: Path) -> CgroupPaths:
    (tmp_path / "mount").mkdir()
    (tmp_path / "self").write_text("0::/kubepods.slice/pod1\n")
    return CgroupPaths(tmp_path / "mount", tmp_path / "self")


def usage(folder: Path, microseconds: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = f"usage_usec {microseconds}\nuser_usec 1\nsystem_usec 1\nnr_periods 0\n"
    (folder / "cpu.stat").write_text(text)


def test_v2_counts_microseconds_of_the_own_group(paths: CgroupPaths) -> None:
    usage(paths.mount, 999)
    usage(paths.mount / "kubepods.slice" / "pod1", 1_500)
    group = CgroupCpu(paths)
    assert group.usage_ns() == 1_500_000
    group.close()


def test_in_a_namespace_of_its_own_the_mount_is_the_group(paths: CgroupPaths) -> None:
    usage(paths.mount, 42)
    group = CgroupCpu(paths)
    assert group.usage_ns() == 42_000
    group.close()


def test_v1_counts_nanoseconds(paths: CgroupPaths) -> None:
    paths.membership.write_text("12:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n")
    folder = paths.mount / "cpu,cpuacct"
    folder.mkdir()
    (folder / "cpuacct.usage").write_text("123456789\n")
    (folder / "cpu.cfs_quota_us").write_text("150000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    group = CgroupCpu(paths)
    assert (group.usage_ns(), group.threads()) == (123_456_789, 2)
    group.close()


@pytest.mark.parametrize(
    ("said", "threads"), [("max 100000\n", None), ("250000 100000\n", 3), ("junk\n", None)]
)
def test_a_quota_says_how_many_threads(paths: CgroupPaths, said: str, threads: int | None) -> None:
    usage(paths.mount, 1)
    (paths.mount / "cpu.max").write_text(said)
    group = CgroupCpu(paths)
    assert group.threads() == threads
    group.close()


@pytest.mark.parametrize("text", ["", "user_usec 3\n", "usage_usec many\n"])
def test_accounting_that_is_none_is_unavailable(paths: CgroupPaths, text: str) -> None:
    (paths.mount / "cpu.stat").write_text(text)
    with pytest.raises(Unavailable, match="CPU accounting"):
        CgroupCpu(paths)


def test_no_accounting_is_unavailable(paths: CgroupPaths, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no CPU accounting"):
        CgroupCpu(paths)
    with pytest.raises(Unavailable, match="no CPU accounting"):
        CgroupCpu(CgroupPaths(paths.mount, tmp_path / "none"))


def test_the_model_of_a_container_counts_the_container_alone(paths: CgroupPaths) -> None:
    usage(paths.mount, 1_000_000)
    (paths.mount / "cpu.max").write_text("100000 100000\n")
    meter = container_meter(assume(this_machine()), paths)
    assert meter.threads == 1
    assert meter.source.endswith("this container alone")
    first = meter.read(OwnCpu(300))
    usage(paths.mount, 1_750_000)
    assert meter.read(OwnCpu(400)).busy_cpu_ns - first.busy_cpu_ns == 750_000_000
    meter.close()


def test_a_group_that_goes_away_leaves_our_own_clocks(paths: CgroupPaths) -> None:
    usage(paths.mount, 5)
    host = HostCpu(system=CgroupCpu(paths))
    first = host.read(OwnCpu(100))
    (paths.mount / "cpu.stat").write_text("")
    assert host.read(OwnCpu(700)) == first + 600
    host.close()

"""Sockets, kinds of cores, virtual machines and containers, by recorded trees."""

from pathlib import Path

import pytest

from lichen.energy.surroundings import SurroundingPaths, look_at


def paths(folder: Path, cpuinfo: str = "") -> SurroundingPaths:
    (folder / "cpuinfo").write_text(cpuinfo)
    return SurroundingPaths(
        folder / "cpuinfo",
        folder / "vendor",
        folder / "cgroup",
        (folder / ".dockerenv",),
        folder / "devices",
        folder / "model",
        folder / "mountinfo",
    )


def cpu(folder: Path, number: int, name: str, text: str) -> None:
    path = folder / "devices" / "system" / "cpu" / f"cpu{number}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_sockets_are_counted(tmp_path: Path) -> None:
    for number in range(4):
        cpu(tmp_path, number, "topology/physical_package_id", f"{number % 2}\n")
    assert look_at(paths(tmp_path)).sockets == 2


def test_sockets_that_the_kernel_does_not_know_are_unknown(tmp_path: Path) -> None:
    cpu(tmp_path, 0, "topology/physical_package_id", "-1\n")
    assert look_at(paths(tmp_path)).sockets is None


@pytest.mark.parametrize(
    ("capacities", "cores"),
    [
        ((1024, 1024), ""),
        ((446, 446, 446, 1024), "1 threads of capacity 1024 + 3 threads of capacity 446"),
    ],
)
def test_kinds_of_cores_of_an_arm(tmp_path: Path, capacities: tuple[int, ...], cores: str) -> None:
    for number, capacity in enumerate(capacities):
        cpu(tmp_path, number, "cpu_capacity", f"{capacity}\n")
    assert look_at(paths(tmp_path)).cores == cores


def test_an_arm_is_named_by_its_board_and_its_part(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    cpuinfo = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n"
    found = look_at(paths(tmp_path, cpuinfo))
    assert found.processor == "Raspberry Pi 5 Model B Rev 1.0, ARM part 0xd0b"


def test_nothing_is_known_where_nothing_is_shown(tmp_path: Path) -> None:
    found = look_at(paths(tmp_path))
    assert found.processor == "unknown processor"
    assert (found.sockets, found.cores) == (None, "")
    said = (found.virtual_machine, found.container, found.counts_container_alone)
    assert said == (False, False, False)


def test_a_runtime_that_shows_a_container_its_own_cpu_time_is_noticed(tmp_path: Path) -> None:
    mount = "40 39 0:31 /proc/stat /proc/stat rw,nosuid - fuse.lxcfs lxcfs rw\n"
    (tmp_path / "mountinfo").write_text(mount)
    assert look_at(paths(tmp_path)).counts_container_alone


@pytest.mark.parametrize("vendor", ["QEMU", "Amazon EC2", "VMware, Inc."])
def test_a_maker_of_virtual_machines_is_known(tmp_path: Path, vendor: str) -> None:
    (tmp_path / "vendor").write_text(f"{vendor}\n")
    assert look_at(paths(tmp_path)).virtual_machine

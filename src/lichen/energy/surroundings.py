"""What is around the meters: sockets, kinds of cores, a virtual machine, a container."""

import os
from dataclasses import dataclass
from pathlib import Path

_VIRTUAL_VENDORS = ("QEMU", "VMware", "Xen", "innotek", "Microsoft", "Amazon EC2", "Google", "KVM")
_CONTAINER_MARKS = ("docker", "kubepods", "containerd", "lxc", "libpod", "crio")
_ARM_VENDORS = {"0x41": "ARM", "0x46": "Fujitsu", "0x48": "HiSilicon", "0x51": "Qualcomm"}
_ARM_VENDORS |= {"0x61": "Apple", "0x6d": "Microsoft", "0xc0": "Ampere", "0x4e": "NVIDIA"}


@dataclass(frozen=True, slots=True)
class SurroundingPaths:
    """Where the kernel shows the machine; tests give a recorded tree."""

    cpuinfo: Path = Path("/proc/cpuinfo")
    vendor: Path = Path("/sys/class/dmi/id/sys_vendor")
    cgroup: Path = Path("/proc/1/cgroup")
    container_marks: tuple[Path, ...] = (Path("/.dockerenv"), Path("/run/.containerenv"))
    devices: Path = Path("/sys/devices")
    device_tree_model: Path = Path("/proc/device-tree/model")
    mounts: Path = Path("/proc/self/mountinfo")


THESE_SURROUNDINGS = SurroundingPaths()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a machine is to its meters.

    `cores` says which kinds of cores it has, and is empty where all are alike.
    """

    processor: str
    threads: int
    sockets: int | None
    cores: str
    virtual_machine: bool
    container: bool
    counts_container_alone: bool


def look_at(paths: SurroundingPaths = THESE_SURROUNDINGS) -> Surroundings:
    """The machine as this process sees it."""
    cpuinfo = _text(paths.cpuinfo)
    return Surroundings(
        processor=_processor(cpuinfo, paths),
        threads=os.cpu_count() or 1,
        sockets=_sockets(paths.devices),
        cores=_hybrid(paths.devices),
        virtual_machine=_is_virtual(cpuinfo, paths),
        container=_is_container(paths),
        counts_container_alone="fuse.lxcfs" in _text(paths.mounts)
        and "/proc/stat" in _text(paths.mounts),
    )


def _processor(cpuinfo: str, paths: SurroundingPaths) -> str:
    """Its name; ARM shows a vendor and a part instead, and boards tell a model of their own."""
    named = _field(cpuinfo, "model name")
    if named:
        return named
    board = _text(paths.device_tree_model).strip("\0 \n")
    part, vendor = _field(cpuinfo, "CPU part"), _field(cpuinfo, "CPU implementer")
    known = f"{_ARM_VENDORS.get(vendor, vendor)} part {part}" if part else ""
    return ", ".join(name for name in (board, known) if name) or "unknown processor"


def _field(cpuinfo: str, name: str) -> str:
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _sockets(devices: Path) -> int | None:
    """How many packages hold the CPUs; None where the kernel does not say."""
    found = {
        _text(path).strip()
        for path in devices.glob("system/cpu/cpu[0-9]*/topology/physical_package_id")
    }
    known = found - {"", "-1"}
    return len(known) or None


def _hybrid(devices: Path) -> str:
    """`8 performance + 8 efficiency threads` (x86), capacities (ARM), or nothing."""
    fast = _count(_text(devices / "cpu_core" / "cpus"))
    small = _count(_text(devices / "cpu_atom" / "cpus"))
    if fast and small:
        return f"{fast} performance + {small} efficiency threads"
    capacities = sorted(
        (
            int(text)
            for path in devices.glob("system/cpu/cpu[0-9]*/cpu_capacity")
            if (text := _text(path).strip()).isdigit()
        ),
        reverse=True,
    )
    kinds = sorted(set(capacities), reverse=True)
    if len(kinds) < 2:
        return ""
    return " + ".join(f"{capacities.count(kind)} threads of capacity {kind}" for kind in kinds)


def _count(ranges: str) -> int:
    """How many CPUs a list such as `0-7,16` names."""
    total = 0
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            total += int(last) - int(first) + 1 if last.isdigit() else 1
    return total


def _is_virtual(cpuinfo: str, paths: SurroundingPaths) -> bool:
    vendor = _text(paths.vendor)
    flags = _field(cpuinfo, "flags").split()
    return "hypervisor" in flags or any(name in vendor for name in _VIRTUAL_VENDORS)


def _is_container(paths: SurroundingPaths) -> bool:
    if any(mark.exists() for mark in paths.container_marks):
        return True
    groups = _text(paths.cgroup)
    return any(mark in groups for mark in _CONTAINER_MARKS)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

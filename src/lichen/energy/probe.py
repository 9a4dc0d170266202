"""Choose the best meter that this machine offers, and say why (M1, M4, M5)."""

import os
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.host_cpu import PROC_STAT
from lichen.energy.machine import Assumption, assume, this_machine
from lichen.energy.meter import Meter
from lichen.energy.processors import MEMINFO
from lichen.energy.rapl import POWERCAP, RaplMeter, zones

_VIRTUAL_VENDORS = ("QEMU", "VMware", "Xen", "innotek", "Microsoft", "Amazon EC2", "Google", "KVM")
_CONTAINER_MARKS = (b"docker", b"kubepods", b"containerd", b"lxc", b"libpod")


@dataclass(frozen=True, slots=True)
class MeterOption:
    """One way to meter this host: whether it works here and, if not, what would make it work."""

    name: str
    available: bool
    detail: str


@dataclass(frozen=True, slots=True)
class MeterSurvey:
    """What this host offers: the meter chosen and why; what is measured, modelled, unknowable."""

    chosen: str
    method: Method
    source: str
    why: str
    options: tuple[MeterOption, ...]
    measured: tuple[str, ...]
    modelled: tuple[str, ...]
    unknowable: tuple[str, ...]
    processor: str
    threads: int
    virtual_machine: bool
    container: bool


@dataclass(frozen=True, slots=True)
class HostPaths:
    """Where the kernel shows the host; tests give a recorded tree."""

    powercap: Path = POWERCAP
    stat: Path = PROC_STAT
    cpuinfo: Path = Path("/proc/cpuinfo")
    vendor: Path = Path("/sys/class/dmi/id/sys_vendor")
    cgroup: Path = Path("/proc/1/cgroup")
    container_marks: tuple[Path, ...] = (Path("/.dockerenv"), Path("/run/.containerenv"))
    meminfo: Path = MEMINFO
    calibration: Path | None = None


THIS_HOST = HostPaths()


def best_meter(paths: HostPaths = THIS_HOST) -> Meter:
    """RAPL counters if they can be read, otherwise the model; it always gives one."""
    try:
        return RaplMeter(paths.powercap)
    except Unavailable:
        return assumed(paths).meter()


def assumed(paths: HostPaths = THIS_HOST) -> Assumption:
    """What the model takes for this host, and why."""
    return assume(this_machine(paths.cpuinfo, paths.meminfo), paths.calibration)


def survey(paths: HostPaths = THIS_HOST) -> MeterSurvey:
    """Look at every meter this host might have, choose the best, and say what it can know."""
    rapl = _rapl_option(paths.powercap)
    assumption = assumed(paths)
    model = _model_option(paths.stat, assumption)
    meter = best_meter(paths)
    meter.close()
    measured, modelled = _covered(paths.powercap, readable=rapl.available)
    virtual, container = _is_virtual(paths), _is_container(paths)
    return MeterSurvey(
        chosen=meter.name,
        method=meter.method,
        source=meter.source,
        why=_why(rapl, virtual=virtual),
        options=(rapl, model),
        measured=measured,
        modelled=modelled if rapl.available else (*modelled, *assumption.sentences),
        unknowable=_unknowable(virtual=virtual, container=container),
        processor=_processor(paths.cpuinfo),
        threads=os.cpu_count() or 1,
        virtual_machine=virtual,
        container=container,
    )


def _rapl_option(powercap: Path) -> MeterOption:
    try:
        meter = RaplMeter(powercap)
    except Unavailable as error:
        return MeterOption("rapl", available=False, detail=str(error))
    meter.close()
    found = ", ".join(zone.name for zone in zones(powercap))
    return MeterOption("rapl", available=True, detail=f"counters of {found}")


def _model_option(stat: Path, assumption: Assumption) -> MeterOption:
    seen = "of the whole host" if stat.exists() else "of our own processes alone"
    slope = assumption.parameters.slope
    return MeterOption(
        "model",
        available=True,
        detail=f"CPU time {seen} at {slope.watts} per busy thread",
    )


def _why(rapl: MeterOption, *, virtual: bool) -> str:
    if rapl.available:
        return "the processor's own energy counters can be read"
    if virtual:
        return "a virtual machine, to which its host shows no energy counter: CPU time is modelled"
    return f"no energy counter can be read ({rapl.detail}): CPU time is modelled"


def _covered(powercap: Path, *, readable: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a counter covers, and what a model stands for."""
    if not readable:
        return (), ("processor and memory energy, from busy CPU time", "idle energy")
    names = {zone.name for zone in zones(powercap)}
    measured = ["processor packages"] + (["memory"] if "dram" in names else [])
    return tuple(measured), ("idle energy, until a quiet second was seen",)


def _unknowable(*, virtual: bool, container: bool) -> tuple[str, ...]:
    """What nobody on this host can know; it is absent from every figure, never 0 (M5)."""
    always = ["power supply and cooling losses (PUE in settings stands for them)", "disks, network"]
    if virtual:
        always.append("what other guests of the same physical machine use")
    if container:
        always.append("whether the kernel shows this container all of its host's CPU time")
    return tuple(always)


def _processor(cpuinfo: Path) -> str:
    for line in _text(cpuinfo).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def _is_virtual(paths: HostPaths) -> bool:
    flags = next(
        (line for line in _text(paths.cpuinfo).splitlines() if line.startswith("flags")), ""
    )
    vendor = _text(paths.vendor)
    return "hypervisor" in flags.split() or any(name in vendor for name in _VIRTUAL_VENDORS)


def _is_container(paths: HostPaths) -> bool:
    if any(mark.exists() for mark in paths.container_marks):
        return True
    groups = _text(paths.cgroup).encode()
    return any(mark in groups for mark in _CONTAINER_MARKS)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

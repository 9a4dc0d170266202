"""What the model assumes of this machine, best known first: calibration, TDP, published servers."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.plugins import load_object
from lichen.energy.host_cpu import HostCpu
from lichen.energy.power.model import ModelMeter, idle_power, memory_power
from lichen.energy.power.parameters import SPECPOWER_2017, ModelParameters, parameters_of_tdp
from lichen.energy.power.processors import (
    CPUINFO,
    MEMINFO,
    Processor,
    TdpTable,
    installed_gib,
    processor,
    tdp_table,
)

CALIBRATION_FILE = "calibration.toml"
"""What `lichen meter calibrate` writes in the home."""
_READ_CALIBRATION = "lichen.energy.power.calibration:read_calibration"
"""Loaded where there is one: reading TOML costs an owner's start some milliseconds."""
_FITTED_ON = ("xeon", "epyc")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the kernel shows: the processor, its threads, and GiB of memory where it says so."""

    processor: Processor
    threads: int
    memory_gib: float | None

    @property
    def share(self) -> str:
        """Which share of a physical machine its idle energy is taken for."""
        memory = "memory unknown" if self.memory_gib is None else f"{self.memory_gib:.1f} GB"
        seen = f"{self.threads} threads, {memory}"
        if self.processor.virtual:
            return (
                f"of the physical machine, idle, the share of {seen}: a virtual processor stands "
                "for one hardware thread, and what the provider keeps unsold is nobody's here"
            )
        return f"the whole machine, {seen}"


def this_machine(cpuinfo: Path = CPUINFO, meminfo: Path = MEMINFO) -> Machine:
    """What the kernel shows of this machine."""
    return Machine(processor(cpuinfo), os.cpu_count() or 1, installed_gib(meminfo))


@dataclass(frozen=True, slots=True)
class Assumption:
    """The parameters that the model takes for a machine, and why those and no better ones."""

    machine: Machine
    parameters: ModelParameters
    reasons: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is assumed, in watts with 90 % intervals, of which share of a machine, and why."""
        machine, parameters = self.machine, self.parameters
        idle = idle_power(parameters, machine.threads, machine.memory_gib)
        memory = memory_power(parameters, machine.memory_gib)
        within = f", of it memory {memory.watts}" if memory else ", memory included"
        return (
            f"{parameters.slope.watts} by busy thread; idle {idle.watts}{within}",
            machine.share,
            *self.reasons,
        )

    def meter(self, host: HostCpu | None = None) -> ModelMeter:
        """The model with these parameters."""
        machine = self.machine
        return ModelMeter(
            self.parameters, host, threads=machine.threads, memory_gib=machine.memory_gib
        )


def assume(
    machine: Machine,
    calibration: Path | None = None,
    table: Callable[[], TdpTable] = tdp_table,
) -> Assumption:
    """The best that is known of a machine: its own calibration, its TDP, or published servers.

    Args:
        machine: what is to be modelled.
        calibration: the file that `lichen meter calibrate` writes.
        table: gives the TDP of processors, or raises `Unavailable`.
    """
    calibrated, refused = _calibrated(machine, calibration)
    if calibrated is not None:
        return Assumption(machine, calibrated, (f"calibrated: {calibrated.source}",))
    known, why = _by_tdp(machine.processor, table)
    parameters = known or SPECPOWER_2017
    return Assumption(machine, parameters, (*refused, why))


def _calibrated(
    machine: Machine, path: Path | None
) -> tuple[ModelParameters | None, tuple[str, ...]]:
    if path is None or not path.exists():
        return None, ()
    try:
        found = load_object(_READ_CALIBRATION)(path)
    except InvalidInput as error:
        return None, (str(error),)
    if found is None:
        return None, ()
    mismatch = found.mismatch(machine.processor.name, machine.threads)
    return (None, (mismatch,)) if mismatch else (found.parameters, ())


def _by_tdp(
    processor: Processor, table: Callable[[], TdpTable]
) -> tuple[ModelParameters | None, str]:
    if processor.socket_threads is None:
        hidden = "a virtual machine" if processor.virtual else "this kernel"
        return None, (
            f"not by TDP: {hidden} does not show how many threads share a socket, so watts "
            "by thread are those of published servers"
        )
    try:
        known = table()
    except Unavailable as absent:
        return None, f"not by TDP: {absent}"
    tdp_w = known.watts(processor.name)
    if tdp_w is None:
        return None, f"not by TDP: {known.source} does not know {processor.name}"
    name = processor.name
    found = parameters_of_tdp(tdp_w, processor.socket_threads, f"{name}, {known.source}")
    if any(family in name.lower() for family in _FITTED_ON):
        return found, f"by TDP: {tdp_w:g} W for {processor.socket_threads} threads"
    return found, (
        f"by TDP: {tdp_w:g} W for {processor.socket_threads} threads; the relation was fitted on "
        "servers (Xeon, EPYC), nobody has checked its interval for this kind: calibrate"
    )

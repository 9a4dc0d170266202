"""The model on one container's CPU time alone, instead of its whole machine's (M1, M2)."""

import os
from dataclasses import replace

from lichen.energy.cgroup import THIS_CGROUP, CgroupCpu, CgroupPaths
from lichen.energy.host_cpu import HostCpu
from lichen.energy.power.machine import Assumption
from lichen.energy.power.model import ModelMeter


def container_meter(assumption: Assumption, paths: CgroupPaths = THIS_CGROUP) -> ModelMeter:
    """Busy CPU by the control group; idling for as many threads as the group may use.

    The memory within a thread's idle share is a typical server's: what the machine has installed
    is shared by all its containers.

    Raises:
        Unavailable: the kernel shows no accounting of this group.
    """
    group = CgroupCpu(paths)
    parameters = assumption.parameters
    alone = replace(parameters, source=f"{parameters.source}, this container alone")
    threads = min(group.threads() or len(os.sched_getaffinity(0)), assumption.machine.threads)
    return ModelMeter(alone, HostCpu(system=group), threads)

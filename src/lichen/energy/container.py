"""The model on one container's CPU time alone, instead of its whole machine's (M1, M2)."""

import os
from dataclasses import replace

from lichen.energy.cgroup import THIS_CGROUP, CgroupCpu, CgroupPaths
from lichen.energy.host_cpu import HostCpu
from lichen.energy.model import ModelMeter
from lichen.energy.parameters import SPECPOWER_2017


def container_meter(paths: CgroupPaths = THIS_CGROUP) -> ModelMeter:
    """Busy CPU by the control group; idling for as many threads as the group may use.

    Raises:
        Unavailable: the kernel shows no accounting of this group.
    """
    group = CgroupCpu(paths)
    parameters = replace(SPECPOWER_2017, source=f"{SPECPOWER_2017.source}, this container alone")
    threads = min(group.threads() or len(os.sched_getaffinity(0)), os.cpu_count() or 1)
    return ModelMeter(parameters, HostCpu(system=group), threads)

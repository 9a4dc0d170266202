"""The same work for every tracker, and what it used of the processor. Standard library alone."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

BURN = "import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass\n"
TASK_NS = 1_000_000
REQUESTS, STEPS, STEP_NS = 100, 10, 1_000_000
"""Concurrent requests, the steps of each, and the CPU time of a step."""


def cpu_s() -> float:
    """CPU seconds of this process, all threads, and of the children it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Startup:
    """CPU and wall time from here on: make one before anything of the tracker is imported."""

    def __init__(self) -> None:
        self._cpu_s, self._wall_s = cpu_s(), time.perf_counter()

    def spent(self) -> dict[str, float]:
        return {
            "startup_cpu_s": cpu_s() - self._cpu_s,
            "startup_wall_s": time.perf_counter() - self._wall_s,
        }


def keep_busy(seconds: float, cores: int) -> None:
    """Let so many processes use that much CPU time each, at once; with none, wait for so long."""
    command = [sys.executable, "-S", "-c", BURN, str(seconds)]
    burners = [subprocess.Popen(command) for _ in range(cores)]
    if not burners:
        time.sleep(seconds)
    for burner in burners:
        burner.wait()


def burn(cpu_ns: int) -> None:
    """Use exactly so much of this thread's CPU time, and a reading of its clock more."""
    until = time.thread_time_ns() + cpu_ns
    while time.thread_time_ns() < until:
        pass


def task() -> None:
    """One task of a millisecond."""
    burn(TASK_NS)


def plain_tasks(count: int) -> None:
    """The tasks with no tracker."""
    for _ in range(count):
        task()


def cost_per_task_us(count: int, tracked: Callable[[int], None]) -> dict[str, float]:
    """CPU microseconds that tracking adds to each task, and what it adds on the wall.

    The tasks burn CPU time and not the wall's, so neighbours on the machine change little.
    """
    plain = max(1, count // 10)
    began, wall = cpu_s(), time.perf_counter()
    plain_tasks(plain)
    alone, alone_wall = (cpu_s() - began) / plain, (time.perf_counter() - wall) / plain
    began, wall = cpu_s(), time.perf_counter()
    tracked(count)
    each, each_wall = (cpu_s() - began) / count, (time.perf_counter() - wall) / count
    return {"task_cpu_us": 1e6 * (each - alone), "task_wall_us": 1e6 * (each_wall - alone_wall)}


async def request() -> None:
    """One request: ten steps of a millisecond, waiting in between while others run."""
    for _ in range(STEPS):
        burn(STEP_NS)
        await asyncio.sleep(0)


def tell(found: dict[str, object]) -> None:
    """The result, as the last line of the output."""
    print(json.dumps(found), flush=True)

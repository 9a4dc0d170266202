"""Drive Zeus's windows: MODE NUMBER CORES."""

import asyncio
import sys
from typing import Any

from work import REQUESTS, Startup, cost_per_task_us, keep_busy, request, task, tell


def main(mode: str, number: float, cores: int) -> None:
    startup = Startup()
    from zeus.monitor import ZeusMonitor

    monitor = ZeusMonitor()
    found: dict[str, object] = {**startup.spent()}
    if mode == "span":
        monitor.begin_window("work")
        keep_busy(number, cores)
        found["total_j"] = joules(monitor.end_window("work"))
        found["method"] = "measured"
    elif mode == "tasks":

        def tracked(count: int) -> None:
            for number in range(count):
                monitor.begin_window(f"task {number}")
                task()
                monitor.end_window(f"task {number}")

        found |= cost_per_task_us(int(number), tracked)
    else:
        found |= concurrent(monitor)
    tell(found)


def joules(measured: Any) -> float | None:
    """What a window says of processors and graphics cards; None where it says nothing."""
    parts = [*measured.gpu_energy.values(), *(measured.cpu_energy or {}).values()]
    return sum(parts) if parts else None


def concurrent(monitor: Any) -> dict[str, object]:
    """A hundred requests at once, each in a window of its own, and one over all of them."""
    parts = []

    async def one(number: int) -> None:
        monitor.begin_window(f"request {number}")
        await request()
        parts.append(joules(monitor.end_window(f"request {number}")))

    async def serve() -> None:
        await asyncio.gather(*(one(number) for number in range(REQUESTS)))

    monitor.begin_window("all")
    asyncio.run(serve())
    whole = joules(monitor.end_window("all"))
    known = [part for part in parts if part is not None]
    return {"parts_j": sum(known) if known else None, "whole_j": whole}


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))

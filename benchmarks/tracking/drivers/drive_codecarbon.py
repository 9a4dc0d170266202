"""Drive CodeCarbon's offline tracker: MODE NUMBER CORES [machine|process]."""

import asyncio
import sys
from typing import Any

from work import REQUESTS, Startup, cost_per_task_us, keep_busy, request, task, tell

J_PER_KWH = 3.6e6


def main(mode: str, number: float, cores: int, tracking: str) -> None:
    startup = Startup()
    tracker = tracker_of(tracking)
    tracker.start()
    found: dict[str, object] = {**startup.spent()}
    if mode == "span":
        keep_busy(number, cores)
        tracker.stop()
        found["total_j"] = tracker.final_emissions_data.energy_consumed * J_PER_KWH
        found["method"] = "modelled"
    elif mode == "tasks":
        tracker.stop()
        of_tasks = tracker_of(tracking)

        def tracked(count: int) -> None:
            for number in range(count):
                of_tasks.start_task(f"task {number}")
                task()
                of_tasks.stop_task()

        found |= cost_per_task_us(int(number), tracked)
    else:
        tracker.stop()
        found |= concurrent(tracking)
    tell(found)


def tracker_of(tracking: str) -> Any:
    from codecarbon import OfflineEmissionsTracker

    return OfflineEmissionsTracker(
        country_iso_code="DEU",
        save_to_file=False,
        log_level="error",
        tracking_mode=tracking,
        allow_multiple_runs=True,
    )


def concurrent(tracking: str) -> dict[str, object]:
    """A hundred requests at once, each with a tracker of its own, and one over all of them."""
    parts = []
    trackers = [tracker_of(tracking) for _ in range(REQUESTS)]

    async def one(tracker: Any) -> None:
        tracker.start()
        await request()
        tracker.stop()
        parts.append(tracker.final_emissions_data.energy_consumed * J_PER_KWH)

    async def serve() -> None:
        await asyncio.gather(*(one(tracker) for tracker in trackers))

    whole = tracker_of(tracking)
    whole.start()
    asyncio.run(serve())
    whole.stop()
    return {
        "parts_j": sum(parts),
        "whole_j": whole.final_emissions_data.energy_consumed * J_PER_KWH,
    }


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

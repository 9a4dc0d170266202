"""Drive carbontracker's epochs: MODE NUMBER CORES."""

import sys
from typing import Any

from work import Startup, cost_per_task_us, keep_busy, task, tell

J_PER_KWH = 3.6e6


def main(mode: str, number: float, cores: int) -> None:
    startup = Startup()
    tracker = tracker_of(2)
    found: dict[str, object] = {**startup.spent()}
    if mode == "span":
        tracker.epoch_start()
        keep_busy(number, cores)
        tracker.epoch_end()
        found["total_j"] = float(tracker.tracker.total_energy_per_epoch().sum()) * J_PER_KWH
        found["method"] = "modelled"
    elif mode == "tasks":
        of_tasks = tracker_of(int(number) + 1)

        def tracked(count: int) -> None:
            for _ in range(count):
                of_tasks.epoch_start()
                task()
                of_tasks.epoch_end()

        found |= cost_per_task_us(int(number), tracked)
    tell(found)


def tracker_of(epochs: int) -> Any:
    from carbontracker.tracker import CarbonTracker

    return CarbonTracker(epochs=epochs, epochs_before_pred=0, verbose=0)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))

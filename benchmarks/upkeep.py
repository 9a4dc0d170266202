"""What the platform itself costs: from `lichen up` to ready, idle, and in memory.

    python benchmarks/upkeep.py [--idle SECONDS]

A platform starts on free ports with a home of its own. CPU clocks are those of the kernel, all
threads of each process, read to the nanosecond. Then it idles, loaded with the demo's model.
Goals: issue 2.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from lichen.client.connection import Lichen, connect
from lichen.data.samples import VICTORIA_2014
from lichen.energy.counters import process_clock_ns
from lichen.protocol.training import ForecastTraining
from lichen.server.settings import as_environment, inherited_environment, load

READY_GOAL_S, IDLE_GOAL_PERCENT, DATAPLANE_GOAL_MB = 3.0, 2.0, 150.0
SETTLE_SECONDS = 3.0
TRAINING = ForecastTraining(
    data=VICTORIA_2014.name,
    targets=["Demand"],
    known=["Temperature"],
    horizon=48,
    algorithm="ridge-calendar",
)


def start(home: Path, runtime: Path) -> tuple[subprocess.Popen[bytes], float]:
    """A platform that is ready, and the seconds it took."""
    settings = load(
        {"home": home, "runtime": runtime, "http": 0, "grpc": 0, "control": 0, "zone": "DE"}, {}
    )
    read_end, write_end = os.pipe()
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "lichen.server.supervisor", "--ready", str(write_end)],
        env={**inherited_environment(), **as_environment(settings)},
        pass_fds=[write_end],
    )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        if pipe.read(1) != b"1":
            raise SystemExit("the platform did not start")
    return process, time.monotonic() - began


def clocks(pids: dict[str, int]) -> dict[str, int]:
    """CPU nanoseconds of each process."""
    return {name: process_clock_ns(pid) for name, pid in pids.items()}


def resident_mb(pid: int) -> float:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def show(title: str, figures: dict[str, float], unit: str, goal: float | None) -> bool:
    """One row a process and their sum against the goal; whether it is met."""
    print(f"\n{title}")
    for name, value in figures.items():
        print(f"  {name:14}{value:10.3f} {unit}")
    total = sum(figures.values())
    if goal is None:
        return True
    met = total <= goal
    print(f"  {'all':14}{total:10.3f} {unit}   goal {goal:g}: {'met' if met else 'MISSED'}")
    return met


def deploy(platform: Lichen) -> None:
    """Load the demo's model."""
    platform.data.add(VICTORIA_2014.name, VICTORIA_2014.path)
    version = platform.train(TRAINING)
    platform.deployments.deploy(f"{version.model}@{version.version}")
    newest = platform.data.show(VICTORIA_2014.name).end
    if newest is None:
        raise SystemExit("the sample has no times")
    asked = platform.deployments.newest_input(version.model, newest - timedelta(days=2))
    platform.inference.infer(version.model, msgspec.json.encode(asked.request))


def measure(home: Path, runtime: Path, idle_s: float) -> bool:
    """Start, load, idle; whether every goal is met."""
    process, seconds = start(home, runtime)
    try:
        with connect(home=home) as platform:
            pids = platform.platform().pids
            at_ready = {name: ns / 1e9 for name, ns in clocks(pids).items()}
            met = show(f"ready after {seconds:.2f} s", at_ready, "CPU-s", READY_GOAL_S)
            deploy(platform)
        time.sleep(SETTLE_SECONDS)
        before, began = clocks(pids), time.monotonic()
        time.sleep(idle_s)
        span_ns = (time.monotonic() - began) * 1e9
        idle = {name: 100 * (ns - before[name]) / span_ns for name, ns in clocks(pids).items()}
        met &= show(f"idle for {idle_s:g} s", idle, "% of a core", IDLE_GOAL_PERCENT)
        memory = {name: resident_mb(pid) for name, pid in pids.items()}
        show("resident, the demo's model loaded", memory, "MB", None)
        plane = {"dataplane": memory["dataplane"]}
        return met and show("data plane", plane, "MB", DATAPLANE_GOAL_MB)
    finally:
        process.terminate()
        process.wait(30)


def main() -> int:
    """Print the tables; 0 when every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idle", type=float, default=30.0, metavar="SECONDS")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        met = measure(Path(folder, "home"), Path(folder, "run"), arguments.idle)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: every benchmark in turn, each printing its table; name some to run only those.

python benchmarks/run.py                 all
python benchmarks/run.py forecasting     one
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = (
    "install",
    "metering",
    "ledger",
    "meter_readers",
    "budgets",
    "trackers",
    "power_model",
    "monitoring",
    "upkeep",
    "serving",
    "runtimes",
    "batch_prediction",
    "adaptation",
    "forecasting",
    "outlook",
    "scheduling",
    "planning",
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def machine() -> str:
    """The machine, for the head of every table."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{len(names)} x {names[0] if names else 'unknown'}, Python {platform.python_version()}"


def main(chosen: list[str]) -> int:
    """Run the chosen benchmarks, all by default; the number that failed is the exit code."""
    unknown = set(chosen) - set(BENCHMARKS)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(BENCHMARKS)}")
        return 2
    failed = 0
    for name in chosen or BENCHMARKS:
        print(f"\n=== {name}: {machine()} ===", flush=True)
        environment = {**os.environ, **ONE_THREAD}
        done = subprocess.run([sys.executable, HERE / f"{name}.py"], env=environment, check=False)
        failed += done.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

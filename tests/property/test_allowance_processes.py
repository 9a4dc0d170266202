"""Four processes with a hundred callers spend one budget while some of them are killed (B2)."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import Budget, Period, Quantity, Scope
from lichen.carbon.budgets.slices import SLICE_SHARE
from lichen.core.clock import SystemClock

PROCESSES, THREADS, KILLS = 4, 25, 8
LIMIT, DEAREST = 15_000_000, 600
BUDGET = Budget(
    "b", Scope.parse("tenant:north"), Quantity.JOULES, LIMIT, Period.parse("30d")
)  # rolling by 30 hours: no step ends while this runs, or one does and still counts
SPENDER = f"""
import os, random, sys, threading, time
from pathlib import Path
from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.budget import Budget, Period, Quantity, Scope
from lichen.core.clock import SystemClock

folder, log, most = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
budget = Budget("b", Scope.parse("tenant:north"), Quantity.JOULES, {LIMIT}, Period.parse("30d"))
allowance = Allowance.open(folder, budget, SystemClock())
file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def call(seed):
    draw = random.Random(seed)
    estimate = draw.randrange(1, {DEAREST})
    while allowance.reserve(estimate):
        time.sleep(0.001)
        actual = round(estimate * draw.uniform(0.0, most))
        os.write(file, actual.to_bytes(8, "little"))
        allowance.settle(estimate, actual)
        estimate = draw.randrange(1, {DEAREST})

threads = [threading.Thread(target=call, args=(os.getpid() * 100 + n,)) for n in range({THREADS})]
for one in threads:
    one.start()
for one in threads:
    one.join()
allowance.close()
"""


def spend(folder: Path, most: float) -> tuple[int, int]:
    """What was truly spent while work took up to `most` times its estimate; and how many died."""
    draw = np.random.default_rng(11)
    kills = 0
    logs: list[Path] = []

    def begin() -> subprocess.Popen[bytes]:
        logs.append(folder / f"spent-{len(logs)}")
        arguments = [str(folder / "budgets"), str(logs[-1]), str(most)]
        return subprocess.Popen([sys.executable, "-c", SPENDER, *arguments])

    running = [begin() for _ in range(PROCESSES)]
    while any(one.poll() is None for one in running):
        time.sleep(draw.uniform(0.05, 0.15))
        victim = int(draw.integers(PROCESSES))
        if kills < KILLS and running[victim].poll() is None:
            running[victim].kill()
            running[victim].wait()
            kills += 1
            running[victim] = begin()
    assert {one.returncode for one in running} == {0}
    return sum(_logged(logs)), kills


def _logged(logs: Sequence[Path]) -> list[int]:
    said = [path.read_bytes() for path in logs if path.exists()]
    return [
        int.from_bytes(raw[at : at + 8], "little") for raw in said for at in range(0, len(raw), 8)
    ]


@pytest.mark.parametrize("most", [1.0, 2.0], ids=["estimates hold", "estimates are exceeded"])
def test_spent_never_exceeds_the_budget_by_more_than_what_is_in_flight(
    tmp_path: Path, most: float
) -> None:
    spent, kills = spend(tmp_path, most)
    in_flight = PROCESSES * THREADS * DEAREST
    assert spent <= LIMIT + (most - 1.0) * in_flight
    standing = Allowance.open(tmp_path / "budgets", BUDGET, SystemClock()).standing()
    assert standing.committed >= spent
    forfeited = kills * (LIMIT // SLICE_SHARE + THREADS * DEAREST)
    assert standing.committed - spent <= forfeited, "a crash costs its slice and what it had begun"
    assert kills >= PROCESSES
    # each process may end with a rest of its slice that was too small for its last estimate
    assert standing.remaining < PROCESSES * DEAREST

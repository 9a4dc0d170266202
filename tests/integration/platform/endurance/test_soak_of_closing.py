"""The short form of `make soak-closing`: requests of known cost on a real platform (L2)."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "closing.py"


@pytest.mark.slow
def test_receipts_follow_known_costs_and_the_books_close_beside_a_burner_and_jobs() -> None:
    command = [sys.executable, str(SCRIPT), "--seconds", "10", "--tries", "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all holds\n")

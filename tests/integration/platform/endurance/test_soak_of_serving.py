"""The short form of `make soak-serving`: load, swaps and unloads on a real platform."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "soak_serving.py"


@pytest.mark.slow
def test_swaps_and_unloads_under_load_fail_no_request_and_every_receipt_is_charged() -> None:
    command = [sys.executable, str(SCRIPT), "--seconds", "6", "--pause", "1", "--share", "0.4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all holds\n")

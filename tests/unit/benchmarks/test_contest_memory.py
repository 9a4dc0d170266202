"""Memory of a server: whole where others share its libraries, once where its own processes do."""

import subprocess
import sys
from pathlib import Path

import pytest
from contest.memory import resident_mb

SCRIPT = "import numpy, sys; print(flush=True); sys.stdin.read()"


def rss_mb(pid: int) -> float:
    said = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(said.split("Rss:")[1].split()[0]) / 1024


def test_a_library_that_others_have_loaded_counts_whole_and_once() -> None:
    command = [sys.executable, "-c", SCRIPT]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    for one in started:
        assert one.stdout is not None
        one.stdout.readline()
    first, second = (one.pid for one in started)
    assert resident_mb([first]) == pytest.approx(rss_mb(first), rel=0.02)
    together = resident_mb([first, second])
    assert together < 0.9 * (rss_mb(first) + rss_mb(second)), "NumPy's code is shared by both"
    assert together > rss_mb(first)
    for one in started:
        one.communicate()

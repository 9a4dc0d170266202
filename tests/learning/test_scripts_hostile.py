"""Hostile scripts, in a process of their own: what attends to one ends every child it has."""

import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = Path(__file__).with_name("hostile_scripts.py")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_hostile_scripts_are_held_to_their_limits() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HOSTILE],
        cwd=HOSTILE.parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout

"""Children are restarted with a bounded back-off, and end with their parent."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.server.children import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Child,
    ChildPlan,
    pause_before_restart,
)

PATIENCE_SECONDS = 60.0
ENVIRONMENT = {"PATH": os.environ["PATH"]}


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", str(tmp_path))
    return tmp_path / "a_child.py"


READY = """
import os, sys, time
os.write(int(sys.argv[sys.argv.index("--ready") + 1]), b"1")
time.sleep(60)
"""


def test_the_pause_grows_and_is_bounded() -> None:
    pauses = [pause_before_restart(deaths) for deaths in range(60)]
    assert pauses[:3] == [0.0, 0.0, FIRST_PAUSE_SECONDS]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_a_child_becomes_ready_dies_and_comes_back(module: Path) -> None:
    module.write_text(READY)
    child = Child(ChildPlan("a child", "a_child", {}), ENVIRONMENT)
    child.start()
    until(lambda: child.tend() and child.ready)
    first = child.pid
    child.signal(signal.SIGKILL)
    until(child.tend)
    assert (child.ready, child.was_ready, child.last_exit) == (False, True, -signal.SIGKILL)
    until(lambda: child.tend() and child.ready)
    assert child.pid != first
    child.kill()
    assert child.stopped()


def test_a_child_that_ends_without_a_word_was_never_ready(module: Path) -> None:
    module.write_text("raise SystemExit(3)")
    child = Child(ChildPlan("a child", "a_child", {}), ENVIRONMENT)
    child.start()
    until(lambda: child.tend() and child.pid is None)
    assert (child.was_ready, child.last_exit, child.deaths_in_a_row) == (False, 3, 1)


def test_a_machine_without_room_for_a_process_is_asked_again(module: Path) -> None:
    module.write_text(READY)
    environment = {**ENVIRONMENT, "TOO_LONG": "x" * 2**21}
    child = Child(ChildPlan("a child", "a_child", {}), environment)
    gc.collect()  # what other tests left is not to go meanwhile
    before = len(list(Path("/proc/self/fd").iterdir()))
    child.start()
    assert (child.pid, child.deaths_in_a_row, child.last_exit) == (None, 1, None)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    del environment["TOO_LONG"]
    until(lambda: child.tend() and child.ready)
    child.kill()


def test_a_child_ends_with_its_parent(module: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    saying = f"import os, pathlib\npathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n"
    module.write_text(saying + READY)
    program = """
import time
from lichen.server.children import Child, ChildPlan
import os
child = Child(ChildPlan("a child", "a_child", {}), dict(os.environ))
child.start()
while not child.tend():
    time.sleep(0.01)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, check=False, timeout=PATIENCE_SECONDS
    )
    assert parent.returncode == -signal.SIGKILL
    pid = int(note.read_text())
    until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False

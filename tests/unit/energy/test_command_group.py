"""The control group around a command, and how it is found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lichen.energy.command_group import CommandGroup, own_group

MOUNTS = """30 23 0:26 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw
41 30 0:37 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
43 30 0:39 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
"""


def test_our_own_group_is_below_where_version_2_is_mounted(tmp_path: Path) -> None:
    mounts, own = tmp_path / "mountinfo", tmp_path / "cgroup"
    mounts.write_text(MOUNTS)
    own.write_text("3:cpu:/other\n0::/user.slice/session-1.scope\n")
    assert own_group(mounts, own) == Path("/sys/fs/cgroup/unified/user.slice/session-1.scope")

    mounts.write_text(MOUNTS.replace("cgroup2", "cgroup"))
    assert own_group(mounts, own) is None
    assert own_group(tmp_path / "nowhere", own) is None


def test_a_group_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    assert CommandGroup.around(os.getpid(), None) is None
    assert CommandGroup.around(os.getpid(), tmp_path / "nowhere") is None


def test_a_group_sums_in_microseconds(tmp_path: Path) -> None:
    group = CommandGroup.around(12345, tmp_path)
    assert group is not None
    folder = tmp_path / f"lichen-run-{os.getpid()}"
    assert (folder / "cgroup.procs").read_text() == "12345"
    assert group.cpu_ns() == 0
    (folder / "cpu.stat").write_text("usage_usec 1234567\nuser_usec 1000000\n")
    assert group.cpu_ns() == 1_234_567_000


def test_a_real_group_holds_a_child_that_its_parent_kept_nothing_of() -> None:
    """Where this machine lets us make one; the clocks alone are tested with the command."""
    script = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "sys.stdin.readline()\n"
        "code = 'import time\\nwhile time.process_time() < 0.1: pass'\n"
        "subprocess.Popen([sys.executable, '-c', code]).wait()\n"
    )
    child = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], stdin=subprocess.PIPE)
    group = CommandGroup.around(child.pid, own_group())
    child.communicate(b"go\n")
    if group is None:
        pytest.skip("no control group may be made here")
    try:
        assert group.cpu_ns() >= 100_000_000
    finally:
        group.close()
    assert not list((own_group() or Path("/")).glob(f"lichen-run-{os.getpid()}"))

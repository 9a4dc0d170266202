"""CPU time of children and theirs, living and ended."""

import os
import subprocess
import sys
from time import process_time_ns, sleep

import pytest

from lichen.energy.descendants import ended_children_ns, living_ns

BURN = (
    "import time\n"
    "def burn(ms):\n"
    "    until = time.process_time() + ms / 1000\n"
    "    while time.process_time() < until: pass\n"
)
GRANDCHILD = f"""{BURN}
import os, subprocess, sys
subprocess.run([sys.executable, "-c", '''{BURN}burn(60)'''], check=True)
burn(40)
print("ready", flush=True)
sys.stdin.read()
os._exit(0)  # an interpreter that tidies up takes tens of milliseconds where others work
"""
PARENT = """
import os, subprocess, sys
from lichen.energy.descendants import ended_children_ns, has_children, living, living_ns
command = [sys.executable, "-c", sys.argv[1]]
child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
assert has_children()
assert living(os.getpid()) == [child.pid]
alive_ns, ended_ns = living_ns(os.getpid()), ended_children_ns()
child.communicate()
print(alive_ns, ended_children_ns() - ended_ns)
"""
"""In a process of its own: the tests' own may have other children."""


def test_an_ended_child_is_counted_once_it_was_waited_for() -> None:
    before_ns = ended_children_ns()
    subprocess.run([sys.executable, "-S", "-c", BURN + "burn(50)"], check=True)

    assert 50_000_000 <= ended_children_ns() - before_ns < 1_000_000_000


def test_a_living_child_counts_with_the_children_it_has_waited_for() -> None:
    ran = subprocess.run([sys.executable, "-c", PARENT, GRANDCHILD], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    alive_ns, grown_ns = (int(word) for word in ran.stdout.split())
    assert alive_ns >= 90_000_000  # the grandchild's part in ticks of 10 ms
    assert grown_ns == pytest.approx(alive_ns, abs=40_000_000)


def test_a_process_without_children_has_none() -> None:
    script = (
        "import os; from lichen.energy.descendants import *\n"
        "assert not has_children() and living_ns(os.getpid()) == 0 and living(10**9) == []"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_child_that_ended_but_was_not_waited_for_still_counts() -> None:
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-c", BURN + "burn(30)"], dict(os.environ)
    )
    until = process_time_ns() + 5_000_000_000
    while living_ns(os.getpid()) < 30_000_000 and process_time_ns() < until:
        sleep(0.01)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    zombie_ns = living_ns(os.getpid())
    os.waitpid(child, 0)

    assert zombie_ns >= 30_000_000

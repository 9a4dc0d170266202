"""Following processes from their appearing to their end."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.energy import processes as room
from lichen.energy.counters import ProcessCounters
from lichen.energy.processes import Processes

CHILD = """
import sys
from pathlib import Path
from lichen.energy.counters import ProcessCounters
counters = ProcessCounters.create(Path(sys.argv[1]), "child")
counters.account("work/t/d/m@1/fp32").add(1_000_000, 3_000_000, 5)
print("ready", flush=True)
for line in sys.stdin:
    if line == "finish\\n":
        counters.finish()
        break
    counters.account(line.strip()).add(7, 21, 1)
    print("charged", flush=True)
"""


class Child:
    """A process with counters that does what it is told."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdin is not None
        self._say, self._hear = self.process.stdin, self.process.stdout
        self._hear.readline()

    def charge(self, account: str) -> None:
        self._say.write(account + "\n")
        self._say.flush()
        self._hear.readline()

    def end(self, *, kill: bool) -> None:
        if kill:
            self.process.kill()
        else:
            self._say.write("finish\n")
        self._say.close()
        self._hear.close()
        self.process.wait()


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    made = Child(tmp_path)
    yield made
    made.end(kill=True)


def test_a_process_that_appears_is_counted_from_its_start(tmp_path: Path) -> None:
    followed = Processes(tmp_path)
    child = Child(tmp_path)
    own = followed.sample()
    (reading,) = followed.readings()
    assert own.cpu_ns == own.adopted_ns == reading.cpu_ns
    assert reading.cpu_ns > reading.charged_ns == 1_000_000
    assert followed.sample().adopted_ns == 0
    child.end(kill=True)
    followed.close()


def test_what_was_charged_before_the_owner_came_is_not_its_to_book(
    tmp_path: Path, child: Child
) -> None:
    followed = Processes(tmp_path)
    child.charge("work/t/d/m@1/fp32")
    child.charge("work/t/new/m@1/fp32")
    followed.sample()
    (reading,) = followed.readings()
    assert [(charge.account, charge.nj) for charge in reading.charges] == [
        ("work/t/d/m@1/fp32", 21),
        ("work/t/new/m@1/fp32", 21),
    ]
    assert reading.cpu_ns < 1_000_000_000
    followed.close()


@pytest.mark.parametrize("kill", [True, False])
def test_an_ended_process_is_read_once_more_and_then_never(tmp_path: Path, *, kill: bool) -> None:
    followed = Processes(tmp_path)
    child = Child(tmp_path)
    followed.sample()
    child.charge("work/t/last/m@1/fp32")
    child.end(kill=kill)
    total = followed.sample(closing=True).cpu_ns
    (last,) = followed.readings()
    assert not last.alive
    assert last.charges[-1].account == "work/t/last/m@1/fp32"
    assert last.cpu_ns >= last.charged_ns
    assert followed.readings() == ()
    assert followed.sample().cpu_ns == total
    followed.close()


def test_a_zombie_has_ended(tmp_path: Path) -> None:
    followed = Processes(tmp_path)
    child = Child(tmp_path)
    followed.sample()
    child.process.kill()
    alive = True
    while alive:
        followed.sample(closing=True)
        alive = followed.readings()[0].alive
    child.end(kill=True)
    followed.close()


def test_files_of_the_dead_are_swept_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed = Processes(tmp_path)
    Child(tmp_path).end(kill=True)
    total = followed.sample(closing=True).cpu_ns
    followed.readings()
    followed.sweep()
    assert list((tmp_path / "counters").iterdir())
    monkeypatch.setattr(room, "KEEP_DEAD_NS", -1)
    followed.sweep()
    assert not list((tmp_path / "counters").iterdir())
    assert followed.sample().cpu_ns == total
    followed.close()


def test_leftovers_of_a_crashed_owner_are_not_booked(tmp_path: Path) -> None:
    Child(tmp_path).end(kill=True)
    followed = Processes(tmp_path)
    assert followed.sample(closing=True).cpu_ns == 0
    assert followed.readings() == ()
    followed.close()


def test_this_process_counts_from_the_making_of_its_counters(tmp_path: Path) -> None:
    followed = Processes(tmp_path)
    ProcessCounters.create(tmp_path, "self")
    assert followed.sample().cpu_ns < 1_000_000_000
    followed.close()

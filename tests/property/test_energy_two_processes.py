"""Two real processes that charge their work beside a foreign burner: the books close (L1, L2)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from lichen.energy.closing import Levels, Posting, close
from lichen.energy.counters import process_clock_ns
from lichen.energy.owner import MeterOwner
from lichen.energy.power.model import ModelMeter

SERVER = """
import json, os, sys, time
from pathlib import Path
from lichen.energy.attribution import Stopwatch
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageReader
folder, name = Path(sys.argv[1]), sys.argv[2]
counters = ProcessCounters.create(folder, name)
page, watch, lane = PageReader.open(folder), Stopwatch.of_thread(), counters.lane()
account = counters.account(f"work/default/{name}/m@1/fp32")
receipts = []
until_ns = time.process_time_ns() + 700_000_000
while time.process_time_ns() < until_ns:
    lane.begin()
    mark = watch.start()
    sum(range(100_000))
    cpu_ns = watch.spent(mark)
    receipts.append((cpu_ns, page.rate().nanojoules(cpu_ns)))
    account.add(cpu_ns, receipts[-1][1], 0)
    lane.end()
    sum(range(10_000))
charged_ns = sum(cpu for cpu, nj in receipts)
counters.finish()
print(json.dumps({
    "nj": sum(nj for cpu, nj in receipts),
    "count": len(receipts),
    "overhead_ns": time.process_time_ns() - charged_ns,
}), flush=True)
os._exit(0)  # an interpreter that tidies up takes hundreds of milliseconds on a slow machine
"""
BURNER = "print('on', flush=True)\nwhile True: sum(range(100_000))"
TEARDOWN_NS = 300_000_000


@pytest.fixture
def foreign_burner() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", BURNER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


class Books:
    """Closings one after another, and their sums by account."""

    def __init__(self) -> None:
        self.levels = Levels()
        self.windows: list[dict[str, Posting]] = []

    def take(self, owner: MeterOwner, enough: "list[subprocess.Popen[str]]") -> None:
        """Close windows until every process has ended and its last reading is booked."""
        over = False
        while not over or self.levels.processes:
            sleep(0.1)
            metered = owner.tick()
            if metered is None:
                continue
            over = all(process.poll() is not None for process in enough)
            postings, self.levels = close(metered.window, metered.readings, self.levels)
            assert sum(posting.nj for posting in postings) == 0
            assert sum(posting.cpu_ns for posting in postings) == metered.window.busy_cpu_ns
            self.windows.append({posting.account: posting for posting in postings})

    def total_nj(self, account: str) -> int:
        return sum(lines[account].nj for lines in self.windows if account in lines)

    def total_cpu_ns(self, account: str) -> int:
        return sum(lines[account].cpu_ns for lines in self.windows if account in lines)

    def total_count(self, account: str) -> int:
        return sum(lines[account].count for lines in self.windows if account in lines)


def test_books_of_two_busy_processes_and_a_foreign_one(tmp_path: Path, foreign_burner: int) -> None:
    owner = MeterOwner(tmp_path, ModelMeter)
    burned_before_ns = process_clock_ns(foreign_burner)
    names = ("one", "two")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path), name], stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    books = Books()
    books.take(owner, processes)
    burned_ns = process_clock_ns(foreign_burner) - burned_before_ns
    owner.close()
    for name, process in zip(names, processes, strict=True):
        said = json.loads(process.communicate()[0])
        account = f"work/default/{name}/m@1/fp32"
        assert books.total_nj(account) == said["nj"]
        assert books.total_count(account) == said["count"]
        booked_ns = books.total_cpu_ns(f"overhead/{name}")
        assert said["overhead_ns"] - 20_000_000 <= booked_ns <= said["overhead_ns"] + TEARDOWN_NS
    check_laws(books)
    assert books.total_cpu_ns("host/other") >= 0.8 * burned_ns


def check_laws(books: Books) -> None:
    variance = sum(abs(lines["rate-variance"].nj) for lines in books.windows)
    dynamic = sum(-lines["meter"].nj - lines["idle"].nj for lines in books.windows)
    assert variance <= 0.02 * dynamic
    for lines in books.windows:
        for account, posting in lines.items():
            assert not account.startswith("overhead/") or posting.nj >= 0
    assert books.total_nj("in-progress") == 0

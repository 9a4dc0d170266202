"""What metering itself costs: one charge, the sampler, the import; each beside its limit.

    python benchmarks/metering.py

CPU time by the thread's or the process's own clock. Exit code 1 when a limit is missed.
"""

import asyncio
import gc
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns, process_time_ns, sleep, thread_time_ns

from linearity import two_against_one

from lichen.api.callers import Callers
from lichen.api.gate import Gate
from lichen.api.oip_http import Door, HttpLimits
from lichen.carbon.tracker.metered import metered
from lichen.core.clock import SystemClock
from lichen.core.events import NoObserver
from lichen.core.ids import DEFAULT_TENANT
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.energy.attribution import Stopwatch, split
from lichen.energy.closing import Levels, close
from lichen.energy.counters import Account, Lane, ProcessCounters
from lichen.energy.owner import MeterOwner
from lichen.energy.page import PageReader
from lichen.frameworks.function import FunctionPredictor
from lichen.security.identity import Principal, Role
from lichen.security.tokens import KeyRing, Keys
from lichen.serving.batcher import Batcher
from lichen.serving.charging import NoMetering
from lichen.serving.deployment import Deployment
from lichen.serving.plane import DataPlane
from lichen.serving.replica import Replica
from lichen.serving.selector import Selector, Served, subject_of
from lichen.store.documents import MemoryDocuments

CALLS, BLOCKS, ROUNDS = 20, 200, 9
BATCH = 16
NEIGHBOURS = 4
WINDOWS = 8
TICK_SECONDS = 0.1
SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 1)),), (TensorSpec("y", Datatype.FP32, (-1, 1)),)
)
NEIGHBOUR = """
import sys
from pathlib import Path
from lichen.energy.counters import ProcessCounters
counters = ProcessCounters.create(Path(sys.argv[1]), "neighbour")
for number in range(20):
    counters.account(f"work/default/d{number}/m@1/fp32").add(1, 3, 0)
print("ready", flush=True)
sys.stdin.read()
"""
IMPORT = "import time; a = time.process_time(); import {}; print(time.process_time() - a)"
PARTS = "lichen.energy.owner, lichen.energy.probe, lichen.energy.gauge, lichen.energy.closing"


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, and the limit it must keep."""

    what: str
    value: float
    unit: str
    limit: float | None
    rule: str = ""

    @property
    def kept(self) -> bool:
        return self.limit is None or self.value <= self.limit

    def line(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:g}"
        verdict = "" if self.limit is None else ("kept" if self.kept else "MISSED")
        return (
            f"{self.what:<52}{self.value:>10.3f} {self.unit:<11}{limit:>7}  {verdict:<7}{self.rule}"
        )


class Charger:
    """All that charging takes: as a replica does it."""

    def __init__(self, folder: Path) -> None:
        self.page = PageReader.open(folder)
        self.watch = Stopwatch.of_thread()
        counters = ProcessCounters.create(folder, "bench")
        self.account: Account = counters.account("work/default/d/m@1/fp32")
        self.lane: Lane = counters.lane()
        self.sizes = [1 + n % 5 for n in range(BATCH)]

    def one(self) -> None:
        """One request alone in its batch: lane, clocks, rate, share, counters."""
        self.lane.begin()
        mark = self.watch.start()
        cpu_ns = self.watch.spent(mark)
        nj = self.page.rate().nanojoules(cpu_ns)
        (share,) = split(nj, (1,))
        self.account.add(cpu_ns, share, share)
        self.lane.end()

    def batch(self) -> None:
        """Sixteen requests in one batch."""
        self.lane.begin()
        mark = self.watch.start()
        cpu_ns = self.watch.spent(mark)
        nj = self.page.rate().nanojoules(cpu_ns)
        for cpu, share in zip(split(cpu_ns, self.sizes), split(nj, self.sizes), strict=True):
            self.account.add(cpu, share, share)
        self.lane.end()


def median_us(work: Callable[[], object]) -> float:
    """CPU microseconds of a call: the median over blocks, in the quickest of some rounds.

    Neighbours on the machine only ever add.
    """
    return min(statistics.median(_block(work) for _ in range(BLOCKS)) for _ in range(ROUNDS))


def _block(work: Callable[[], object]) -> float:
    began = thread_time_ns()
    for _ in range(CALLS):
        work()
    return (thread_time_ns() - began) / CALLS / 1_000


def p99_us(work: Callable[[], object]) -> float:
    """Microseconds on the wall that 99 of 100 calls stay under, in the quickest of some rounds."""
    return min(_p99(work) for _ in range(ROUNDS))


def _p99(work: Callable[[], object]) -> float:
    spans = []
    for _ in range(BLOCKS * CALLS):
        began = perf_counter_ns()
        work()
        spans.append(perf_counter_ns() - began)
    return sorted(spans)[len(spans) * 99 // 100] / 1_000


def left_allocated(work: Callable[[], object]) -> float:
    """Bytes that one call leaves behind, over ten thousand."""
    tracemalloc.start()
    for _ in range(1_000):
        work()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10_000):
        work()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return max(0, after - before) / 10_000


def charging(folder: Path) -> list[Row]:
    charger = Charger(folder)
    add = partial(charger.account.add, 1, 1, 1)
    clock_us = charger.watch.cost_ns / 1_000
    return [
        Row("charge one request, median", median_us(charger.one), "us", 3, "A6"),
        Row("charge one request, p99", p99_us(charger.one), "us", 10, "A6"),
        Row(f"charge one of {BATCH}, median", median_us(charger.batch) / BATCH, "us", 3, "A6"),
        Row("  of it: the rate from the page", median_us(charger.page.rate), "us", 1, "M3"),
        Row("  of it: add to the mapped counters", median_us(add), "us", None, "A6"),
        Row("  of it: each reading of the thread clock", clock_us, "us", None, "A1"),
        Row("left allocated by one charge", left_allocated(charger.one), "bytes", 0.1, "A6"),
    ]


def admitting() -> list[Row]:
    """Who is calling and may they: by the gate itself, and as the fast lane remembers it."""
    documents, clock = MemoryDocuments(), SystemClock()
    principal = Principal("caller", DEFAULT_TENANT, Role.PREDICTOR)
    said = f"Bearer {Keys(documents, clock).create(principal).token}"
    gate = Gate(KeyRing(documents, clock, None))
    selector = Selector()
    deployment = Deployment("d", "m", 1)
    replica = Replica(FunctionPredictor(SIGNATURE, dict), Stopwatch(thread_time_ns, 0))
    loop = asyncio.new_event_loop()
    watched = (subject_of(deployment), NoObserver())
    batcher = Batcher(replica, NoMetering(), NoMetering(), loop, (1, 1), watched)
    selector.replace({"d": Served(deployment, replica, batcher)}, {})
    door = Door(DataPlane(selector), gate, HttpLimits(), "", lambda: True)
    callers = Callers(door)
    url, key = b"/v2/models/d/infer", said.encode()
    ask = partial(callers.admit, url, key, 0.0)
    loop.close()
    return [
        Row(
            "admit a caller, by the gate", median_us(partial(door.caller, said, "d", None)), "us", 4
        ),
        Row("admit a caller, as the lane remembers it", median_us(ask), "us", 4),
    ]


def sampler(folder: Path, owner: MeterOwner) -> list[Row]:
    """The owner's own cost beside processes with accounts, windows closed as in the supervisor."""
    neighbours = [
        subprocess.Popen(
            [sys.executable, "-c", NEIGHBOUR, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(NEIGHBOURS)
    ]
    for neighbour in neighbours:
        if neighbour.stdout is not None:
            neighbour.stdout.readline()
    used, levels = [], Levels()
    variance = dynamic = 0
    began = process_time_ns()
    while len(used) < WINDOWS:
        sleep(TICK_SECONDS)
        metered = owner.tick()
        if metered is None:
            continue
        postings, levels = close(metered.window, metered.readings, levels)
        now = process_time_ns()
        used.append((now - began) / 1e7)
        began = now
        variance += sum(abs(line.nj) for line in postings if line.account == "rate-variance")
        dynamic += metered.window.energy_nj - metered.window.idle_nj
    for neighbour in neighbours:
        neighbour.communicate()
    share = 100 * variance / max(1, dynamic)
    return [
        Row(
            f"sampler, {NEIGHBOURS} processes, 80 accounts",
            statistics.mean(used[1:]),
            "% of core",
            0.5,
            "M3",
        ),
        Row("rate-variance of dynamic energy", share, "%", 2, "L2"),
    ]


def spans(folder: Path) -> list[Row]:
    """What a block of the user's costs that does nothing, beside the session that it follows."""
    block = metered("bench", runtime=folder)

    def one() -> None:
        with block:
            pass

    one()  # opens the session, which lasts as long as the process
    return [Row("a metered span, median", median_us(one), "us", 5)]


def linearity() -> list[Row]:
    """Whether the second busy core costs what the first did, from the meter to the ledger."""
    ratio = two_against_one()
    return [
        Row("two busy cores against one: times the joules", ratio, "times", None, "M2"),
        Row("  off 2.00 by", abs(ratio - 2), "times", 0.1, "M2"),
    ]


def importing(modules: str) -> float:
    """CPU seconds of a fresh import, the best of five."""
    command = [sys.executable, "-c", IMPORT.format(modules)]
    return min(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    )


def main() -> int:
    """Print the table; 1 when a limit is missed."""
    rows = [
        Row("import lichen.energy", importing("lichen.energy"), "CPU-s", 0.1),
        Row("import every part that an owner needs", importing(PARTS), "CPU-s", 0.1),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = process_time_ns()
        owner = MeterOwner(folder)
        rows.append(Row("owner start-up", (process_time_ns() - began) / 1e9, "CPU-s", 0.1, "M3"))
        rows += charging(folder)
        rows += admitting()
        rows += sampler(folder, owner)
        rows += spans(folder)
        owner.close()
    rows += linearity()
    print(f"{'what':<52}{'measured':>10} {'unit':<11}{'limit':>7}  {'':<7}rule")
    for row in rows:
        print(row.line())
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

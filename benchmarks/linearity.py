"""Two busy cores against one: the joules that the ledger books to them, through every step (M2).

Processes that keep a core busy for so many CPU-seconds each charge themselves, the owner of the
meters closes its windows, and the ledger holds the sum. CPU-seconds rather than seconds on the
wall, so that neighbours on the machine, who take a core away, change nothing.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import sleep

from lichen.carbon.footprint import CarbonRate
from lichen.carbon.grids.averages import YearlyAverages
from lichen.carbon.ledger.booking import book
from lichen.carbon.ledger.ledger import Ledger
from lichen.core.clock import SystemClock
from lichen.energy.closing import NOTHING_BOOKED, close
from lichen.energy.owner import MeterOwner

CPU_SECONDS, ROUNDS, TICK_S = 2.0, 3, 0.1
WORK = "work/default/burner/none@1/fp32"
BURNER = f"""
import sys
from pathlib import Path
from time import process_time_ns
from lichen.energy.counters import ProcessCounters
from lichen.energy.gauge import ProcessGauge
from lichen.energy.page import PageReader

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
counters = ProcessCounters.create(folder, "burner")
page = PageReader.open(folder)
print("ready", flush=True)
sys.stdin.readline()
gauge = ProcessGauge(counters, page, "{WORK}", from_cpu_ns=process_time_ns())
gauge.start()
until_ns = process_time_ns() + int(seconds * 1e9)
while process_time_ns() < until_ns:
    sum(range(1_000))
gauge.stop()
counters.finish()
"""


def booked_joules(cores: int, seconds: float = CPU_SECONDS) -> float:
    """What the ledger books to so many processes that are busy for so many CPU-seconds."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        owner = MeterOwner(folder, clock=clock)
        ledger = Ledger.open(folder / "ledger.db", clock)
        rate = CarbonRate(YearlyAverages().at("DE", clock.now()), 1.0, None)
        burners = [_burner(folder, seconds) for _ in range(cores)]
        for burner in burners:
            if burner.stdin is not None:
                burner.stdin.write(b"go\n")
                burner.stdin.flush()
        levels = NOTHING_BOOKED
        while any(burner.poll() is None for burner in burners):
            sleep(TICK_S)
            metered = owner.tick()
            if metered is not None:
                lines, levels = close(metered.window, metered.readings, levels)
                ledger.record(book(metered.window, lines, rate))
        last = owner.flush()
        if last is not None:
            lines, levels = close(last.window, last.readings, levels)
            ledger.record(book(last.window, lines, rate))
        ledger.close()
        owner.close()
        for burner in burners:
            burner.communicate()
        held = {one.account: one.nj for one in ledger.reader().statement().accounts}
        return held[WORK] / 1e9


def _burner(folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    burner = subprocess.Popen(
        [sys.executable, "-c", BURNER, str(folder), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if burner.stdout is not None:
        burner.stdout.readline()
    return burner


def two_against_one(seconds: float = CPU_SECONDS, rounds: int = ROUNDS) -> float:
    """How many times the joules of one busy core two take: the median of some rounds."""
    return statistics.median(
        booked_joules(2, seconds) / booked_joules(1, seconds) for _ in range(rounds)
    )


if __name__ == "__main__":
    print(f"two busy cores against one: {two_against_one():.3f} times the joules")

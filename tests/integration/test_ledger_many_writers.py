"""Four processes write one ledger and are killed at random: nothing is lost or doubled (L3).

Beside them the keeper books, and rolls up what the four have written.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from select import select
from textwrap import dedent

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.rollup import Retention
from lichen.core.clock import ManualClock
from lichen.core.errors import Unavailable
from lichen.core.figures import Method

START = datetime(2026, 11, 21, tzinfo=UTC)
BASIS = Basis(
    ConstantIntensity(400.0).at("DE", START), Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None
)
WRITERS, KILLS, PATIENCE_SECONDS = 4, 8, 60.0
WRITER = dedent(
    """
    import sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from time import sleep

    from lichen.carbon.grids.fixed import ConstantIntensity
    from lichen.carbon.ledger.ledger import Ledger
    from lichen.carbon.ledger.postings import Basis, Booking, Posting
    from lichen.core.errors import Unavailable
    from lichen.core.figures import Method

    path, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    start = datetime(2026, 11, 21, tzinfo=UTC)
    value = ConstantIntensity(400.0).at("DE", start)
    basis = Basis(value, Method.MODELLED, f"model of {name}", 0.42, 1.36, 1.0, None)
    while True:
        try:
            ledger = Ledger.join(path)
            break
        except Unavailable:
            pass  # others wrote for a second
    while True:
        began = start + timedelta(seconds=397 * number)
        postings = (Posting("meter", -1000 - number, -7), Posting(name, 1000 + number, 7, 1))
        try:
            ledger.record(Booking(began, began + timedelta(seconds=397), postings, basis))
        except Unavailable:
            pass  # others wrote for a second: it waits in memory, and goes with the next
        number += 1
        # "booked" is said only once it is durable
        print("waits" if ledger.waiting else "booked", number, flush=True)
        sleep(0.002)  # nobody books without a pause
    """
)


@dataclass
class Writer:
    """One account's writer in its present life: what it said is durable, and what it has begun."""

    path: Path
    account: str
    booked: int = 0
    begun: int = 0
    kills: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """From where the ledger says that its last life ended."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(self.path), self.account, str(self.booked)],
            stdout=subprocess.PIPE,
        )
        self.begun = self.booked + 1

    def says(self) -> None:
        """Wait until it says something."""
        assert self.process is not None
        assert self.process.stdout is not None
        assert select([self.process.stdout], [], [], PATIENCE_SECONDS)[0], "it stands still"
        self.hear(self.process.stdout.readline())

    def hear(self, line: bytes) -> None:
        """One more is done, or waits for its turn, and the next has begun."""
        what, number = line.split()
        self.booked = int(number) if what == b"booked" else self.booked
        self.begun = int(number) + 1

    def kill(self) -> None:
        """Without warning; then take what it had said."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        for line in self.process.communicate()[0].splitlines():
            self.hear(line)
        self.kills += 1


def window(clock: ManualClock) -> Booking:
    postings = (Posting("meter", -500, -5), Posting("idle", 500, 5, 1))
    return Booking(clock.now(), clock.now() + timedelta(seconds=5), postings, BASIS)


def check(ledger: Ledger, writers: list[Writer], *, windows: int) -> None:
    """The books are sound and hold what was said, and no more than what was in flight."""
    reader = ledger.reader()
    assert reader.verify() == []
    held = {one.account: one for one in reader.accounts()}
    assert held["idle"].nj == 500 * windows
    assert sum(one.nj for one in held.values()) == sum(one.ng for one in held.values()) == 0
    for writer in writers:
        units = held[writer.account].units
        assert writer.booked <= units <= writer.begun, writer.account
        assert held[writer.account].nj == sum(1000 + number for number in range(units))
        writer.booked = units


def begin_anew(victim: Writer, ledger: Ledger) -> None:
    """What it said is booked is; it goes on from there."""
    held = {one.account: one.units for one in ledger.reader().accounts()}
    units = held.get(victim.account, 0)
    assert victim.booked <= units <= victim.begun
    victim.booked = units
    victim.start()


def test_nothing_is_lost_or_doubled_whoever_is_killed(tmp_path: Path) -> None:
    path, clock = tmp_path / "ledger.db", ManualClock(START)
    ledger = Ledger.open(path, clock)
    writers = [Writer(path, f"work/default/w{number}/m@1/fp32") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    chance = Random(11)  # noqa: S311 - a fixed choice of victims
    windows = rolled_up = 0
    for _ in range(KILLS):
        for _ in range(chance.randrange(3, 12)):
            writers[chance.randrange(WRITERS)].says()
            with suppress(Unavailable):  # it goes with the next
                ledger.record(window(clock))
            windows += 1
            clock.advance(5)
        victim = writers[chance.randrange(WRITERS)]
        victim.kill()
        ledger.clock = ManualClock(START + timedelta(days=30))
        with suppress(Unavailable):
            rolled_up += ledger.roll_up(Retention(timedelta(0), timedelta(0)))
        begin_anew(victim, ledger)
    for writer in writers:
        writer.says()
        writer.kill()
    ledger.record(window(clock))  # alone by now
    assert ledger.waiting == 0
    check(ledger, writers, windows=windows + 1)
    ledger.close()
    assert ledger.reader().verify() == []
    kinds = [one.kind for one in ledger.reader().entries(limit=10_000)]
    assert "gap" not in kinds
    assert rolled_up
    assert kinds.count("stop") == 1

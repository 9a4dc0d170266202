"""What the ledger costs: one window booked, one hour rolled up, megabytes a month.

    python benchmarks/ledger.py

CPU time by the process's own clock, durable writes to this disk included. An account is booked in
every minute, which is the most that one can be. An intensity that changes each hour, as a service's
does, keeps days as large as hours, since each entry stands on one.
"""

import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time_ns

from lichen.carbon.grids.fixed import ConstantIntensity
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.carbon.ledger.ledger import Ledger
from lichen.carbon.ledger.postings import Basis, Booking, Posting
from lichen.carbon.ledger.rollup import Retention
from lichen.core.clock import ManualClock
from lichen.core.figures import Method

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNTS = (1, 10, 100)
WINDOWS = 1200
DAYS, DAYS_A_MONTH = 3, 30
MB = 1e6
EVERY = timedelta(0)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    accounts: int
    append_us: float
    append_mean_us: float
    minutes_mb: float
    hours_mb: float
    days_mb: float
    roll_up_ms: float

    def line(self) -> str:
        """As it is printed."""
        return (
            f"{self.accounts:8} {self.append_us:10.0f} {self.append_mean_us:10.0f} "
            f"{self.minutes_mb:10.2f} {self.hours_mb:10.2f} {self.days_mb:10.3f} "
            f"{self.roll_up_ms:10.1f}"
        )


def booking(began: datetime, seconds: int, accounts: int) -> Booking:
    """One window; the grid's intensity is another each day."""
    value = ConstantIntensity(300.0 + began.day).at("DE", START)
    basis = Basis(value, Method.MODELLED, "model 1", 0.42, 1.36, 1.0, None)
    moment = int(began.timestamp())
    uses = [
        Posting(
            f"work/default/deployment-{one}/model@1/fp32", 1_000_003 * one + moment, 97 * one, 9
        )
        for one in range(1, accounts + 1)
    ]
    paid = Posting("meter", -sum(one.nj for one in uses), -sum(one.ng for one in uses))
    return Booking(began, began + timedelta(seconds=seconds), (paid, *uses), basis)


def appended_us(path: Path, accounts: int) -> Iterator[float]:
    """CPU microseconds of each durable window, sealing included."""
    ledger = Ledger.open(path)
    for second in range(WINDOWS):
        one = booking(START + timedelta(seconds=second), 1, accounts)
        began = process_time_ns()
        ledger.record(one)
        yield (process_time_ns() - began) / 1000
    ledger.close()


def filled(path: Path, accounts: int) -> ManualClock:
    """Some days of minutes; the clock stands at their end."""
    clock = ManualClock(START)
    ledger = Ledger.open(path, clock)
    for _ in range(DAYS * 1440):
        ledger.record(booking(clock.now(), 60, accounts))
        clock.advance(60)
    ledger.close()
    return clock


def month_mb(path: Path) -> float:
    """The pages in use, for a month; a mebibyte of free ones may stand beside them."""
    with sqlite3.connect(path) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    connection.close()
    return float((pages - free) * size / MB / DAYS * DAYS_A_MONTH)


def rolled_up_ms(path: Path, clock: ManualClock, retention: Retention) -> list[float]:
    """CPU milliseconds of each roll-up that is due."""
    ledger = Ledger.open(path, clock)
    took: list[float] = []
    while True:
        began = process_time_ns()
        is_done = ledger.roll_up(retention)
        if not is_done:
            break
        took.append((process_time_ns() - began) / 1e6)
    ledger.close()
    return took


def measured(folder: Path, accounts: int) -> Row:
    """One line, on files of its own."""
    append = list(appended_us(folder / f"append-{accounts}.db", accounts))
    path = folder / f"month-{accounts}.db"
    clock = filled(path, accounts)
    before, minutes_mb = LedgerReader(path).accounts(), month_mb(path)
    took = rolled_up_ms(path, clock, Retention(EVERY))
    hours_mb = month_mb(path)
    rolled_up_ms(path, clock, Retention(EVERY, EVERY))
    if LedgerReader(path).accounts() != before or LedgerReader(path).verify():
        raise SystemExit(f"rolling {accounts} accounts up changed them")
    return Row(
        accounts,
        statistics.median(append),
        statistics.fmean(append),
        minutes_mb,
        hours_mb,
        month_mb(path),
        statistics.median(took),
    )


def main() -> int:
    """Print the table."""
    names = ("accounts", "append us", "mean us", "MB minutes", "MB hours", "MB days", "rollup ms")
    print(" ".join(f"{name:>{8 if name == 'accounts' else 10}}" for name in names))
    with tempfile.TemporaryDirectory(prefix="lichen-ledger-") as scratch:
        for accounts in ACCOUNTS:
            print(measured(Path(scratch), accounts).line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

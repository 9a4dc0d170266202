"""From the meters of this host to the books: windows, charges, closing, grams, entries (L1, A3)."""

import os
from pathlib import Path
from time import process_time_ns

from lichen.carbon.footprint import CarbonRate, HostEmbodied
from lichen.carbon.grids.averages import YearlyAverages
from lichen.carbon.ledger.booking import book
from lichen.carbon.ledger.ledger import Ledger, LedgerReader
from lichen.core.clock import SystemClock
from lichen.energy.closing import NOTHING_BOOKED, close
from lichen.energy.counters import ProcessCounters
from lichen.energy.owner import MeterOwner
from lichen.energy.power.model import ModelMeter

WORK = "work/default/vic/vic@1/fp32"


def burn(milliseconds: int) -> int:
    began = process_time_ns()
    while process_time_ns() < began + milliseconds * 1_000_000:
        pass
    return process_time_ns() - began


def served(tmp_path: Path) -> list[tuple[int, int]]:
    """Serve eight requests in three windows and book them; energy and grams of each receipt."""
    clock = SystemClock()
    owner = MeterOwner(tmp_path / "run", ModelMeter, clock)
    counters = ProcessCounters.create(tmp_path / "run", "dataplane")
    account, page = counters.account(WORK), owner.page()
    rate = CarbonRate(
        YearlyAverages().at("DE", clock.now()), 1.2, HostEmbodied(os.cpu_count() or 1)
    )
    ledger = Ledger.open(tmp_path / "ledger.db", clock)
    levels = NOTHING_BOOKED
    issued: list[tuple[int, int]] = []
    for requests in (3, 0, 5):
        for _ in range(requests):
            counters.begin()
            cpu_ns = burn(3)
            energy = page.rate().figure(cpu_ns)
            carbon = rate.figure(energy, cpu_ns)
            account.add(cpu_ns, energy.nj, carbon.ng)
            counters.end()
            issued.append((energy.nj, carbon.ng))
        metered = owner.flush()
        assert metered is not None
        lines, levels = close(metered.window, metered.readings, levels)
        ledger.record(book(metered.window, lines, rate))
    ledger.close()
    page.close()
    owner.close()
    return issued


def test_what_the_receipts_say_is_what_the_ledger_holds(tmp_path: Path) -> None:
    issued = served(tmp_path)
    reader = LedgerReader(tmp_path / "ledger.db")
    statement = reader.statement()
    held = {one.account: one for one in statement.accounts}
    assert held[WORK].nj == sum(nj for nj, _ in issued)
    assert held[WORK].ng == sum(ng for _, ng in issued)
    assert held[WORK].units == len(issued) == 8
    assert sum(one.nj for one in statement.accounts) == 0
    assert sum(one.ng for one in statement.accounts) == 0
    assert held["meter"].nj < 0
    assert held["overhead/dataplane"].nj > 0
    assert held["idle"].ng > 0
    assert [basis.intensity.zone for basis in statement.bases] == ["DE"]
    assert reader.verify() == []

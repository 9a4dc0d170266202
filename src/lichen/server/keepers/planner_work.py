"""What planning costs: charged to an account of its own, and summed up over all lives (A1)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import thread_time_ns

import msgspec

from lichen.control.planner_role import PLANNER
from lichen.core.clock import Clock
from lichen.core.errors import LichenError
from lichen.core.ids import DEFAULT_TENANT
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageReader
from lichen.server.pricing import Pricing
from lichen.store.documents import Change, DocumentStore

ACCOUNT = f"work/{DEFAULT_TENANT}/planner/-/plan"
SPENT = "spent"


@dataclass(frozen=True, slots=True)
class Spent:
    """Nanojoules and nanograms of all plans so far, and how many there were."""

    nj: int = 0
    ng: int = 0
    plans: int = 0


class PlannerWork:
    """Charges the thread that plans, by its own CPU clock: one thread computes a plan."""

    def __init__(
        self, counters: ProcessCounters, runtime: Path, prices: Pricing, clock: Clock
    ) -> None:
        self._account = counters.account(ACCOUNT)
        self._lane = counters.lane()
        self._runtime = runtime
        self._prices = prices
        self._clock = clock
        self._page: PageReader | None = None
        self.last = Spent()

    @contextmanager
    def charged(self) -> Iterator[None]:
        """Charge what happens inside; without a meter it stays overhead of this process."""
        self._lane.begin()
        began = thread_time_ns()
        try:
            yield
        finally:
            self.last = self._charge(thread_time_ns() - began)
            self._lane.end()

    def _charge(self, cpu_ns: int) -> Spent:
        try:
            nj = self._reader().rate().nanojoules(cpu_ns)
            ng = self._prices.rate(self._clock.now()).grams(nj, cpu_ns)
        except LichenError:
            return Spent(plans=1)
        self._account.add(cpu_ns, nj, ng)
        return Spent(nj, ng, 1)

    def _reader(self) -> PageReader:
        if self._page is None:
            self._page = PageReader.open(self._runtime)
        return self._page


def spent(documents: DocumentStore) -> Spent:
    """What all plans cost so far."""
    document = documents.get(PLANNER, SPENT)
    return Spent() if document is None else msgspec.json.decode(document.body, type=Spent)


def spending(documents: DocumentStore, more: Spent) -> Sequence[Change]:
    """What adds to it; commit it under the planner's fence, which makes it the only writer."""
    now = spent(documents)
    after = Spent(now.nj + more.nj, now.ng + more.ng, now.plans + more.plans)
    return [Change(PLANNER, SPENT, msgspec.json.encode(after))]

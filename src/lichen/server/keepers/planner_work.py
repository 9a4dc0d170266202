"""What planning costs: charged to an account of its own (A1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import thread_time_ns

from lichen.core.clock import Clock
from lichen.core.errors import LichenError
from lichen.core.ids import DEFAULT_TENANT
from lichen.energy.counters import ProcessCounters
from lichen.energy.page import PageReader
from lichen.server.pricing import Pricing

ACCOUNT = f"work/{DEFAULT_TENANT}/planner/-/plan"


@dataclass(frozen=True, slots=True)
class Cost:
    """Nanojoules and nanograms; 0 where no meter was there."""

    nj: int = 0
    ng: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.nj + other.nj, self.ng + other.ng)


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
        self.last = Cost()
        """Of the last piece of work."""
        self.owed = Cost()
        """Of all that the diary does not hold yet."""

    @contextmanager
    def charged(self, plans: int) -> Iterator[None]:
        """Charge what happens inside, counted as so many plans.

        Without a meter it stays overhead of this process.
        """
        self._lane.begin()
        began = thread_time_ns()
        try:
            yield
        finally:
            self.last = self._charge(thread_time_ns() - began, plans)
            self.owed += self.last
            self._lane.end()

    def _charge(self, cpu_ns: int, plans: int) -> Cost:
        try:
            nj = self._reader().rate().nanojoules(cpu_ns)
            ng = self._prices.rate(self._clock.now()).grams(nj, cpu_ns)
        except LichenError:
            return Cost()
        self._account.add(cpu_ns, nj, ng, plans)
        return Cost(nj, ng)

    def _reader(self) -> PageReader:
        if self._page is None:
            self._page = PageReader.open(self._runtime)
        return self._page

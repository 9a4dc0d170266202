"""Charge a whole process to one account as it runs: for jobs and multi-threaded models (A1, A4).

Its CPU time at the rate of the host, and what it used of accelerators by their counters, as the
owner published it: what they used in its last second is the host's to book.
"""

from collections.abc import Callable
from threading import Event, Lock, Thread

from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.energy.cards.shares import Claims
from lichen.energy.counters import Account, ProcessCounters
from lichen.energy.page import PageReader
from lichen.energy.power.learning import COUNTER_SPREAD

PERIOD_S = 1.0


def no_grams(_nj: int, _cpu_ns: int) -> int:
    """For processes that account for energy alone."""
    return 0


class ProcessGauge:
    """Charges the CPU clock of the counters' process, all threads, to one account.

    `grams(nj, cpu_ns) -> ng` prices each charge; `from_cpu_ns` is the CPU clock from which on the
    work counts: 0 for a process that does nothing else. What was charged is final (A3).
    """

    def __init__(
        self,
        counters: ProcessCounters,
        page: PageReader,
        account_key: str,
        grams: Callable[[int, int], int] = no_grams,
        from_cpu_ns: int = 0,
    ) -> None:
        self._clock = counters.clock_ns
        self._counters = counters
        self._claims = Claims(counters.path.parent.parent, counters.pid)
        self._page = page
        self._grams = grams
        self._account: Account = counters.account(account_key)
        self._charged_to_ns = from_cpu_ns
        self._low = self._high = 0
        self._ng = 0
        self._nj = 0
        self._cpu_ns = 0
        self._methods: set[Method] = set()
        self._source = ""
        self._is_over = False
        self._children: Callable[[], int] | None = None
        self._children_ns = 0
        self._lock = Lock()
        self._stopping = Event()
        self._thread: Thread | None = None
        counters.charge_whole_process()
        counters.charge_accelerators()

    def charge(self) -> EnergyFigure:
        """Charge the CPU since the last charge at the rate now published; what was spent so far."""
        with self._lock:
            if not self._is_over:
                now = self._clock()
                cpu_ns = now - self._charged_to_ns
                if cpu_ns > 0:
                    self._charged_to_ns = now
                    self._book(cpu_ns)
                self._book_children()
                self._book_accelerators(self._claims.take_nj())
            return self._figure()

    def adopt(self, children_ns: Callable[[], int]) -> None:
        """Charge the CPU time of children as this process's own: those without their own counters.

        `children_ns` is their sum so far, never less than before. Accelerators they use are not
        among it.
        """
        with self._lock:
            self._children = children_ns

    def _book_children(self) -> None:
        """Charged before it is in the clock: else the owner might take it for overhead between."""
        if self._children is None:
            return
        now_ns = self._children()
        cpu_ns = now_ns - self._children_ns
        if cpu_ns > 0:
            self._children_ns = now_ns
            self._book(cpu_ns)
            self._counters.count_children(now_ns)

    def _book(self, cpu_ns: int) -> None:
        part = self._page.rate().figure(cpu_ns)
        ng = self._grams(part.nj, cpu_ns)
        self._account.add(cpu_ns, part.nj, ng, 0)
        self._nj += part.nj
        self._low += part.nj_low
        self._high += part.nj_high
        self._ng += ng
        self._cpu_ns += cpu_ns
        self._methods.add(part.method)
        self._source = part.source

    def _book_accelerators(self, nj: int) -> None:
        """Charge what the process used of accelerators by their counters (A1)."""
        if not nj:
            return
        ng = self._grams(nj, 0)
        self._account.add(0, nj, ng, 0)
        self._counters.accelerator_charged(nj)
        self._nj += nj
        self._low += int(nj * (1 - COUNTER_SPREAD))
        self._high += int(nj * (1 + COUNTER_SPREAD)) + 1
        self._ng += ng
        self._methods.add(Method.MEASURED)

    def _figure(self) -> EnergyFigure:
        method = next(iter(self._methods)) if len(self._methods) == 1 else Method.MIXED
        return EnergyFigure(
            Nanojoules(self._nj),
            Nanojoules(self._low),
            Nanojoules(self._high),
            method,
            self._source,
        )

    def spent(self) -> EnergyFigure:
        """What was charged so far, now included."""
        return self.charge()

    @property
    def cpu_ns(self) -> int:
        """CPU time charged so far."""
        return self._cpu_ns

    @property
    def ng(self) -> int:
        """Nanograms charged so far."""
        return self._ng

    def start(self) -> None:
        """Charge at every window from a daemon thread (A4)."""
        self._thread = Thread(target=self._run, name="energy-gauge", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(PERIOD_S):
            self.charge()

    def stop(self, units: int = 1) -> EnergyFigure:
        """Make the final charge, counted as so many units of work; what it cost in all."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        figure = self.charge()
        self._is_over = True
        self._account.add(0, 0, 0, units)
        return figure

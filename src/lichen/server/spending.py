"""What a job has cost over all its attempts: each attempt keeps its own sum in the job's folder."""

from pathlib import Path

import msgspec

from lichen.carbon.footprint import issue_receipt
from lichen.core.clock import Clock
from lichen.core.figures import EnergyFigure, Receipt
from lichen.core.units import Nanojoules
from lichen.energy.counters import ProcessCounters
from lichen.energy.gauge import ProcessGauge
from lichen.energy.page import PageReader
from lichen.server.pricing import Pricing

FOLDER = "spent"


class AttemptCost(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of one attempt so far."""

    nj: int
    nj_low: int
    nj_high: int
    cpu_ns: int


class Spending:
    """Meters this attempt, and adds what earlier ones cost.

    The process charges all of its CPU time to the job's account each second (A4). `receipt` is
    final: what the process uses afterwards, to write down its result, is overhead (A3).
    """

    def __init__(
        self,
        counters: ProcessCounters,
        page: PageReader,
        account: str,
        prices: Pricing,
        clock: Clock,
    ) -> None:
        self._counters = counters
        self._prices = prices
        self._clock = clock
        self.gauge = ProcessGauge(counters, page, account, self._grams)
        self._own: Path | None = None
        self._earlier: list[AttemptCost] = []
        self._receipt: Receipt | None = None

    def start(self, folder: Path, fence: int) -> None:
        """Read what earlier attempts cost and begin to charge."""
        spent = folder / FOLDER
        spent.mkdir(parents=True, exist_ok=True)
        for path in sorted(spent.glob("*.json")):
            if path.stem.isdigit() and int(path.stem) < fence:
                self._earlier.append(msgspec.json.decode(path.read_bytes(), type=AttemptCost))
        self._own = spent / f"{fence:06d}.json"
        self.gauge.start()

    def receipt(self) -> Receipt:
        """The job's receipt over all attempts; charging ends with the first call."""
        if self._receipt is None:
            figure = self.gauge.stop()
            costs = [*self._earlier, _cost(figure, self.gauge.cpu_ns)]
            total = EnergyFigure(
                Nanojoules(sum(cost.nj for cost in costs)),
                Nanojoules(sum(cost.nj_low for cost in costs)),
                Nanojoules(sum(cost.nj_high for cost in costs)),
                figure.method,
                figure.source,
            )
            now = self._clock.now()
            cpu_ns = sum(cost.cpu_ns for cost in costs)
            self._receipt = issue_receipt(total, self._prices.rate(now), now, cpu_ns)
        return self._receipt

    def keep(self) -> None:
        """Write down what this attempt cost so far, for a next one should this be killed."""
        if self._own is None or self._receipt is not None:
            return
        cost = _cost(self.gauge.spent(), self.gauge.cpu_ns)
        fresh = self._own.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(cost))
        fresh.replace(self._own)

    def close(self) -> None:
        """Leave the process's last word to the owner of the meters."""
        self._counters.finish()

    def _grams(self, nj: int, cpu_ns: int) -> int:
        return self._prices.rate(self._clock.now()).grams(nj, cpu_ns)


def _cost(figure: EnergyFigure, cpu_ns: int) -> AttemptCost:
    return AttemptCost(nj=figure.nj, nj_low=figure.nj_low, nj_high=figure.nj_high, cpu_ns=cpu_ns)

"""What a job has cost over all its attempts: each attempt keeps its own sum in the job's folder."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from lichen.carbon.footprint import issue_receipt
from lichen.core.clock import Clock
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules
from lichen.energy.counters import ProcessCounters
from lichen.energy.gauge import ProcessGauge
from lichen.energy.page import PageReader
from lichen.server.pricing import Pricing
from lichen.store.failures import storage_failures

FOLDER = "spent"


class AttemptCost(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of one attempt so far: nanojoules with their interval, nanograms, CPU time."""

    nj: int
    nj_low: int
    nj_high: int
    ng: int
    cpu_ns: int
    method: Method


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
        self.counters = counters
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
                self._earlier += _read(path)
        self._own = spent / f"{fence:06d}.json"
        self.gauge.start()

    def receipt(self) -> Receipt:
        """The job's receipt over all attempts; charging ends with the first call."""
        if self._receipt is None:
            figure = self.gauge.stop()
            costs = [*self._earlier, self._cost(figure)]
            self._receipt = self._issued(costs, figure.source)
        return self._receipt

    def keep(self) -> None:
        """Write down what this attempt cost so far, for a next one should this be killed."""
        if self._own is None or self._receipt is not None:
            return
        fresh = self._own.with_suffix(".new")
        with storage_failures(fresh):
            fresh.write_bytes(msgspec.json.encode(self._cost(self.gauge.spent())))
            fresh.replace(self._own)

    def close(self) -> None:
        """Leave the process's last word to the owner of the meters."""
        self.counters.finish()

    def _issued(self, costs: Sequence[AttemptCost], source: str) -> Receipt:
        """Every attempt as it was charged, joules and grams: what the ledger debits (A3).

        The grams were charged at the intensity of each moment; their interval is as wide, for its
        size, as it is now.
        """
        methods = {cost.method for cost in costs}
        energy = EnergyFigure(
            Nanojoules(sum(cost.nj for cost in costs)),
            Nanojoules(sum(cost.nj_low for cost in costs)),
            Nanojoules(sum(cost.nj_high for cost in costs)),
            methods.pop() if len(methods) == 1 else Method.MIXED,
            source,
        )
        now = self._clock.now()
        cpu_ns = sum(cost.cpu_ns for cost in costs)
        priced = issue_receipt(energy, self._prices.rate(now), now, cpu_ns)
        return replace(priced, carbon=_scaled(priced.carbon, sum(cost.ng for cost in costs)))

    def _cost(self, figure: EnergyFigure) -> AttemptCost:
        return AttemptCost(
            nj=figure.nj,
            nj_low=figure.nj_low,
            nj_high=figure.nj_high,
            ng=self.gauge.ng,
            cpu_ns=self.gauge.cpu_ns,
            method=figure.method,
        )

    def _grams(self, nj: int, cpu_ns: int) -> int:
        return self._prices.rate(self._clock.now()).grams(nj, cpu_ns)


def _read(path: Path) -> list[AttemptCost]:
    """What an attempt left; a power cut may have left nothing that can be read."""
    try:
        return [msgspec.json.decode(path.read_bytes(), type=AttemptCost)]
    except (OSError, msgspec.DecodeError) as error:
        sys.stderr.write(f"the receipt leaves out the attempt of {path.name}: {error}\n")
        return []


def _scaled(carbon: CarbonFigure | None, ng: int) -> CarbonFigure | None:
    if carbon is None:
        return None
    whole = max(1, carbon.ng)
    low, high = carbon.ng_low * ng // whole, -(-carbon.ng_high * ng // whole)
    return replace(carbon, ng=Nanograms(ng), ng_low=Nanograms(low), ng_high=Nanograms(high))

"""What a job has cost over all its attempts: each attempt keeps its own sum in the job's folder."""

import math
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event, Lock, Thread

import msgspec
from msgspec import structs

from lichen.carbon.footprint import issue_receipt
from lichen.core.clock import Clock
from lichen.core.errors import StorageFailed
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules
from lichen.energy.counters import Lane, ProcessCounters
from lichen.energy.gauge import PERIOD_S, ProcessGauge
from lichen.energy.page import PageReader
from lichen.protocol.segments import JobSegment
from lichen.server.pricing import Pricing
from lichen.serving.charging import Apart, Bill, NoMetering
from lichen.serving.deployment import Deployment
from lichen.store.whole_files import replace_file

FOLDER = "spent"
KEPT_SOURCE = "kept by its attempts, the last of which was killed"


class AttemptCost(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of one attempt so far: nanojoules with their interval, nanograms, CPU time.

    From `began_at` to `until`, when it was written down; absent in a sum of several.
    """

    nj: int
    nj_low: int
    nj_high: int
    ng: int
    cpu_ns: int
    method: Method
    fence: int = 0
    began_at: datetime | None = None
    until: datetime | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What a job has cost: its receipt, and the segments that sum to it."""

    receipt: Receipt
    segments: tuple[JobSegment, ...]


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
        self._page = page
        self._account = account
        self._prices = prices
        self._clock = clock
        self.gauge = ProcessGauge(counters, page, account, self._grams)
        self._gauges = [self.gauge]
        self._own: Path | None = None
        self._keeping = Lock()
        self._is_over = Event()
        self._keeper: Thread | None = None
        self._earlier: list[AttemptCost] = []
        self._fence = 0
        self._began_at: datetime | None = None
        self._account_at_end: Account | None = None

    def start(self, folder: Path, fence: int) -> None:
        """Read what earlier attempts cost and begin to charge."""
        spent = folder / FOLDER
        spent.mkdir(parents=True, exist_ok=True)
        self._earlier = _kept(spent, before=fence)
        self._own = _cost_file(folder, fence)
        self._fence, self._began_at = fence, self._clock.now()
        self.gauge.start()
        self._keeper = Thread(target=self._keep_on, name="spending", daemon=True)
        self._keeper.start()

    def of_process(self, pid: int, name: str, threads: int) -> Apart:  # noqa: ARG002 - unbounded
        """A child that works for this job: all of its CPU time is charged to the job (A4).

        Raises:
            StorageFailed: there is no room for its counters.
            ProcessLookupError: there is no such child.
        """
        folder = self._counters.path.parent.parent
        counters = ProcessCounters.create(folder, name, self._counters.platform, pid)
        gauge = ProcessGauge(counters, self._page, self._account, self._grams)
        gauge.start()
        self._gauges.append(gauge)
        return _Child(counters, gauge)

    def so_far(self) -> AttemptCost:
        """The cost of all attempts, this one's up to now."""
        return _together([*self._earlier, self._cost_so_far()])

    def account(self) -> Account:
        """The job's receipt over all attempts, and its segments; charging ends with the first."""
        with self._keeping:
            if self._account_at_end is None:
                self._is_over.set()
                source = self.gauge.stop().source
                own = self._cost_so_far()
                with suppress(StorageFailed):  # budgets then learn of all but the last moments
                    self._write(own)
                costs = [*self._earlier, own]
                self._account_at_end = _accounted(costs, source, self._prices, self._clock)
            return self._account_at_end

    def receipt(self) -> Receipt:
        """The receipt of `account`."""
        return self.account().receipt

    def keep(self) -> None:
        """Write down what this attempt cost so far, for a next one should this be killed."""
        with self._keeping:
            if self._account_at_end is None:
                self._write(self._cost_so_far())

    def _write(self, cost: AttemptCost) -> None:
        if self._own is not None:
            replace_file(self._own, msgspec.json.encode(cost))

    def _keep_on(self) -> None:
        """Write it down at every window, however silent the work is: budgets are settled by it."""
        while not self._is_over.wait(PERIOD_S):
            with suppress(StorageFailed):  # a full disk: the next time it may do
                self.keep()

    def close(self) -> None:
        """Leave the process's last word to the owner of the meters."""
        self._is_over.set()
        if self._keeper is not None:
            self._keeper.join()
        self._counters.finish()

    def _cost_so_far(self) -> AttemptCost:
        """What this attempt's processes have cost so far."""
        return structs.replace(
            _together([_cost(gauge) for gauge in self._gauges]),
            fence=self._fence,
            began_at=self._began_at,
            until=self._clock.now(),
            zone=self._prices.zone,
        )

    def _grams(self, nj: int, cpu_ns: int) -> int:
        return self._prices.rate(self._clock.now()).grams(nj, cpu_ns)


class _Child:
    """A child of the job, which is nothing else's work."""

    lane: Lane | None = None

    def __init__(self, counters: ProcessCounters, gauge: ProcessGauge) -> None:
        self._counters = counters
        self._gauge = gauge

    def bill(self, deployment: Deployment) -> Bill:  # noqa: ARG002 - it answers nobody
        """It serves nobody: the job pays for all that it does."""
        return NoMetering()

    def finish(self) -> None:
        """Charge what is left, and write its last clock down."""
        self._gauge.stop(units=0)
        self._counters.finish()


def attempt_cost(folder: Path, fence: int) -> AttemptCost | None:
    """What the attempt under a fence has cost so far; None before it kept anything."""
    try:
        return msgspec.json.decode(_cost_file(folder, fence).read_bytes(), type=AttemptCost)
    except (OSError, msgspec.DecodeError):
        return None


def _cost_file(folder: Path, fence: int) -> Path:
    return folder / FOLDER / f"{fence:06d}.json"


def kept_account(folder: Path, prices: Pricing, clock: Clock) -> Account | None:
    """What the attempts of a job that died without a word had kept; None if nothing (M5).

    It leaves out the moments between the last keeping and the death: those stand in the ledger.

    Args:
        folder: the job's.
        prices: carbon at this moment.
        clock: what the time is.
    """
    costs = _kept(folder / FOLDER)
    return _accounted(costs, KEPT_SOURCE, prices, clock) if costs else None


def kept_receipt(folder: Path, prices: Pricing, clock: Clock) -> Receipt | None:
    """The receipt of `kept_account`."""
    account = kept_account(folder, prices, clock)
    return None if account is None else account.receipt


def _accounted(costs: Sequence[AttemptCost], source: str, prices: Pricing, clock: Clock) -> Account:
    receipt = _issued(costs, source, prices, clock)
    has_carbon = receipt.carbon is not None
    now = clock.now()
    return Account(receipt, tuple(_segment(one, now, has_carbon=has_carbon) for one in costs))


def _segment(cost: AttemptCost, now: datetime, *, has_carbon: bool) -> JobSegment:
    ended_at = cost.until or now
    return JobSegment(
        fence=cost.fence,
        started_at=min(cost.began_at or ended_at, ended_at),  # the clock may have been set back
        ended_at=ended_at,
        nj=cost.nj,
        nj_low=cost.nj_low,
        nj_high=cost.nj_high,
        ng=cost.ng if has_carbon else None,
        method=cost.method,
        zone=cost.zone,
        cpu_ns=cost.cpu_ns,
    )


def _issued(costs: Sequence[AttemptCost], source: str, prices: Pricing, clock: Clock) -> Receipt:
    """Every attempt as it was charged, joules and grams: what the ledger debits (A3).

    The grams were charged at the intensity of each moment; their interval is as wide, for its
    size, as it is now.
    """
    cost = _together(costs)
    energy = EnergyFigure(
        Nanojoules(cost.nj),
        Nanojoules(cost.nj_low),
        Nanojoules(cost.nj_high),
        cost.method,
        source,
    )
    now = clock.now()
    priced = issue_receipt(energy, prices.rate(now), now, cost.cpu_ns)
    return replace(priced, carbon=_scaled(priced.carbon, cost.ng))


def _kept(spent: Path, before: float = math.inf) -> list[AttemptCost]:
    """What the attempts under fences below this one left in their folder."""
    paths = [path for path in sorted(spent.glob("*.json")) if path.stem.isdigit()]
    return [
        structs.replace(cost, fence=int(path.stem))
        for path in paths
        if int(path.stem) < before
        for cost in _read(path)
    ]


def _cost(gauge: ProcessGauge) -> AttemptCost:
    figure = gauge.spent()
    return AttemptCost(
        nj=figure.nj,
        nj_low=figure.nj_low,
        nj_high=figure.nj_high,
        ng=gauge.ng,
        cpu_ns=gauge.cpu_ns,
        method=figure.method,
    )


def _together(costs: Sequence[AttemptCost]) -> AttemptCost:
    """The sum of some; those that spent nothing have no say in how it was obtained."""
    methods = {cost.method for cost in costs if cost.cpu_ns}
    return AttemptCost(
        nj=sum(cost.nj for cost in costs),
        nj_low=sum(cost.nj_low for cost in costs),
        nj_high=sum(cost.nj_high for cost in costs),
        ng=sum(cost.ng for cost in costs),
        cpu_ns=sum(cost.cpu_ns for cost in costs),
        method=methods.pop() if len(methods) == 1 else Method.MIXED,
    )


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

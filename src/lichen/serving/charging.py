"""Charge a batch to the requests in it: CPU time x published rate, shares by rows (A2, A3, A5)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from msgspec import Struct

from lichen.carbon.footprint import CarbonRate
from lichen.core.clock import Clock
from lichen.core.errors import Unavailable
from lichen.core.figures import EnergyFigure, Method
from lichen.core.ids import TenantId
from lichen.core.units import Nanojoules
from lichen.energy.attribution import split
from lichen.energy.cards.card_pot import CardPot
from lichen.energy.counters import Account, Lane, ProcessCounters
from lichen.energy.page import PageReader, Rate
from lichen.energy.power.learning import COUNTER_SPREAD
from lichen.protocol.footprint import receipt_template
from lichen.serving.deployment import Deployment

_MUCH = 10**15
"""Large enough that one nanojoule's share of its grams is known to many figures."""


PRIOR_NJ_PER_NS, PRIOR_NG_PER_NJ = 5.18, 1000.0 / 3.6e6
"""What is feared where nothing is known: 5.18 W a hardware thread (M2, the 95th percentile), and
1000 g/kWh, which few grids exceed."""


class Price(NamedTuple):
    """What work would cost, rounded up: nanojoules and nanograms."""

    nj: int
    ng: int


class Charge(Struct, frozen=True, gc=False):
    """What one request cost, final (A3); `header` is its receipt as it goes on the wire."""

    nj: int
    ng: int | None
    header: bytes

    @property
    def receipt(self) -> str:
        """The value of the receipt's header."""
        return self.header.decode("ascii")


class Bill(Protocol):
    """Whom the work of one deployment is charged to."""

    def charge(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId]
    ) -> Sequence[Charge | None]:
        """Split the CPU time of a batch over its requests and book it; None where unmetered."""
        ...


class Metering(Protocol):
    """Makes bills, and lanes that say when work is in flight."""

    def bill(self, deployment: Deployment, *, on_card: bool = False) -> Bill:
        """The bill of one deployment; `on_card`: its batches run on an accelerator as well."""
        ...

    def price(self, cpu_ns: float) -> Price:
        """What so much CPU time costs now; at most, where that is not known."""
        ...

    def inline_lane(self) -> Lane | None:
        """The lane of the event loop, shared by all that runs on it."""
        ...

    def lane(self) -> Lane | None:
        """A lane for one thread; give it back with `release`."""
        ...

    def release(self, lane: Lane | None) -> None:
        """The thread of this lane is gone."""
        ...


class Apart(Protocol):
    """The charges of another process of ours, written here on its behalf (A1)."""

    @property
    def lane(self) -> Lane | None:
        """Its one lane."""
        ...

    def bill(self, deployment: Deployment) -> Bill:
        """The bill of one deployment, for work that this process did."""
        ...

    def finish(self) -> None:
        """It has ended, and nobody has waited for it yet: its clock is read a last time."""
        ...


Charges = Callable[[int], Apart]
"""Makes the counters of a child process, by its pid."""


class HostMetering(Protocol):
    """Meters the processes that this one starts."""

    def of_process(self, pid: int, name: str, threads: int) -> Apart:
        """Charges of a child process; `threads` bounds its CPU time per second.

        Raises:
            StorageFailed: there is no room for its counters.
            ProcessLookupError: there is no such child.
        """
        ...


class NoMetering:
    """Metering where there is no meter: answers carry no receipt, rather than a 0 (M5)."""

    def bill(self, deployment: Deployment, *, on_card: bool = False) -> Bill:  # noqa: ARG002 - nobody is charged
        """A bill that charges nobody."""
        return self

    def charge(
        self,
        cpu_ns: int,  # noqa: ARG002 - nobody is charged
        rows: Sequence[int],
        tenants: Sequence[TenantId],  # noqa: ARG002 - nobody is charged
    ) -> Sequence[Charge | None]:
        """No charge for any request."""
        return [None] * len(rows)

    def price(self, cpu_ns: float) -> Price:
        """What is feared."""
        return _feared(cpu_ns * PRIOR_NJ_PER_NS)

    def inline_lane(self) -> Lane | None:
        """None: nothing is in flight for nobody."""
        return None

    def lane(self) -> Lane | None:
        """None: nothing is in flight for nobody."""
        return None

    def release(self, lane: Lane | None) -> None:
        """Nothing was taken."""

    def of_process(
        self,
        pid: int,  # noqa: ARG002 - nobody is charged
        name: str,  # noqa: ARG002 - nobody is charged
        threads: int,  # noqa: ARG002 - nobody is charged
    ) -> Apart:
        """No process is charged."""
        return _NotApart()


class _NotApart:
    """Nothing is written for this process."""

    lane: Lane | None = None

    def bill(self, deployment: Deployment) -> Bill:  # noqa: ARG002 - nobody is charged
        """A bill that charges nobody."""
        return NoMetering()

    def finish(self) -> None:
        """Nothing to finish."""


class ProcessMetering:
    """Charges into this process's counters at the rate on the meter page in `folder`.

    `carbon` may be replaced at any time; None where no intensity is known (M5). As long as nobody
    has published a page, nothing is charged and answers carry no receipt.
    """

    def __init__(
        self, counters: ProcessCounters, folder: Path, carbon: CarbonRate | None, clock: Clock
    ) -> None:
        self.counters = counters
        self.carbon = carbon
        self.clock = clock
        self._folder = folder
        self._page: PageReader | None = None
        self._inline_lane = counters.lane()
        self._free_lanes: list[Lane] = []
        self._factors: _Factors | None = None
        self._pot: CardPot | None = None

    def bill(self, deployment: Deployment, *, on_card: bool = False) -> Bill:
        """The bill of one deployment."""
        bill = _DeploymentBill(self, self.counters, deployment)
        if not on_card:
            return bill
        self._pot = self._pot or pot_of(self.counters)
        return _CardBill(bill, self._pot)

    def price(self, cpu_ns: float) -> Price:
        """At the rate of the last window and the intensity of the minute."""
        factors = self.factors()
        if factors is None:
            return _feared(cpu_ns * PRIOR_NJ_PER_NS)
        nj = cpu_ns * factors.rate.nj_per_cpu_ns
        if factors.carbon is None:
            return _feared(nj)
        by_nj, by_cpu = factors.ng
        return Price(int(nj) + 1, int(nj * by_nj + cpu_ns * by_cpu) + 1)

    def of_process(self, pid: int, name: str, threads: int) -> Apart:
        """Charges of a child, in a file of counters under its own pid (A1, A6)."""
        platform = self.counters.platform
        folder = self.counters.path.parent.parent
        return _Child(self, ProcessCounters.create(folder, name, platform, pid), threads)

    def inline_lane(self) -> Lane | None:
        """The lane of the event loop."""
        return self._inline_lane

    def lane(self) -> Lane | None:
        """A lane that nobody else uses."""
        return self._free_lanes.pop() if self._free_lanes else self.counters.lane()

    def release(self, lane: Lane | None) -> None:
        """Keep the lane for the next thread."""
        if lane is not None:
            self._free_lanes.append(lane)

    def factors(self) -> "_Factors | None":
        """What a CPU-nanosecond costs by the last window; None before the first one."""
        try:
            if self._page is None:
                self._page = PageReader.open(self._folder)
            rate = self._page.rate()
        except Unavailable:
            return None
        known = self._factors
        if known is None or known.rate is not rate or known.carbon is not self.carbon:
            known = self._factors = _Factors(rate, self.carbon)
        return known


class _Child:
    """Another process, charged at this one's rate and intensity."""

    def __init__(self, metering: ProcessMetering, counters: ProcessCounters, threads: int) -> None:
        self._metering = metering
        self._counters = counters
        self._pot = pot_of(counters)
        self.lane: Lane | None = counters.lane(threads)

    def bill(self, deployment: Deployment) -> Bill:
        """The bill of one deployment; what runs apart may use a card without saying so."""
        return _CardBill(_DeploymentBill(self._metering, self._counters, deployment), self._pot)

    def finish(self) -> None:
        """Write its last clock down."""
        self._counters.finish()


class _Factors:
    """Rate and intensity as plain multipliers, put together once a window."""

    def __init__(self, rate: Rate, carbon: CarbonRate | None) -> None:
        self.rate = rate
        self.carbon = carbon
        self._templates: dict[str, bytes] = {}
        if carbon is None:
            return
        none = Nanojoules(0)
        much = Nanojoules(_MUCH)
        by_nj = carbon.figure(EnergyFigure(much, much, much, rate.method, rate.source))
        by_cpu = carbon.figure(EnergyFigure(none, none, none, rate.method, rate.source), _MUCH)
        self.zone = by_nj.zone
        self.ng = (by_nj.ng / _MUCH, by_cpu.ng / _MUCH)
        self.ng_low = (by_nj.ng_low / _MUCH, by_cpu.ng_low / _MUCH)
        self.ng_high = (by_nj.ng_high / _MUCH, by_cpu.ng_high / _MUCH)

    def _template(self, variant: str) -> bytes:
        """The header of a receipt; as bytes, which are filled in in half the time of a text."""
        known = self._templates.get(variant)
        if known is None:
            text = receipt_template(self.rate.method, self.zone, variant)
            known = self._templates[variant] = text.encode("ascii")
        return known

    def charge_with_card(self, cpu_ns: int, nj: int, card_nj: int, at: int, variant: str) -> Charge:
        """The charge of one request that used an accelerator as well, by its counter (A1)."""
        rate = self.rate
        low = int(cpu_ns * rate.low + card_nj * (1 - COUNTER_SPREAD))
        high = int(cpu_ns * rate.high + card_nj * (1 + COUNTER_SPREAD) + 1.0)
        method = Method.MEASURED if rate.method is Method.MEASURED else Method.MIXED
        nj += card_nj
        if self.carbon is None:
            template = receipt_template(method, None, variant)
            return Charge(nj, None, (template % (nj, low, high, at)).encode())
        (by_nj, by_cpu), (low_nj, low_cpu), (high_nj, high_cpu) = self.ng, self.ng_low, self.ng_high
        ng = round(nj * by_nj + cpu_ns * by_cpu)
        ng_low = int(low * low_nj + cpu_ns * low_cpu)
        ng_high = int(high * high_nj + cpu_ns * high_cpu + 1.0)
        template = receipt_template(method, self.zone, variant)
        return Charge(nj, ng, (template % (nj, low, high, ng, ng_low, ng_high, at)).encode())

    def charge(self, cpu_ns: int, nj: int, at: int, variant: str) -> Charge:
        """The charge of one request from its share of CPU time and energy."""
        rate = self.rate
        low, high = int(cpu_ns * rate.low), int(cpu_ns * rate.high + 1.0)
        if self.carbon is None:
            template = receipt_template(rate.method, None, variant).encode()
            return Charge(nj, None, template % (nj, low, high, at))
        template = self._template(variant)
        (by_nj, by_cpu), (low_nj, low_cpu), (high_nj, high_cpu) = self.ng, self.ng_low, self.ng_high
        ng = round(nj * by_nj + cpu_ns * by_cpu)
        ng_low = int(low * low_nj + cpu_ns * low_cpu)
        ng_high = int(high * high_nj + cpu_ns * high_cpu + 1.0)
        return Charge(nj, ng, template % (nj, low, high, ng, ng_low, ng_high, at))


def _feared(nj: float) -> Price:
    return Price(int(nj) + 1, int(nj * PRIOR_NG_PER_NJ) + 1)


class _DeploymentBill:
    """The accounts of one deployment, by tenant of the caller."""

    def __init__(
        self, metering: ProcessMetering, counters: ProcessCounters, deployment: Deployment
    ) -> None:
        self._metering = metering
        self._counters = counters
        self._deployment = deployment
        self._variant = deployment.variant
        self._accounts: dict[TenantId, Account] = {}

    def charge(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId]
    ) -> Sequence[Charge | None]:
        """Split, book, and say what each request cost."""
        factors = self._metering.factors()
        if factors is None:
            return [None] * len(rows)
        at = self._metering.clock.unix_seconds()
        nj = factors.rate.nanojoules(cpu_ns)
        if len(rows) == 1:
            charge = factors.charge(cpu_ns, nj, at, self._variant)
            self._account(tenants[0]).add(cpu_ns, nj, charge.ng or 0)
            return [charge]
        shares = list(zip(split(cpu_ns, rows), split(nj, rows), strict=True))
        accounts = {tenant: self._account(tenant) for tenant in set(tenants)}  # all, or nobody
        made: dict[tuple[int, int], Charge] = {}  # requests of one size cost one of two figures
        for share in shares:
            if share not in made:
                made[share] = factors.charge(*share, at, self._variant)
        charges = [made[share] for share in shares]
        if len(accounts) == 1:
            grams = sum([charge.ng or 0 for charge in charges])
            accounts[tenants[0]].add(cpu_ns, nj, grams, len(charges))
            return charges
        for (cpu_share, _), charge, tenant in zip(shares, charges, tenants, strict=True):
            accounts[tenant].add(cpu_share, charge.nj, charge.ng or 0)
        return charges

    def charge_with_card(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId], pot: CardPot
    ) -> Sequence[Charge | None]:
        """The same with what its process used of accelerators, as far as it was published (A1)."""
        factors = self._metering.factors()
        if factors is None:
            return [None] * len(rows)
        card_nj = pot.take(cpu_ns, factors.rate.window)
        if not card_nj:
            return self.charge(cpu_ns, rows, tenants)
        at = self._metering.clock.unix_seconds()
        nj = factors.rate.nanojoules(cpu_ns)
        accounts = [self._account(tenant) for tenant in tenants]  # all, or nobody
        charges = []
        for account, cpu_share, nj_share, card_share in zip(
            accounts, split(cpu_ns, rows), split(nj, rows), split(card_nj, rows), strict=True
        ):
            charge = factors.charge_with_card(cpu_share, nj_share, card_share, at, self._variant)
            account.add(cpu_share, charge.nj, charge.ng or 0)
            charges.append(charge)
        self._counters.accelerator_charged(card_nj)
        return charges

    def _account(self, tenant: TenantId) -> Account:
        account = self._accounts.get(tenant)
        if account is None:
            deployed = self._deployment
            account = self._accounts[tenant] = self._counters.account(
                f"work/{tenant}/{deployed.name}/{deployed.reference}/{deployed.variant}"
            )
        return account


class _CardBill:
    """A bill that charges what was used of accelerators as well."""

    def __init__(self, bill: _DeploymentBill, pot: CardPot) -> None:
        self._bill = bill
        self._pot = pot

    def charge(
        self, cpu_ns: int, rows: Sequence[int], tenants: Sequence[TenantId]
    ) -> Sequence[Charge | None]:
        """Split, book, and say what each request cost."""
        return self._bill.charge_with_card(cpu_ns, rows, tenants, self._pot)


def pot_of(counters: ProcessCounters) -> CardPot:
    """What the process of these counters used of accelerators; it says that it will charge it."""
    counters.charge_accelerators()
    return CardPot(counters.path.parent.parent, counters.pid)

"""What metered blocks cost in grams: the carbon rate of a zone, and what was charged at it (C1)."""

from collections.abc import Callable
from datetime import datetime
from os import cpu_count

from lichen.carbon.footprint import CarbonRate, HostEmbodied
from lichen.carbon.grids.averages import WorldAverage, YearlyAverages
from lichen.carbon.intensity import WORLD, FallbackChain, IntensitySource, checked_zone
from lichen.core.clock import Clock, SystemClock
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules
from lichen.energy.page import Rate
from lichen.energy.power.learning import COUNTER_SPREAD

DEFAULT_SOURCES = FallbackChain((YearlyAverages(), WorldAverage()))
_REPRICE_NS = 60_000_000_000


class Spent:
    """Energy that was charged at one carbon rate."""

    __slots__ = ("cpu_ns", "high", "low", "methods", "nj", "rate", "source")

    def __init__(self, rate: CarbonRate) -> None:
        self.rate = rate
        self.cpu_ns = self.nj = self.low = self.high = 0
        self.methods: set[Method] = set()
        self.source = ""

    def add(self, cpu_ns: int, part: EnergyFigure) -> None:
        """One more charge."""
        self.cpu_ns += cpu_ns
        self.nj += part.nj
        self.low += part.nj_low
        self.high += part.nj_high
        self.methods.add(part.method)
        self.source = part.source

    def energy(self) -> EnergyFigure:
        """All of it as one figure."""
        method = next(iter(self.methods)) if len(self.methods) == 1 else Method.MIXED
        return EnergyFigure(
            Nanojoules(self.nj),
            Nanojoules(self.low),
            Nanojoules(self.high),
            method,
            self.source,
        )

    def carbon(self) -> CarbonFigure:
        """All of it in grams."""
        return self.rate.figure(self.energy(), self.cpu_ns)


class Prices:
    """The carbon rate of a zone, asked for again each minute."""

    def __init__(
        self,
        zone: str,
        intensity: IntensitySource,
        embodied: HostEmbodied,
        clock: Clock,
        pue: float = 1.0,
    ) -> None:
        self.zone = zone
        self.clock = clock
        self.pue = pue
        self._intensity = intensity
        self._embodied = embodied
        self._rate: CarbonRate | None = None
        self._until_ns = 0

    def rate(self) -> CarbonRate:
        """The rate in force."""
        now_ns = self.clock.monotonic_ns()
        if self._rate is None or now_ns >= self._until_ns:
            value = self._intensity.at(self.zone, self.clock.now())
            rate = CarbonRate(value, self.pue, self._embodied)
            if rate != self._rate:  # a block holds one sum for each rate, not for each minute
                self._rate = rate
            self._until_ns = now_ns + _REPRICE_NS
        return self._rate


def prices_of(
    zone: str | None,
    intensity: IntensitySource | None = None,
    embodied: HostEmbodied | None = None,
    clock: Clock | None = None,
    pue: float = 1.0,
) -> Prices:
    """The prices of a block: shared by all that say no more than their zone.

    Raises:
        InvalidInput: the zone is no zone code, or the PUE is none.
    """
    checked = WORLD if zone is None else checked_zone(zone)
    if intensity is None and embodied is None and clock is None and pue == 1.0:
        known = _USUAL.get(checked)
        if known is None:
            host = HostEmbodied(cpu_count() or 1)
            known = _USUAL[checked] = Prices(checked, DEFAULT_SOURCES, host, SystemClock())
        return known
    sources = DEFAULT_SOURCES
    if intensity is not None:
        sources = FallbackChain((intensity, *DEFAULT_SOURCES.sources))
    host = embodied or HostEmbodied(cpu_count() or 1)
    prices = Prices(checked, sources, host, clock or SystemClock(), pue)
    prices.rate()  # refuses an impossible PUE here and not within the block
    return prices


_USUAL: dict[str, Prices] = {}
"""The prices of blocks that say no more than their zone, shared by all of them."""


class Tally:
    """CPU time charged at the rates of the meter page and of the grid, as they are in force (A3).

    Adding costs two comparisons: nanojoules are made when a rate ends, or for the receipt.
    """

    __slots__ = ("_cpu_ns", "_price", "_prices", "_rate", "_rate_now", "_spent", "card_nj")

    def __init__(self, rate_now: Callable[[], Rate], prices: Prices) -> None:
        self._rate_now = rate_now
        self._rate = rate_now()
        self._prices = prices
        self._price = prices.rate()
        self._cpu_ns = 0
        self.card_nj = 0
        """Energy of accelerators within what was charged."""
        self._spent: tuple[Spent, ...] = ()

    def add(self, cpu_ns: int) -> None:
        """Charge this much, at the rate now published."""
        rate = self._rate_now()
        if rate is not self._rate:
            self.reprice()
            self._rate = rate
        self._cpu_ns += cpu_ns

    def add_cards(self, nj: int) -> None:
        """Charge energy of accelerators, by their counters."""
        self.card_nj += nj
        spread = int(nj * COUNTER_SPREAD)
        low, high = Nanojoules(nj - spread), Nanojoules(nj + spread + 1)
        source = self._rate.source
        self._settle()
        self._spent[-1].add(0, EnergyFigure(Nanojoules(nj), low, high, Method.MEASURED, source))

    def reprice(self) -> None:
        """What is added from now on is charged at the grid's rate of now."""
        if self._cpu_ns:
            self._settle()
        self._price = self._prices.rate()

    def _settle(self) -> None:
        if not self._spent or self._spent[-1].rate is not self._price:
            self._spent = (*self._spent, Spent(self._price))
        self._spent[-1].add(self._cpu_ns, self._rate.figure(self._cpu_ns))
        self._cpu_ns = 0

    @property
    def cpu_ns(self) -> int:
        """CPU time charged so far."""
        return sum(part.cpu_ns for part in self._spent) + self._cpu_ns

    def spent(self) -> tuple[Spent, ...]:
        """What was charged at each carbon rate so far; at least one, which may be of nothing."""
        if self._cpu_ns or not self._spent:
            self._settle()
        return self._spent


def receipt_of(spent: tuple[Spent, ...], ended_at: datetime) -> Receipt:
    """The receipt of everything that was charged, at one rate after the other (A3)."""
    total = Spent(spent[0].rate)
    for part in spent:
        total.add(part.cpu_ns, part.energy())
    figures = [part.carbon() for part in spent]
    carbon = CarbonFigure(
        Nanograms(sum(figure.ng for figure in figures)),
        Nanograms(sum(figure.ng_low for figure in figures)),
        Nanograms(sum(figure.ng_high for figure in figures)),
        figures[0].zone,
        " | ".join(dict.fromkeys(figure.source for figure in figures)),
    )
    return Receipt(total.energy(), carbon, int(ended_at.timestamp()))


def operational_ng(spent: tuple[Spent, ...]) -> int:
    """Nanograms of the electricity alone, without the embodied share (C1)."""
    return sum(part.rate.grams(part.nj) for part in spent)

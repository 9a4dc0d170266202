"""What metered blocks cost in grams: the carbon rate of a zone, and what was charged at it (C1)."""

from os import cpu_count

from lichen.carbon.averages import WorldAverage, YearlyAverages
from lichen.carbon.footprint import CarbonRate, HostEmbodied
from lichen.carbon.intensity import FallbackChain, IntensitySource
from lichen.core.clock import Clock, SystemClock
from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.units import Nanograms, Nanojoules

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
        self, zone: str, intensity: IntensitySource, embodied: HostEmbodied | None, clock: Clock
    ) -> None:
        self.zone = zone
        self.clock = clock
        self._intensity = intensity
        self._embodied = embodied
        self._rate: CarbonRate | None = None
        self._until_ns = 0

    def rate(self) -> CarbonRate:
        """The rate in force."""
        now_ns = self.clock.monotonic_ns()
        if self._rate is None or now_ns >= self._until_ns:
            value = self._intensity.at(self.zone, self.clock.now())
            rate = CarbonRate(value, embodied=self._embodied)
            if rate != self._rate:  # a block holds one sum for each rate, not for each minute
                self._rate = rate
            self._until_ns = now_ns + _REPRICE_NS
        return self._rate


def prices_of(
    zone: str, intensity: IntensitySource | None, embodied: HostEmbodied | None, clock: Clock
) -> Prices:
    """The prices of a block: shared by all that say no more than their zone."""
    if intensity is None and embodied is None and type(clock) is SystemClock:
        known = _USUAL.get(zone)
        if known is None:
            host = HostEmbodied(cpu_count() or 1)
            known = _USUAL[zone] = Prices(zone, DEFAULT_SOURCES, host, clock)
        return known
    sources = DEFAULT_SOURCES
    if intensity is not None:
        sources = FallbackChain((intensity, *DEFAULT_SOURCES.sources))
    return Prices(zone, sources, embodied or HostEmbodied(cpu_count() or 1), clock)


_USUAL: dict[str, Prices] = {}
"""The prices of blocks that say no more than their zone, shared by all of them."""


def receipt_of(spent: list[Spent], ended_at: int) -> Receipt:
    """The receipt of everything that was charged, at one rate after the other (A3)."""
    charged = [part for part in spent if part.cpu_ns] or spent[:1]
    total = Spent(charged[0].rate)
    for part in charged:
        total.add(part.cpu_ns, part.energy())
    figures = [part.carbon() for part in charged]
    carbon = CarbonFigure(
        Nanograms(sum(figure.ng for figure in figures)),
        Nanograms(sum(figure.ng_low for figure in figures)),
        Nanograms(sum(figure.ng_high for figure in figures)),
        figures[0].zone,
        " | ".join(dict.fromkeys(figure.source for figure in figures)),
    )
    return Receipt(total.energy(), carbon, ended_at)

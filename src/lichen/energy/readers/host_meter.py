"""The whole host as one meter: its processors' and its accelerators' counters together (M1, A1)."""

from dataclasses import replace

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.cards.accelerators import Accelerators
from lichen.energy.cards.cards import Cards
from lichen.energy.meter import NO_PROCESSES, Meter, OwnCpu, Reading
from lichen.energy.page import Rate
from lichen.energy.power.learning import COUNTER_SPREAD
from lichen.energy.readers.counter_meter import Clocks


class HostMeter:
    """A meter of the processors with the cards beside it.

    The rate is the processors' alone: CPU time costs what it costs without the cards, whose energy
    is charged by their own counters.
    """

    def __init__(
        self, processors: Meter, cards: Accelerators, clocks: Clocks | None = None
    ) -> None:
        self._processors = processors
        self._cards = cards
        self._clocks = clocks or Clocks()
        self._idle_nj = (0, 0)

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._processors.name}+{self._cards.name}"

    @property
    def method(self) -> Method:
        """Cards are measured; with a modelled processor beside them it is mixed (M4)."""
        return Method.MEASURED if self._processors.method is Method.MEASURED else Method.MIXED

    @property
    def source(self) -> str:
        """The processors' source: it travels with the figures of CPU time."""
        return self._processors.source

    @property
    def trouble(self) -> str | None:
        """Why a part of it cannot be read now; None when all can."""
        return self._processors.trouble or self._cards.trouble

    def read(self, own: OwnCpu = NO_PROCESSES) -> Reading:
        """The sum of both."""
        host = self._processors.read(own)
        cards = self._cards.read(self._clocks.instant())
        self._idle_nj = (host.idle_nj, cards.idle_nj)
        return Reading(
            host.host_nj + cards.nj,
            host.idle_nj + cards.idle_nj,
            host.busy_cpu_ns,
            host.at_ns,
            cards.nj - cards.idle_nj,
            cards.shares,
            host.unmetered_ns + cards.unmetered_ns,
        )

    def rate(self, window: int) -> Rate:
        """The processors' rate; the interval of idling is that of both together (M4)."""
        rate = self._processors.rate(window)
        of_host, of_cards = self._idle_nj
        if rate.idle_low is None or rate.idle_high is None or not of_host + of_cards:
            return rate
        low = of_host * rate.idle_low + of_cards * (1 - COUNTER_SPREAD)
        high = of_host * rate.idle_high + of_cards * (1 + COUNTER_SPREAD)
        whole = of_host + of_cards
        return replace(rate, idle_low=low / whole, idle_high=high / whole)

    def close(self) -> None:
        """Let go of both."""
        self._processors.close()
        self._cards.close()


def with_cards(processors: Meter, cards: Cards) -> HostMeter:
    """The host's meter out of a meter of its processors and a library of its cards.

    Raises:
        Unavailable: a card cannot be read; the library is let go of.
    """
    clocks = Clocks()
    try:
        return HostMeter(processors, Accelerators(cards, clocks.instant()), clocks)
    except Unavailable:
        cards.close()
        raise

"""Energy of accelerators: each card's counter, what of it is idling, and whose the rest is (A1).

A card's energy over a second is its counter's delta. What it draws while no process computes on it
is learned and counted as idle; the rest goes to the processes that computed, by their shares of
its units. Until an idle second was seen nothing is known of idling, and all goes to who computed.
What nobody is known to have used stays the host's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lichen.core.errors import Unavailable
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.attribution import split
from lichen.energy.cards.cards import Cards, Device
from lichen.energy.meter import ProcessEnergy
from lichen.energy.steps import Instant, Steps

MOST_WATTS = 3000.0
"""No card draws as much."""
PERIOD_NS = NANOSECONDS_PER_SECOND * 9 // 10
"""Counters of cards neither wrap nor are cheap to read: they are looked at once a window."""
KEPT_NS = 3600 * NANOSECONDS_PER_SECOND
"""How long the energy of a process that computes no more is told."""
IDLE_GAIN = 0.2


@dataclass(frozen=True, slots=True)
class CardsReading:
    """All cards together so far: energy, what of it was idling, and what is known to be whose."""

    nj: int = 0
    idle_nj: int = 0
    shares: tuple[ProcessEnergy, ...] = ()
    unmetered_ns: int = 0


@dataclass(slots=True)
class _Watched:
    device: Device
    steps: Steps
    at: Instant
    idle_watts: float | None = None
    booked_nj: int = 0
    losses: int = 0


@dataclass(slots=True)
class _Used:
    nj: int = 0
    seen_ns: int = field(default=0)


class Accelerators:
    """The cards of one library as one counter, looked at about once a second."""

    def __init__(self, cards: Cards, at: Instant) -> None:
        self._cards = cards
        self.name = cards.name
        self.trouble: str | None = None
        self._watched = [
            _Watched(one, Steps(one.raw_nj(), at, MOST_WATTS), at) for one in cards.devices
        ]
        for one in self._watched:
            one.device.shares()
        self.source = f"{cards.name} {'+'.join(sorted({one.name for one in cards.devices}))}"
        self._used: dict[int, _Used] = {}
        self._next_ns = at.awake_ns
        self._reading = CardsReading()

    def read(self, at: Instant) -> CardsReading:
        """All cards so far; a card that cannot be read is left out until it can, and said."""
        if at.awake_ns < self._next_ns:
            return self._reading
        self._next_ns = at.awake_ns + PERIOD_NS
        self.trouble = None
        idle_nj = nj = unmetered_ns = 0
        for one in self._watched:
            step_nj, idle_step_nj, lost_ns = self._look(one, at)
            nj, idle_nj = nj + step_nj, idle_nj + idle_step_nj
            unmetered_ns = max(unmetered_ns, lost_ns)
        before = self._reading
        self._reading = CardsReading(
            before.nj + nj,
            before.idle_nj + idle_nj,
            self._told(at),
            before.unmetered_ns + unmetered_ns,
        )
        return self._reading

    def _look(self, one: _Watched, at: Instant) -> tuple[int, int, int]:
        """What one card used since it was last read, the idle part of it, and time unmetered."""
        elapsed_ns = at.awake_ns - one.at.awake_ns
        try:
            one.steps.take(one.device.raw_nj(), at)
        except Unavailable as error:
            self.trouble = str(error)
            return 0, 0, 0
        shares = {pid: share for pid, share in one.device.shares().items() if share > 0}
        step_nj, one.booked_nj = one.steps.total_nj - one.booked_nj, one.steps.total_nj
        lost, one.losses = one.steps.losses != one.losses, one.steps.losses
        if not step_nj and not lost:
            return 0, 0, 0
        one.at = at
        if lost:
            return step_nj, 0, elapsed_ns
        idle_nj = _idle_part(one, step_nj, elapsed_ns, busy=bool(shares))
        self._share(step_nj - idle_nj, shares, at)
        return step_nj, idle_nj, 0

    def _share(self, dynamic_nj: int, shares: Mapping[int, int], at: Instant) -> None:
        if not shares or not self._cards.tells_processes:
            return
        for pid, nj in zip(shares, split(dynamic_nj, list(shares.values())), strict=True):
            used = self._used.setdefault(pid, _Used())
            used.nj += nj
            used.seen_ns = at.awake_ns

    def _told(self, at: Instant) -> tuple[ProcessEnergy, ...]:
        since_ns = at.awake_ns - KEPT_NS
        self._used = {pid: one for pid, one in self._used.items() if one.seen_ns >= since_ns}
        return tuple(ProcessEnergy(pid, one.nj) for pid, one in self._used.items())

    def close(self) -> None:
        """Let go of the library."""
        self._cards.close()


def _idle_part(one: _Watched, step_nj: int, elapsed_ns: int, *, busy: bool) -> int:
    """What of a card's energy idling would have drawn; learned when nobody computes on it."""
    if busy:
        return 0 if one.idle_watts is None else min(step_nj, int(one.idle_watts * elapsed_ns))
    if elapsed_ns > 0:
        watts = step_nj / elapsed_ns
        known = one.idle_watts
        one.idle_watts = watts if known is None else known + (watts - known) * IDLE_GAIN
    return step_nj

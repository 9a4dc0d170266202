"""Attempts to load: in the order they were asked for, one at a time unless one is slow."""

from collections import deque
from collections.abc import Callable
from time import monotonic

from lichen.serving.residency.opening import Opened, Opening, start
from lichen.serving.residency.workshop import Workshop

SLOW_SECONDS = 5.0
"""Models load one at a time, so that each can be measured; one that takes longer has company."""

Ask = Callable[[Callable[[], None]], None]
"""Has something done in the thread that owns what asks."""


class Attempts:
    """The queue of attempts, and those under way. For one thread."""

    def __init__(
        self, workshop: Workshop, ask: Ask, then: Callable[[Opening, Opened], None]
    ) -> None:
        """`then` is called in the owner's thread when an attempt ends."""
        self._workshop = workshop
        self._ask = ask
        self._then = then
        self._queued: deque[Opening] = deque()
        self._running: list[Opening] = []

    def add(self, opening: Opening) -> None:
        """Last in the queue."""
        self._queued.append(opening)

    def first(self, is_wanted: Callable[[Opening], bool]) -> Opening | None:
        """The attempt whose turn it is; those that nobody wants any more are passed over."""
        while self._queued and not is_wanted(self._queued[0]):
            self._queued.popleft()
        return self._queued[0] if self._queued else None

    def drop_first(self) -> None:
        """It is not made."""
        self._queued.popleft()

    def begin_first(self) -> None:
        """It is made now."""
        opening = self._queued.popleft()
        opening.is_shared = bool(self._running)
        for other in self._running:
            other.is_shared = True
        self._running.append(opening)
        start(opening, self._workshop, lambda opened: self._ask(lambda: self._end(opening, opened)))

    @property
    def is_occupied(self) -> bool:
        """Is a model being loaded that one may wait for?"""
        now = monotonic()
        wait = min(SLOW_SECONDS, self._workshop.patience_seconds)
        return any(now - one.began < wait for one in self._running)

    @property
    def is_busy(self) -> bool:
        """Is any under way, wanted or not, that was not given up?"""
        return any(not self.is_too_long(one) for one in self._running)

    def coming_bytes(self) -> int:
        """What the models that are being loaded will take at least."""
        return sum(one.size_bytes for one in self._running if not self.is_too_long(one))

    def is_too_long(self, opening: Opening) -> bool:
        """Is an attempt under way for longer than anybody should wait?"""
        patience = self._workshop.patience_seconds
        return opening in self._running and monotonic() - opening.began > patience

    def _end(self, opening: Opening, opened: Opened) -> None:
        self._running.remove(opening)
        self._then(opening, opened)

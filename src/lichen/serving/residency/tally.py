"""What models take in memory, and how often they come and go; thrash is said aloud."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from time import monotonic
from types import MappingProxyType

from lichen.serving.residency.memory import MemoryFigures, mebibytes
from lichen.serving.residency.place import Place

THRASH_SECONDS = 60.0
"""A model that is woken so soon after it was put to sleep shows that the limit is too low."""
_log = logging.getLogger(__name__)


class Tally:
    """Counts for one thread; `figures` is replaced whole, so any thread may read it."""

    def __init__(self, limit_bytes: int | None) -> None:
        self.figures = MemoryFigures(limit_bytes)
        self._last_said: float | None = None

    def count(self, places: Iterable[Place]) -> None:
        """What is loaded now."""
        held = {one.name: one.held_bytes for one in places if one.is_awake}
        if held != self.figures.by_deployment:
            self.figures = replace(self.figures, by_deployment=MappingProxyType(held))

    def sleeps(self, place: Place, waker: str) -> None:
        """A model was put to sleep, to make room for another."""
        place.slept = monotonic()
        self.figures = replace(self.figures, slept=self.figures.slept + 1)
        _log.info("%s sleeps, its %s are for %s", place.name, mebibytes(place.size_bytes), waker)

    def wakes(self, place: Place) -> None:
        """A model was loaded again because a request came."""
        self.figures = replace(self.figures, woken=self.figures.woken + 1)
        now = monotonic()
        if place.slept is None or now - place.slept > THRASH_SECONDS:
            return
        self.figures = replace(self.figures, thrashed=self.figures.thrashed + 1)
        if self._last_said is None or now - self._last_said > THRASH_SECONDS:
            self._last_said = now
            _log.warning(
                "the models in use do not fit in model_memory_mb (%s for this process): %s was "
                "asked for %.1f s after it was put to sleep, and took %.1f s to load again; raise "
                "the limit, or undeploy what is not needed",
                mebibytes(self.figures.limit_bytes or 0),
                place.name,
                now - place.slept,
                place.load_seconds,
            )

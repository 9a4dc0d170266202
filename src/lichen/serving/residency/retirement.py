"""Close what answers no longer, once its last answer is out, and give its memory back."""

import logging
from collections.abc import Callable
from threading import Thread
from time import monotonic

from lichen.serving.residency.memory import give_memory_back
from lichen.serving.selector import Served

DRAIN_SECONDS = 30.0
"""After so long the memory of a model that does not end its work is no longer waited for."""
SLOW_SECONDS = 5.0
"""Models come while others go only when these take longer."""
_log = logging.getLogger(__name__)


class Retirements:
    """Models on their way out, and the memory that they still hold. For one thread."""

    def __init__(self, ask: Callable[[Callable[[], None]], None]) -> None:
        """`ask` has something done in the thread that owns this."""
        self._ask = ask
        self._held: dict[int, int] = {}
        self._began = 0.0
        self._numbers = 0

    @property
    def held_bytes(self) -> int:
        """What will be free soon."""
        return sum(self._held.values())

    @property
    def is_occupied(self) -> bool:
        """Is memory being given back that one may wait for, so that the next is measured well?"""
        return bool(self._held) and monotonic() - self._began < SLOW_SECONDS

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, served: Served, size_bytes: int, then: Callable[[], None]) -> None:
        """Close it in a thread of its own; `then` follows here when its memory is back."""
        self._numbers += 1
        number = self._numbers
        self._began = monotonic()
        self._held[number] = size_bytes

        def end() -> None:
            if self._held.pop(number, None) is not None:
                then()

        name = served.deployment.name
        Thread(
            target=self._close, args=(served, end), name=f"unloading {name}", daemon=True
        ).start()

    def _close(self, served: Served, end: Callable[[], None]) -> None:
        batcher, replica, name = served.batcher, served.replica, served.deployment.name
        del served
        if not batcher.idle.wait(DRAIN_SECONDS):
            _log.warning("a model of %s does not end its work: it keeps its memory", name)
            self._ask(end)
            batcher.idle.wait()
        batcher.close()
        replica.close()
        give_memory_back()
        self._ask(end)

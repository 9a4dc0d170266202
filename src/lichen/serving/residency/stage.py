"""Change on the event loop what is answered: between two requests, never within one."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Collection
from threading import Event

from lichen.serving.residency.place import Place
from lichen.serving.selector import Selector

_LOOP_SECONDS = 30.0


class Stage:
    """The selector, from another thread than the loop's."""

    def __init__(self, selector: Selector, loop: AbstractEventLoop) -> None:
        self._selector = selector
        self._loop = loop

    def show(
        self, places: Collection[Place], then: Callable[[Selector], None] | None = None
    ) -> None:
        """Answer from these from now on; `then` follows in the same turn of the loop.

        Returns when it is done, or after 30 seconds of a loop that does nothing.
        """
        served = {one.name: one.served for one in places if one.served is not None}
        waiting: dict[str, str] = {}
        for place in places:
            if place.served is None:
                waiting[place.name] = place.message or place.state.value
                waiting.setdefault(place.wanted.deployment.reference, waiting[place.name])
        done = Event()

        def act() -> None:
            try:
                self._selector.replace(served, waiting)
                if then is not None:
                    then(self._selector)
            finally:
                done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait(_LOOP_SECONDS)

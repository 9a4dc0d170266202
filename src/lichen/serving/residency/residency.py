"""Which deployments are in memory: loaded, swapped, put to sleep, woken, unloaded.

One thread of its own decides and acts, so nothing here needs a lock. Models load, and close, in
threads beside it: a model that takes minutes, or hangs, holds up neither the others nor whoever
follows the store.
"""

from collections.abc import Callable, Mapping

from lichen.core.errors import LichenError, NotFound, Unavailable, WorkFailed
from lichen.serving.deployment import State
from lichen.serving.residency.attempts import Attempts
from lichen.serving.residency.desired import Wanted
from lichen.serving.residency.errands import Errands
from lichen.serving.residency.opening import Opened, Opening
from lichen.serving.residency.place import Place
from lichen.serving.residency.reports import Reports
from lichen.serving.residency.retirement import Retirements
from lichen.serving.residency.room import over_limit, room_for, too_large
from lichen.serving.residency.stage import Stage
from lichen.serving.residency.tally import Tally
from lichen.serving.residency.workshop import Workshop
from lichen.serving.selector import Selector, Served
from lichen.serving.widths import Widths

_TICK_SECONDS = 0.05
_UNLOADED = "it was unloaded on request: load or deploy it again"
_HANGS = "its last attempt to load still hangs, and a thread cannot be ended: restart the platform"


class Residency:
    """The deployments of this process. `want`, `wake`, `look_again` and `wait` are for others."""

    def __init__(
        self, selector: Selector, workshop: Workshop, reports: Reports, widths: Widths
    ) -> None:
        self._workshop = workshop
        self._reports = reports
        self._widths = widths
        self._errands = Errands("residency", self._go_on)
        self._stage = Stage(selector, workshop.loop)
        self._attempts = Attempts(workshop, self._errands.ask, self._end)
        self._retirements = Retirements(self._errands.ask)
        self._places: dict[str, Place] = {}
        self.tally = Tally(workshop.memory.limit_bytes)

    def want(self, wanted: Mapping[str, Wanted]) -> None:
        """From now on this is wanted, and nothing else."""
        self._errands.ask(lambda: self._want(wanted))

    def wake(self, name: str) -> None:
        """A sleeping deployment was asked for something."""
        self._errands.ask(lambda: self._wake(name))

    def look_again(self) -> None:
        """Take out what died too often; try what failed again where its files changed since."""
        self._errands.ask(self._look_again)

    def wait(self, seconds: float) -> bool:
        """Wait until all that is wanted is in service, or has failed; False if it is not yet."""
        return self._errands.wait(seconds)

    def close(self) -> None:
        """Change nothing any more; what is served is served on."""
        self._errands.close()

    def _want(self, wanted: Mapping[str, Wanted]) -> None:
        for name in [name for name in self._places if name not in wanted]:
            place = self._places.pop(name)
            self._take_out(place, NotFound(f"deployment {name!r} was undeployed"))
            self._reports.take_back([name])
        for name, one in wanted.items():
            place = self._places.get(name) or Place(one)
            if name not in self._places or place.wanted != one:
                self._places[name], place.wanted = place, one
                self._bring(place)
            if place.served is not None:
                self._widths.put_on(place.served.replica.predictor, one.deployment)

    def _bring(self, place: Place) -> None:
        """Do what is newly wanted of a deployment."""
        deployment, served, opening = place.wanted.deployment, place.served, place.opening
        if place.wanted.is_out:
            self._set_out(place)
        elif served is not None and served.deployment.runs_like(deployment):
            place.opening = opening if opening is not None and opening.is_wake else None
            place.served = Served(deployment, served.replica, served.batcher)
            self._say(place, State.READY)
        elif opening is not None and opening.deployment.runs_like(deployment):
            self._say(place, State.LOADING)
        else:
            self._load(place)

    def _load(self, place: Place) -> None:
        """Have it loaded; an attempt for something else is no longer wanted."""
        deployment = place.wanted.deployment
        if place.hung is not None and place.hung.deployment.runs_like(deployment):
            self._say(place, State.FAILED, _HANGS)
            return
        size_bytes = self._workshop.files.stored(deployment).size_bytes
        place.opening, place.tried = Opening(deployment, size_bytes=size_bytes), None
        self._attempts.add(place.opening)
        self._say(place, State.LOADING)

    def _wake(self, name: str) -> None:
        place = self._places.get(name)
        if place is None or place.served is None or place.is_awake or place.opening is not None:
            return
        place.opening = Opening(place.served.deployment, is_wake=True, size_bytes=place.size_bytes)
        self._attempts.add(place.opening)

    def _look_again(self) -> None:
        for place in self._places.values():
            if place.broken is not None:
                self._take_out_broken(place, f"its model {place.broken}")
        failed = [one for one in self._places.values() if one.tried is not None]
        for place in failed:
            is_free = place.opening is None and place.hung is None
            if is_free and self._workshop.files.stored(place.wanted.deployment) != place.tried:
                self._load(place)

    def _go_on(self) -> float | None:
        """Do whatever is due; the seconds until it has to be looked at again."""
        for place in self._places.values():
            if place.opening is not None and self._attempts.is_too_long(place.opening):
                self._give_up(place, place.opening)
        while self._begins_one():
            pass
        self.tally.count(self._places.values())
        is_loading = any(one.opening is not None for one in self._places.values())
        is_closing = self._attempts.is_busy or len(self._retirements) > 0
        return _TICK_SECONDS if is_loading or is_closing else None

    def _begins_one(self) -> bool:
        """Make the first attempt of the queue, or room for it; is there one less in the queue?"""
        opening = self._attempts.first(self._is_wanted)
        if opening is None or self._attempts.is_occupied or self._retirements.is_occupied:
            return False
        coming, leaving = self._attempts.coming_bytes(), self._retirements.held_bytes
        try:
            room = room_for(
                opening, self._places.values(), self._workshop.memory, (coming, leaving)
            )
        except Unavailable as error:
            self._attempts.drop_first()
            self._fail(self._places[opening.name], opening, error)
            return True
        for place in room.sleepers:
            self._put_to_sleep(place, opening.name)
        if room.is_free:
            self._attempts.begin_first()
        return room.is_free

    def _is_wanted(self, opening: Opening) -> bool:
        place = self._places.get(opening.name)
        return place is not None and place.opening is opening

    def _end(self, opening: Opening, opened: Opened) -> None:
        """An attempt came to its end, perhaps after it was given up, or wanted no longer."""
        place, outcome = self._places.get(opening.name), opened.outcome
        takes = place is not None and place.takes(opening)
        if place is not None and place.hung is opening:
            place.hung = None
        if place is not None and takes and isinstance(outcome, LichenError):
            self._fail(place, opening, outcome)
        elif place is not None and takes and isinstance(outcome, Served):
            self._arrive(place, opening, opened, outcome)
        elif isinstance(outcome, Served):
            self._close(outcome, opened.size_bytes)

    def _arrive(self, place: Place, opening: Opening, opened: Opened, served: Served) -> None:
        """A model is loaded: let it answer, and close what answered before."""
        size_bytes = opened.size_bytes
        if not self._workshop.memory.admits(size_bytes):
            if not (opening.is_shared or opening.is_wake):
                self._close(served, size_bytes)
                said = too_large(opening, size_bytes, self._workshop.memory)
                self._fail(place, opening, Unavailable(said))
                return
            size_bytes = self._workshop.memory.limit_bytes or 0  # another may have been counted
        former, bed, held_bytes = place.served, place.bed, place.held_bytes
        deployment = place.wanted.deployment
        if deployment.runs_like(served.deployment):
            served = Served(deployment, served.replica, served.batcher)
        self._widths.put_on(served.replica.predictor, served.deployment)
        place.arrive(served, size_bytes, opened.seconds)
        self._stage.show(self._places.values(), None if bed is None else bed.hand_over)
        if former is not None and bed is None:
            self._close(former, held_bytes)
        if opening.is_wake:
            self.tally.wakes(place)
        if not opening.is_wake or (place.state is State.FAILED and served.deployment is deployment):
            self._say(place, State.READY)
        for one in over_limit(place, self._places.values(), self._workshop.memory):
            self._put_to_sleep(one, place.name)

    def _fail(self, place: Place, opening: Opening, error: LichenError) -> None:
        """An attempt failed: what answered before answers on; who waits for this is told."""
        if place.opening is opening:
            place.opening = None
        place.tried = self._workshop.files.stored(place.wanted.deployment)
        if opening.is_wake and place.bed is not None:
            said = f"deployment {place.name!r} cannot be loaded again: {error}"
            self._take_out(place, Unavailable(said))
        still = ""
        if place.served is not None:
            still = f"; version {place.served.deployment.version} still answers"
        self._say(place, State.FAILED, f"{error}{still}")
        if place.bed is not None and place.bed.waiting:
            self._wake(place.name)

    def _give_up(self, place: Place, opening: Opening) -> None:
        """Its thread cannot be ended; should it ever succeed, that is taken."""
        place.hung = opening
        patience = self._workshop.patience_seconds
        said = f"it did not load within {patience:g} s (load_seconds), and is still at it"
        self._fail(place, opening, WorkFailed(said))

    def _put_to_sleep(self, place: Place, waker: str) -> None:
        awake, held_bytes = place.served, place.held_bytes
        if awake is None:
            return
        place.served = self._workshop.lay_down(awake, lambda: self.wake(place.name))
        self.tally.sleeps(place, waker)
        self._stage.show(self._places.values())
        self._close(awake, held_bytes)

    def _set_out(self, place: Place) -> None:
        """Out of service; said when the memory is back, since `unload` promises that."""
        place.state, place.message = State.UNLOADED, _UNLOADED

        def say() -> None:
            if place.state is State.UNLOADED:
                self._reports.say(place.observed())

        self._take_out(place, Unavailable(f"deployment {place.name!r}: {_UNLOADED}"), say)

    def _take_out(
        self, place: Place, error: LichenError, then: Callable[[], None] = lambda: None
    ) -> None:
        """Let it answer no longer; `error` is for those who wait for it to wake."""
        served, bed, held_bytes = place.served, place.bed, place.held_bytes
        place.opening = place.served = None
        self._stage.show(
            self._places.values(), None if bed is None else lambda _: bed.refuse(error)
        )
        if served is None or bed is not None:
            then()
        else:
            self._retirements.begin(served, held_bytes, then)

    def _take_out_broken(self, place: Place, said: str) -> None:
        place.tried = self._workshop.files.stored(place.wanted.deployment)
        self._take_out(place, Unavailable(f"deployment {place.name!r} failed: {said}"))
        self._say(place, State.FAILED, said)

    def _close(self, served: Served, size_bytes: int) -> None:
        self._retirements.begin(served, size_bytes, lambda: None)

    def _say(self, place: Place, state: State, message: str = "") -> None:
        place.state, place.message = state, message
        self._stage.show(self._places.values())
        self._reports.say(place.observed())

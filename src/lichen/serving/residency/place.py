"""One deployment in this process: what is wanted of it, and how far it is."""

from dataclasses import dataclass
from time import monotonic, monotonic_ns

from lichen.serving.deployment import Observed, State
from lichen.serving.guests.guest import Guest
from lichen.serving.residency.desired import Wanted
from lichen.serving.residency.dormant import Dormant
from lichen.serving.residency.memory import Resident
from lichen.serving.residency.opening import Opening
from lichen.serving.residency.workshop import Stored
from lichen.serving.selector import Served

LONGEST_STAY_SECONDS = 10.0
"""A model that was just loaded is left awake as long as its loading took, but no longer."""


@dataclass(eq=False, slots=True)
class Place:
    """A deployment and its model.

    Attributes:
        wanted: what the store says.
        state, message: what was last said of it.
        served: what answers, awake or asleep; None when nothing does.
        size_bytes: what its model takes while it is loaded.
        opening: the attempt that is queued or under way.
        hung: an attempt that was given up, in a thread that cannot be ended.
        tried: the files that the last failed attempt was made with.
        woken, load_seconds: when it was last loaded, monotonic, and how long that took.
        slept: when it was last put to sleep, monotonic.
    """

    wanted: Wanted
    state: State = State.LOADING
    message: str = ""
    served: Served | None = None
    size_bytes: int = 0
    opening: Opening | None = None
    hung: Opening | None = None
    tried: Stored | None = None
    woken: float = 0.0
    load_seconds: float = 0.0
    slept: float | None = None

    @property
    def name(self) -> str:
        """The deployment's."""
        return self.wanted.deployment.name

    @property
    def bed(self) -> Dormant | None:
        """The queue that wakes it, while it sleeps."""
        queue = None if self.served is None else self.served.batcher
        return queue if isinstance(queue, Dormant) else None

    @property
    def is_awake(self) -> bool:
        """Is its model loaded?"""
        return self.served is not None and self.bed is None

    @property
    def broken(self) -> str | None:
        """Why its model answers no more, of itself: a guest that died again and again."""
        predictor = None if self.served is None else self.served.replica.predictor
        return predictor.keeper.failure if isinstance(predictor, Guest) else None

    @property
    def held_bytes(self) -> int:
        """The memory that it holds now."""
        return self.size_bytes if self.is_awake else 0

    @property
    def may_sleep(self) -> bool:
        """Was it awake as long as its loading took? So loading takes half of the time at most."""
        stay = min(self.load_seconds, LONGEST_STAY_SECONDS)
        return self.is_awake and monotonic() - self.woken >= stay

    def takes(self, opening: Opening) -> bool:
        """Is what this attempt makes still wanted, late as it may be?"""
        if self.opening is opening:
            return True
        is_late = self.hung is opening and self.opening is None and self.state is State.FAILED
        return is_late and opening.deployment.runs_like(self.wanted.deployment)

    def arrive(self, served: Served, size_bytes: int, load_seconds: float) -> None:
        """Its model is loaded."""
        self.served, self.size_bytes, self.load_seconds = served, size_bytes, load_seconds
        self.woken = monotonic()
        self.opening = self.tried = None

    def resident(self) -> Resident:
        """It as the choice of who sleeps sees it: what works now is in use now."""
        if self.served is None:
            return Resident(self.name, 0, 0)
        is_idle = self.served.batcher.idle.is_set()
        used_ns = self.served.replica.used_ns if is_idle else monotonic_ns()
        return Resident(self.name, self.held_bytes, used_ns)

    def observed(self) -> Observed:
        """What is to be said of it."""
        deployment = self.wanted.deployment
        return Observed(
            deployment.name, deployment.generation, self.state, self.message, self.wanted.loads
        )

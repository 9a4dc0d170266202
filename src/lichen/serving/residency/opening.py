"""One attempt to load a model, in a thread of its own, measured: nothing else waits for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from time import monotonic

from lichen.core.errors import Corrupt, LichenError, StorageFailed, WorkFailed
from lichen.serving.deployment import Deployment
from lichen.serving.guests.guest import Guest
from lichen.serving.residency.memory import give_memory_back, used_bytes
from lichen.serving.residency.workshop import Workshop
from lichen.serving.selector import Served

_UNEXPECTED = "loading failed unexpectedly; the data plane's log says how"
_NO_MEMORY = "there is not enough memory to load it: unload another, or give this machine more"
_DAMAGED = "a file of %s is damaged: restore it, or import the model again; the log names it"
_UNREADABLE = "the files of %s cannot be read; the data plane's log says why"
"""Callers are told no path."""
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Opening:
    """An attempt, queued or under way.

    Attributes:
        deployment: what is loaded.
        is_wake: whether a sleeping model is woken, rather than a new one brought in.
        size_bytes: what it will take at least; 0 when nobody knows.
        began: when the thread began, in seconds of the monotonic clock.
        is_shared: whether another was loaded meanwhile, whose memory may have been counted too.
    """

    deployment: Deployment
    is_wake: bool = False
    size_bytes: int = 0
    began: float = 0.0
    is_shared: bool = False

    @property
    def name(self) -> str:
        """The deployment's."""
        return self.deployment.name


@dataclass(frozen=True, slots=True)
class Opened:
    """How an attempt ended: what answers or why nothing does, and what it takes and took."""

    outcome: Served | LichenError
    size_bytes: int
    seconds: float


def start(opening: Opening, workshop: Workshop, then: Callable[[Opened], None]) -> None:
    """Begin the attempt; `then` is called in its thread when it ends, which may be never."""
    opening.began = monotonic()
    work = Thread(
        target=lambda: then(_opened(opening, workshop)),
        name=f"loading {opening.name}",
        daemon=True,
    )
    work.start()


def _opened(opening: Opening, workshop: Workshop) -> Opened:
    """Freed memory is given back before and after, so that neither hides what the model takes."""
    give_memory_back()
    before = workshop.memory.used()
    outcome = _outcome(opening.deployment, workshop)
    give_memory_back()
    took_bytes = workshop.memory.used() - before + _apart_bytes(outcome)
    return Opened(outcome, max(took_bytes, opening.size_bytes), monotonic() - opening.began)


def _apart_bytes(outcome: Served | LichenError) -> int:
    """What the model takes in a process of its own, if it has one."""
    predictor = outcome.replica.predictor if isinstance(outcome, Served) else None
    pid = predictor.keeper.pid if isinstance(predictor, Guest) else None
    return 0 if pid is None else used_bytes(pid)


def _outcome(deployment: Deployment, workshop: Workshop) -> Served | LichenError:
    try:
        return workshop.open(deployment)
    except StorageFailed as error:
        _log.error("deployment %s does not load: %s", deployment.name, error)
        is_damaged = isinstance(error, Corrupt)
        return StorageFailed((_DAMAGED if is_damaged else _UNREADABLE) % deployment.reference)
    except LichenError as error:
        return type(error)(str(error))  # the traceback would keep what was half loaded
    except MemoryError:
        return WorkFailed(_NO_MEMORY)
    except Exception:  # noqa: BLE001 - a foreign model may raise anything while it loads
        _log.exception("deployment %s does not load", deployment.name)
        return WorkFailed(_UNEXPECTED)

"""Serve what the store says is deployed: load, swap, unload, and say what was done."""

import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import msgspec

from lichen.core.errors import LichenError
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.serving.batcher import Batcher
from lichen.serving.charging import Metering
from lichen.serving.deployment import DEPLOYMENTS, OBSERVED, Deployment, Observed, State
from lichen.serving.loader import give_memory_back
from lichen.serving.replica import Replica
from lichen.serving.selector import Selector, Served
from lichen.store.documents import Change, DocumentStore

_SWAP_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Loads(Protocol):
    """Makes a predictor for a deployment."""

    def load(self, deployment: Deployment) -> Predictor:
        """Load it, or raise an error of ours that says why not."""
        ...


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Most rows of one batch, and most requests that wait for one deployment."""

    rows: int = 256
    waiting: int = 4096


@dataclass(frozen=True, slots=True)
class Workshop:
    """What it takes to bring a deployment into service."""

    loader: Loads
    metering: Metering
    loop: AbstractEventLoop
    limits: BatchLimits = BatchLimits()

    def open(self, deployment: Deployment) -> Served:
        """Load and warm a deployment.

        Raises:
            LichenError: it cannot be served; the message says why.
        """
        replica = Replica(self.loader.load(deployment), Stopwatch.of_thread())
        replica.warm()
        batcher = Batcher(
            replica,
            self.metering.bill(deployment),
            self.metering,
            self.loop,
            (self.limits.rows, self.limits.waiting),
        )
        return Served(deployment, replica, batcher)


class Watcher:
    """Follows the collection `deployments`. Its methods are for one thread, not the loop's."""

    def __init__(self, documents: DocumentStore, selector: Selector, workshop: Workshop) -> None:
        self._documents = documents
        self._selector = selector
        self._workshop = workshop
        self._seen = -1
        self._observed: dict[str, Observed] = {}

    def poll(self) -> bool:
        """Bring what is served in line with what is deployed, if anything changed.

        Returns:
            Whether anything in the store changed since the last time.

        Raises:
            StorageFailed: the store cannot be read; what is served stays as it is.
        """
        revision = self._documents.revision()
        if revision == self._seen:
            return False
        desired = self._desired()
        if self._seen < 0:
            self._forget_others(desired)
        for name in [name for name in self._observed if name not in desired]:
            self._drop(name)
        for deployment in desired.values():
            self._serve(deployment)
        self._seen = revision
        return True

    def _desired(self) -> dict[str, Deployment]:
        desired: dict[str, Deployment] = {}
        after = ""
        while page := self._documents.scan(DEPLOYMENTS, after):
            for document in page:
                desired[document.key] = msgspec.json.decode(document.body, type=Deployment)
            after = page[-1].key
        return desired

    def _serve(self, deployment: Deployment) -> None:
        known = self._observed.get(deployment.name)
        if known is not None and known.generation == deployment.generation:
            return
        present = self._selector.served().get(deployment.name)
        if present is not None and _runs_the_same(present.deployment, deployment):
            self._swap(deployment.name, Served(deployment, present.replica, present.batcher))
            self._say(deployment, State.READY)
            return
        self._say(deployment, State.LOADING)
        try:
            opened = self._workshop.open(deployment)
        except LichenError as error:
            self._say(deployment, State.FAILED, _still(str(error), present))
        except Exception:  # noqa: BLE001 - a foreign model may raise anything while it loads
            _log.exception("deployment %s does not load", deployment.name)
            failed = "loading failed unexpectedly; the data plane's log says how"
            self._say(deployment, State.FAILED, _still(failed, present))
        else:
            self._swap(deployment.name, opened)
            self._say(deployment, State.READY)

    def _drop(self, name: str) -> None:
        self._observed.pop(name, None)
        self._swap(name, None)
        self._documents.commit([Change(OBSERVED, name, None)])

    def _swap(self, name: str, served: Served | None) -> None:
        """Let new requests go to `served`; close the former one when its last answer is out."""
        former = self._selector.served().get(name)
        now = {key: one for key, one in self._selector.served().items() if key != name}
        if served is not None:
            now[name] = served
        self._replace(now)
        if former is None or (served is not None and served.batcher is former.batcher):
            return
        if former.batcher.idle.wait(_SWAP_SECONDS):
            former.batcher.close()
            former.replica.close()
        del former
        give_memory_back()

    def _replace(self, served: Mapping[str, Served]) -> None:
        waiting = {
            name: said.message or said.state.value
            for name, said in self._observed.items()
            if name not in served
        }
        self._on_loop(lambda: self._selector.replace(served, waiting))

    def _say(self, deployment: Deployment, state: State, message: str = "") -> None:
        observed = Observed(deployment.name, deployment.generation, state, message)
        self._observed[deployment.name] = observed
        self._replace(self._selector.served())
        self._documents.commit([Change(OBSERVED, deployment.name, msgspec.json.encode(observed))])

    def _forget_others(self, desired: Mapping[str, Deployment]) -> None:
        """Take back what a former data plane said about deployments that are gone."""
        left = [one.key for one in self._documents.scan(OBSERVED) if one.key not in desired]
        self._documents.commit([Change(OBSERVED, key, None) for key in left])

    def _on_loop(self, action: Callable[[], None]) -> None:
        done = Event()

        def act() -> None:
            action()
            done.set()

        self._workshop.loop.call_soon_threadsafe(act)
        done.wait(_SWAP_SECONDS)


def _runs_the_same(present: Deployment, wanted: Deployment) -> bool:
    """Do both run the same variant and charge the same account?"""
    return (present.reference, present.variant, present.tenant) == (
        wanted.reference,
        wanted.variant,
        wanted.tenant,
    )


def _still(message: str, present: Served | None) -> str:
    if present is None:
        return message
    return f"{message}; version {present.deployment.version} still answers"

"""Serve what the store says is deployed: load, swap, unload, and say what was done."""

import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

import msgspec

from lichen.core.errors import LichenError, StorageFailed
from lichen.core.events import NoObserver, Observer
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.serving.batcher import Batcher
from lichen.serving.charging import Metering
from lichen.serving.deployment import (
    ASIDE,
    DEPLOYMENTS,
    OBSERVED,
    Aside,
    Deployment,
    Observed,
    State,
)
from lichen.serving.loader import give_memory_back
from lichen.serving.replica import Replica
from lichen.serving.selector import Selector, Served, subject_of
from lichen.serving.widths import Widths
from lichen.store.documents import Change, DocumentStore

_SWAP_SECONDS = 30.0
_UNLOADED = "it was unloaded on request: load or deploy it again"
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
    observer: Observer = field(default_factory=NoObserver)

    def open(self, deployment: Deployment) -> Served:
        """Load and warm a deployment.

        Raises:
            LichenError: it cannot be served; the message says why.
        """
        replica = Replica(self.loader.load(deployment), Stopwatch.of_thread())
        replica.warm()
        replica.size_batches(self.limits.rows)
        batcher = Batcher(
            replica,
            self.metering.bill(deployment),
            self.metering,
            self.loop,
            (self.limits.rows, self.limits.waiting),
            (subject_of(deployment), self.observer),
        )
        return Served(deployment, replica, batcher)


class Watcher:
    """Follows the collection `deployments`. Its methods are for one thread, not the loop's."""

    def __init__(self, documents: DocumentStore, selector: Selector, workshop: Workshop) -> None:
        self._documents = documents
        self._selector = selector
        self._workshop = workshop
        self._widths = Widths(documents)
        self._seen = -1
        self._observed: dict[str, Observed] = {}
        self._unsaid: dict[str, Observed | None] = {}
        self._is_failing = False

    def poll(self) -> bool:
        """Bring what is served in line with what is deployed, if anything changed.

        Returns:
            Whether anything in the store changed since the last time.

        Raises:
            StorageFailed: the store cannot be read; what is served stays as it is.
        """
        self._write_unsaid()
        revision = self._documents.revision()
        if revision == self._seen:
            return False
        desired = self._desired()
        self._widths.read()
        if self._seen < 0:
            self._forget_others(desired)
        for name in [name for name in self._observed if name not in desired]:
            self._drop(name)
        aside = self._aside()
        for deployment in desired.values():
            if aside.get(deployment.name) == deployment.generation:
                self._set_aside(deployment)
            else:
                self._serve(deployment)
        for served in self._selector.served().values():
            self._widths.put_on(served.replica.predictor, served.deployment)
        self._seen = revision
        return True

    def _desired(self) -> dict[str, Deployment]:
        desired: dict[str, Deployment] = {}
        after = ""
        while page := self._documents.scan(DEPLOYMENTS, after):
            for document in page:
                try:
                    desired[document.key] = msgspec.json.decode(document.body, type=Deployment)
                except (msgspec.MsgspecError, LichenError):
                    _log.exception("the record of deployment %s cannot be read", document.key)
            after = page[-1].key
        return desired

    def _serve(self, deployment: Deployment) -> None:
        known = self._observed.get(deployment.name)
        is_settled = known is not None and known.state is not State.UNLOADED
        if known is not None and is_settled and known.generation == deployment.generation:
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
            self._widths.put_on(opened.replica.predictor, deployment)
            self._swap(deployment.name, opened)
            self._say(deployment, State.READY)

    def _aside(self) -> dict[str, int]:
        """Which generation of which deployment was unloaded on request."""
        found: dict[str, int] = {}
        after = ""
        while page := self._documents.scan(ASIDE, after):
            for document in page:
                found[document.key] = msgspec.json.decode(document.body, type=Aside).generation
            after = page[-1].key
        return found

    def _set_aside(self, deployment: Deployment) -> None:
        known = self._observed.get(deployment.name)
        is_aside = known is not None and known.state is State.UNLOADED
        if known is not None and is_aside and known.generation == deployment.generation:
            return
        self._observed[deployment.name] = Observed(
            deployment.name, deployment.generation, State.UNLOADED, _UNLOADED
        )
        self._swap(deployment.name, None)
        self._say(deployment, State.UNLOADED, _UNLOADED)

    def _drop(self, name: str) -> None:
        self._observed.pop(name, None)
        self._swap(name, None)
        self._unsaid[name] = None
        self._write_unsaid()

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
        self._unsaid[deployment.name] = observed
        self._write_unsaid()

    def _write_unsaid(self) -> None:
        """Write what was observed; a store that takes nothing must not keep models from serving."""
        if not self._unsaid:
            return
        changes = [
            Change(OBSERVED, name, None if said is None else msgspec.json.encode(said))
            for name, said in self._unsaid.items()
        ]
        try:
            self._documents.commit(changes)
        except StorageFailed as error:
            if not self._is_failing:
                _log.warning("what is served cannot be written down yet: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False
            self._unsaid.clear()

    def _forget_others(self, desired: Mapping[str, Deployment]) -> None:
        """Take back what a former data plane said about deployments that are gone."""
        left = [one.key for one in self._documents.scan(OBSERVED) if one.key not in desired]
        self._unsaid.update(dict.fromkeys(left))
        self._write_unsaid()

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

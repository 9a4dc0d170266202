"""What is deployed and whether it is loaded; unload and load it again, for every protocol.

A wish to unload stands in the store, where each process of the data plane finds it; it holds until
the deployment is loaded, or deployed anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from lichen.core.errors import NotFound, Unavailable
from lichen.serving.deployment import (
    ASIDE,
    DEPLOYMENTS,
    OBSERVED,
    Aside,
    Deployment,
    Observed,
    State,
)
from lichen.serving.selector import Selector
from lichen.store.documents import Change, DocumentStore


@dataclass(frozen=True, slots=True)
class Entry:
    """A deployment and how far this process is with it; `reason` says why it does not answer."""

    deployment: Deployment
    state: State
    reason: str = ""


class Repository:
    """The deployments that this data plane could serve. Its methods read the store."""

    def __init__(self, documents: DocumentStore, selector: Selector) -> None:
        self._documents = documents
        self._selector = selector

    def entries(self) -> Iterator[Entry]:
        """All that is deployed, by name.

        Raises:
            StorageFailed: the store cannot be read.
        """
        after = ""
        while page := self._documents.scan(DEPLOYMENTS, after):
            for document in page:
                yield self._entry(msgspec.json.decode(document.body, type=Deployment))
            after = page[-1].key

    def find(self, name: str) -> Entry:
        """One deployment.

        Raises:
            NotFound: nothing of that name is deployed.
            StorageFailed: the store cannot be read.
        """
        document = self._documents.get(DEPLOYMENTS, name)
        if document is None:
            raise NotFound(f"no deployment is called {name!r}: `lichen deploy` makes one")
        return self._entry(msgspec.json.decode(document.body, type=Deployment))

    def set_aside(self, deployment: Deployment) -> None:
        """Let no process serve this generation of a deployment; what runs already is answered.

        Raises:
            StorageFailed: the wish cannot be written down.
        """
        aside = msgspec.json.encode(Aside(deployment.name, deployment.generation))
        self._documents.commit([Change(ASIDE, deployment.name, aside)])

    def take_up(self, name: str) -> None:
        """Let a deployment be served again; one that is served already stays as it is.

        Raises:
            StorageFailed: the wish cannot be written down.
        """
        if self._documents.get(ASIDE, name) is not None:
            self._documents.commit([Change(ASIDE, name, None)])

    def is_loaded(self, deployment: Deployment) -> bool:
        """Does this process serve that generation, or a newer one?

        Raises:
            Unavailable: it does not load; the message says why.
        """
        entry = self.find(deployment.name)
        if entry.state is State.FAILED:
            raise Unavailable(f"deployment {deployment.name!r} does not load: {entry.reason}")
        return entry.state is State.READY

    def is_out(self, deployment: Deployment) -> bool:
        """Is that generation out of service, and its memory given back?"""
        return self.find(deployment.name).state is State.UNLOADED

    def _entry(self, deployment: Deployment) -> Entry:
        served = self._selector.served().get(deployment.name)
        if served is not None and served.deployment.generation >= deployment.generation:
            return Entry(deployment, State.READY)
        document = self._documents.get(OBSERVED, deployment.name)
        if document is None:
            return Entry(deployment, State.LOADING)
        said = msgspec.json.decode(document.body, type=Observed)
        if said.generation != deployment.generation or said.state is State.READY:
            return Entry(deployment, State.LOADING)
        return Entry(deployment, said.state, said.message)

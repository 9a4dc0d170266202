"""What is deployed and whether it is loaded; unload and load it again, for every protocol.

A wish to unload or load stands in the store, where each process of the data plane finds it. A wish
to unload holds until the deployment is loaded, or deployed anew; a wish to load is a reason to try
again what failed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from lichen.core.errors import Conflict, NotFound, Unavailable
from lichen.serving.deployment import (
    ASIDE,
    DEPLOYMENTS,
    OBSERVED,
    Aside,
    Deployment,
    Observed,
    State,
)
from lichen.serving.residency.desired import read_wanted
from lichen.serving.selector import Selector
from lichen.store.documents import Change, DocumentStore


@dataclass(frozen=True, slots=True)
class Entry:
    """A deployment and how far the data plane is with it; `reason` says why it does not answer."""

    deployment: Deployment
    state: State
    reason: str = ""


class Repository:
    """The deployments that this data plane could serve. Its methods read the store."""

    def __init__(
        self, documents: DocumentStore, selector: Selector, *, is_alone: bool = True
    ) -> None:
        """Read from these; `is_alone`: no sibling process serves the same deployments."""
        self._documents = documents
        self._selector = selector
        self._is_alone = is_alone

    def entries(self) -> Iterator[Entry]:
        """All that is deployed, by name; a record that cannot be read hides no other.

        Raises:
            StorageFailed: the store cannot be read.
        """
        for wanted in read_wanted(self._documents).values():
            yield self._entry(wanted.deployment)

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
        self._ask(deployment, is_out=True, again=0)

    def take_up(self, deployment: Deployment) -> None:
        """Let a deployment be served again, or tried again; one that is served stays as it is.

        Raises:
            StorageFailed: the wish cannot be written down.
        """
        state = self._entry(deployment).state
        if state in (State.FAILED, State.UNLOADED) or self._asked(deployment.name).is_out:
            self._ask(deployment, is_out=False, again=1)

    def is_loaded(self, deployment: Deployment) -> bool:
        """Does every process serve that generation, or a newer one?

        Raises:
            Unavailable: it does not load; the message says why.
        """
        entry = self.find(deployment.name)
        if entry.state is State.FAILED:
            raise Unavailable(f"deployment {deployment.name!r} does not load: {entry.reason}")
        return entry.state is State.READY

    def is_out(self, deployment: Deployment) -> bool:
        """Is that generation out of service, and its memory given back?

        Raises:
            Conflict: it was deployed anew since, or loaded again.
        """
        entry = self.find(deployment.name)
        is_other = entry.deployment.generation != deployment.generation
        if is_other or not self._asked(deployment.name).is_out:
            raise Conflict(
                f"deployment {deployment.name!r} was deployed anew, or loaded, while it was being "
                "unloaded: unload it again"
            )
        return entry.state is State.UNLOADED

    def _asked(self, name: str) -> Aside:
        document = self._documents.get(ASIDE, name)
        if document is None:
            return Aside(name, 0, is_out=False)
        return msgspec.json.decode(document.body, type=Aside)

    def _ask(self, deployment: Deployment, *, is_out: bool, again: int) -> None:
        name = deployment.name
        loads = self._asked(name).loads + again
        wish = Aside(name, deployment.generation, is_out, loads)
        self._documents.commit([Change(ASIDE, name, msgspec.json.encode(wish))])

    def _entry(self, deployment: Deployment) -> Entry:
        served = self._selector.served().get(deployment.name)
        is_served = served is not None and served.deployment.generation >= deployment.generation
        if is_served and self._is_alone:
            return Entry(deployment, State.READY)
        document = self._documents.get(OBSERVED, deployment.name)
        if document is None:
            return Entry(deployment, State.LOADING)
        said = msgspec.json.decode(document.body, type=Observed)
        is_of_another = said.generation != deployment.generation
        if is_of_another or (said.state is State.READY and not is_served):
            return Entry(deployment, State.LOADING)
        if said.state is not State.READY and said.loads != self._asked(deployment.name).loads:
            return Entry(deployment, State.LOADING)  # it was asked for again since
        return Entry(deployment, said.state, said.message)

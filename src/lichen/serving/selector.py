"""Which loaded replica answers: by deployment, by `NAME@V`, or by deployment and version."""

from collections.abc import Mapping
from threading import Event
from typing import Protocol

from lichen.core.errors import NotFound, Unavailable
from lichen.core.events import Subject
from lichen.core.tensors import Signature
from lichen.protocol.codec import answer_head
from lichen.serving.admission import Admission
from lichen.serving.deployment import Deployment
from lichen.serving.replica import Replica
from lichen.serving.ticket import Ticket


class Queue(Protocol):
    """Where the requests of one deployment go. For the event loop's thread."""

    idle: Event
    """Set while nothing waits and nothing runs."""

    wait_seconds: float
    """How long a request waits for company before an idle replica."""

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        ...

    def submit(self, ticket: Ticket, timeout_us: int | None = None) -> None:
        """Take a request; its reply is called later, on the loop.

        Raises:
            Unavailable: too many wait already.
        """
        ...

    def close(self) -> None:
        """Let go of what is held, once `idle` is set."""
        ...


class Served:
    """A deployment that answers. While it sleeps, its batcher is a queue that wakes it."""

    def __init__(self, deployment: Deployment, replica: Replica, batcher: Queue) -> None:
        self.deployment = deployment
        self.replica = replica
        self.batcher = batcher
        self.signature: Signature = replica.predictor.signature
        self.admission = Admission(self.signature)
        self.subject = subject_of(deployment)
        batcher.wait_seconds = deployment.level.batch_wait_ms / 1_000
        self.head = answer_head(deployment.name, str(deployment.version))


def subject_of(deployment: Deployment) -> Subject:
    """What observers call it."""
    return Subject(deployment.name, deployment.model, deployment.version, deployment.variant)


class Selector:
    """What is served now, found by every name that a caller may use."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._by_name: dict[tuple[str, str | None], Served] = {}
        self._waiting: Mapping[str, str] = {}
        self._has_looked = False

    def choose(self, name: str, version: str | None = None) -> Served:
        """The one that answers this request.

        Raises:
            NotFound: nothing of that name, or that version, is deployed.
            Unavailable: it is deployed and not ready, or nobody knows yet what is deployed.
        """
        served = self._by_name.get((name, version))
        if served is not None:
            return served
        reason = self._waiting.get(name) or self._waiting.get(f"{name}@{version}")
        if reason is not None:
            raise Unavailable(f"deployment {name!r} is not ready: {reason}")
        if not self._has_looked:
            raise Unavailable(
                f"the data plane has just started and is still loading, perhaps {name!r} as well: "
                "try again in a moment"
            )
        if version is not None and (name, None) in self._by_name:
            deployed = self._by_name[name, None].deployment.version
            raise NotFound(f"{name!r} is deployed at version {deployed}, not at {version!r}")
        raise NotFound(f"no deployment is called {name!r}: `lichen deploy` makes one")

    def end_first_look(self) -> None:
        """All that is deployed has been looked at: what is not found from now on is not there."""
        self._has_looked = True

    def served(self) -> Mapping[str, Served]:
        """What is served now, by deployment."""
        return self._served

    def replace(self, served: Mapping[str, Served], waiting: Mapping[str, str]) -> None:
        """Serve this from now on; `waiting` says, by name or `NAME@V`, why others do not answer."""
        by_name: dict[tuple[str, str | None], Served] = {}
        for one in served.values():  # a deployment's own name wins over a model's
            deployed = one.deployment
            by_name.setdefault((deployed.reference, None), one)
            by_name.setdefault((deployed.model, str(deployed.version)), one)
        for name, one in served.items():
            by_name[name, None] = by_name[name, str(one.deployment.version)] = one
        self._served, self._by_name, self._waiting = dict(served), by_name, dict(waiting)

"""Which loaded replica answers: by deployment, by `NAME@V`, or by deployment and version."""

from collections.abc import Mapping

from lichen.core.errors import NotFound, Unavailable
from lichen.core.events import Subject
from lichen.core.tensors import Signature
from lichen.protocol.codec import answer_head
from lichen.serving.admission import Admission
from lichen.serving.batcher import Batcher
from lichen.serving.deployment import Deployment
from lichen.serving.replica import Replica


class Served:
    """A deployment that answers."""

    def __init__(self, deployment: Deployment, replica: Replica, batcher: Batcher) -> None:
        self.deployment = deployment
        self.replica = replica
        self.batcher = batcher
        self.signature: Signature = replica.predictor.signature
        self.admission = Admission(self.signature)
        self.subject = subject_of(deployment)
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
        if name in self._waiting:
            raise Unavailable(f"deployment {name!r} is not ready: {self._waiting[name]}")
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
        """Serve this from now on; `waiting` says why the others are not ready."""
        by_name: dict[tuple[str, str | None], Served] = {}
        for one in served.values():  # a deployment's own name wins over a model's
            deployed = one.deployment
            by_name.setdefault((deployed.reference, None), one)
            by_name.setdefault((deployed.model, str(deployed.version)), one)
        for name, one in served.items():
            by_name[name, None] = by_name[name, str(one.deployment.version)] = one
        self._served, self._by_name, self._waiting = dict(served), by_name, dict(waiting)

"""Deployments: what should be served (desired), and what the data plane says of it (observed)."""

from dataclasses import dataclass, replace

import msgspec

from lichen.control.standins import check_is_another, checked_cheaper
from lichen.core.errors import Conflict, NotFound
from lichen.core.ids import ModelReference, TenantId, checked_name
from lichen.frameworks.devices import check_device
from lichen.registry.catalog import Catalog
from lichen.serving.deployment import (
    ASIDE,
    DEPLOYMENTS,
    OBSERVED,
    Cheaper,
    Deployment,
    Observed,
    Placement,
    ServiceLevel,
)
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

PENDING = "pending"
PLACEMENT = Placement()


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment as desired and as observed."""

    desired: Deployment
    state: str
    message: str


def standing(desired: Deployment, observed: Observed | None) -> Standing:
    """How far the data plane is with what is desired; pure.

    An observation of another generation says nothing about this one.
    """
    if observed is None or observed.generation != desired.generation:
        return Standing(desired, PENDING, "the data plane has not taken it up yet")
    return Standing(desired, observed.state.value, observed.message)


class Deployments:
    """The one way to change what is served; the data plane reads the same documents."""

    def __init__(self, documents: DocumentStore, catalog: Catalog) -> None:
        self._documents = documents
        self._catalog = catalog

    def deploy(
        self,
        name: str,
        reference: ModelReference,
        tenant: TenantId,
        level: ServiceLevel,
        placement: Placement = PLACEMENT,
        cheaper: Cheaper | None = None,
    ) -> Standing:
        """Let a name serve a version; asking for what is desired already changes nothing.

        `cheaper` names the deployment that answers while a budget degrades, with its quality
        where somebody states it.

        Raises:
            InvalidInput: the name or the number of threads is not usable, or the device not there,
                or the cheaper deployment cannot stand in.
            NotFound: there is no such model, alias, version or cheaper deployment.
        """
        checked_name(name, "deployment")
        check_device(placement.device)
        manifest = self._catalog.resolve(reference)
        wanted = Deployment(
            name=name,
            model=manifest.model,
            version=manifest.version,
            tenant=tenant,
            level=level,
            threads=placement.threads,
            device=placement.device,
        )
        if cheaper is not None:
            check_is_another(name, cheaper)
            other = self._found(cheaper.deployment)[0]
            found = checked_cheaper(self._catalog, wanted, other, cheaper.quality)
            wanted = replace(wanted, cheaper=found)
        while True:
            now, seen = self._read(name)
            if now is not None and replace(now, generation=wanted.generation) == wanted:
                return self._standing(now)
            generation = 1 if now is None else now.generation + 1
            new = replace(wanted, generation=max(generation, self._last_observed(name) + 1))
            try:
                self._documents.commit([Change(DEPLOYMENTS, name, msgspec.json.encode(new), seen)])
            except Conflict:
                continue
            return self._standing(new)

    def undeploy(self, name: str) -> None:
        """Stop serving a name.

        Raises:
            NotFound: there is no such deployment.
        """
        while True:
            seen = self._found(name)[1]
            try:
                gone = [Change(DEPLOYMENTS, name, None, seen), Change(ASIDE, name, None)]
                self._documents.commit(gone)
            except Conflict:
                continue
            return

    def get(self, name: str) -> Standing:
        """One deployment.

        Raises:
            NotFound: there is none of that name.
        """
        return self._standing(self._found(name)[0])

    def page(self, after: str, limit: int) -> list[Standing]:
        """Up to `limit` deployments by name, those after `after`."""
        found = self._documents.scan(DEPLOYMENTS, after, limit)
        return [
            self._standing(msgspec.json.decode(document.body, type=Deployment))
            for document in found
        ]

    def _found(self, name: str) -> tuple[Deployment, int]:
        deployment, seen = self._read(name)
        if deployment is None:
            raise NotFound(
                f"there is no deployment {name!r}: `lichen deploy NAME@V` makes one, and "
                "GET /api/v1/deployments lists those there are"
            )
        return deployment, seen

    def _read(self, name: str) -> tuple[Deployment | None, int]:
        document = self._documents.get(DEPLOYMENTS, name)
        if document is None:
            return None, MUST_NOT_EXIST
        return msgspec.json.decode(document.body, type=Deployment), document.version

    def _standing(self, desired: Deployment) -> Standing:
        return standing(desired, self._observed(desired.name))

    def _observed(self, name: str) -> Observed | None:
        document = self._documents.get(OBSERVED, name)
        return None if document is None else msgspec.json.decode(document.body, type=Observed)

    def _last_observed(self, name: str) -> int:
        """So that a deployment made anew is never taken for the one that was removed."""
        observed = self._observed(name)
        return 0 if observed is None else observed.generation

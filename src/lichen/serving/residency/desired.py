"""What the store wants of this data plane: each deployment, and what was asked of it since."""

import logging
from dataclasses import dataclass

import msgspec

from lichen.core.errors import LichenError
from lichen.serving.deployment import ASIDE, DEPLOYMENTS, Aside, Deployment
from lichen.store.documents import DocumentStore, scan_all

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A deployment, whether it is to stay out of service, and how often its loading was asked."""

    deployment: Deployment
    is_out: bool = False
    loads: int = 0


def read_wanted(documents: DocumentStore) -> dict[str, Wanted]:
    """All that is deployed, by name; a record that cannot be read hides no other.

    A wish to unload speaks of one generation: a deployment that was made anew is served.

    Raises:
        StorageFailed: the store cannot be read.
    """
    asides = _asides(documents)
    found: dict[str, Wanted] = {}
    for document in scan_all(documents, DEPLOYMENTS):
        try:
            deployment = msgspec.json.decode(document.body, type=Deployment)
        except (msgspec.MsgspecError, LichenError):
            _log.exception("the record of deployment %s cannot be read", document.key)
            continue
        found[document.key] = _wanted(deployment, asides.get(document.key))
    return found


def _wanted(deployment: Deployment, aside: Aside | None) -> Wanted:
    if aside is None:
        return Wanted(deployment)
    is_out = aside.is_out and aside.generation == deployment.generation
    return Wanted(deployment, is_out, aside.loads)


def _asides(documents: DocumentStore) -> dict[str, Aside]:
    found: dict[str, Aside] = {}
    for document in scan_all(documents, ASIDE):
        try:
            found[document.key] = msgspec.json.decode(document.body, type=Aside)
        except msgspec.MsgspecError:
            _log.exception("what was asked of deployment %s cannot be read", document.key)
    return found

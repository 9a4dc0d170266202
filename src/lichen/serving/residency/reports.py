"""Say in the store what this data plane did about each deployment; keep what cannot be written."""

import logging
from collections.abc import Iterable
from threading import Lock

import msgspec

from lichen.core.errors import StorageFailed
from lichen.serving.deployment import OBSERVED, Observed
from lichen.store.documents import Change, DocumentStore

_log = logging.getLogger(__name__)


class Reports:
    """What is to be said of each deployment. Safe from any thread."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._unsaid: dict[str, Observed | None] = {}
        self._is_failing = False
        self._lock = Lock()

    def say(self, observed: Observed) -> None:
        """Write down what was done about a deployment, now or as soon as the store takes it."""
        with self._lock:
            self._unsaid[observed.name] = observed
            self._write()

    def take_back(self, names: Iterable[str]) -> None:
        """Say nothing of these any more: they are gone."""
        with self._lock:
            self._unsaid.update(dict.fromkeys(names))
            self._write()

    def write(self) -> None:
        """Try again to write what could not be written."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        """A store that takes nothing must not keep models from serving."""
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

"""Several processes of the data plane: each says what it did, and read together they are one.

Each writes what it observed into a collection of its own, so that none waits for another and one
that was killed takes back only its own word. No NumPy: control reads it.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from lichen.serving.deployment import OBSERVED, Observed, State
from lichen.store.documents import SCAN_LIMIT, Change, Document, DocumentStore

_EVERYWHERE = (State.READY, State.UNLOADED)
"""States that hold when they hold in every process."""


def joined(said: Sequence[Observed | None]) -> Observed | None:
    """What the processes' observations of one deployment amount to; None when there is none. Pure.

    The newest generation counts, and the last wish to load it. One that failed has failed; it is
    ready or unloaded when it is so in every process; otherwise they are still at it.
    """
    newest = max((one.generation for one in said if one is not None), default=0)
    there = [one for one in said if one is not None and one.generation == newest]
    if not there:
        return None
    loads = max(one.loads for one in there)  # who serves it has no need to load it once more
    there = [one for one in there if one.loads == loads or one.state is State.READY]
    for one in there:
        if one.state is State.FAILED:
            return one
    state = there[0].state
    if len(there) == len(said) and state in _EVERYWHERE and {one.state for one in there} == {state}:
        return replace(there[0], loads=loads)
    ready = sum(one.state is State.READY for one in there)
    message = f"{ready} of {len(said)} processes serve it"
    return Observed(there[0].name, newest, State.LOADING, message, loads)


class SiblingDocuments:
    """The store as process `slot` of `processes` sees it.

    What it writes to the collection `observed`, and scans there, is its own; what it gets from
    there is what all say together. Every other collection is as it is.
    """

    def __init__(self, documents: DocumentStore, processes: int, slot: int = 0) -> None:
        self._documents = documents
        self._collections = [_collection(one) for one in range(processes)]
        self._own = _collection(slot)

    def get(self, collection: str, key: str) -> Document | None:
        """The newest state of one document, None when there is none."""
        if collection != OBSERVED:
            return self._documents.get(collection, key)
        found = [self._documents.get(one, key) for one in self._collections]
        together = joined(
            [None if one is None else msgspec.json.decode(one.body, type=Observed) for one in found]
        )
        if together is None:
            return None
        version = max(one.version for one in found if one is not None)
        return Document(collection, key, version, msgspec.json.encode(together))

    def scan(
        self, collection: str, after: str = "", limit: int = SCAN_LIMIT, *, prefix: str = ""
    ) -> list[Document]:
        """Up to `limit` documents in key order, keys after `after` that start with `prefix`."""
        wanted = self._own if collection == OBSERVED else collection
        return self._documents.scan(wanted, after, limit, prefix=prefix)

    def versions(self, collection: str) -> dict[str, int]:
        """The version of each document; of what is observed, of its own."""
        return self._documents.versions(self._own if collection == OBSERVED else collection)

    def commit(self, changes: Sequence[Change]) -> int:
        """Apply every change or none; see `DocumentStore.commit`.

        Raises:
            Conflict: a document was not in the state that its change expects.
            StorageFailed: the disk is full, read-only or broken.
        """
        return self._documents.commit(
            [
                Change(self._own, one.key, one.body, one.expect)
                if one.collection == OBSERVED
                else one
                for one in changes
            ]
        )

    def revision(self) -> int:
        """Grows with every commit by any process; cheap enough to poll."""
        return self._documents.revision()

    def close(self) -> None:
        """Release what is held."""
        self._documents.close()


def among_siblings(documents: DocumentStore, processes: int, slot: int = 0) -> DocumentStore:
    """The store as one of so many processes sees it; as it is when there is only one."""
    return documents if processes == 1 else SiblingDocuments(documents, processes, slot)


def _collection(slot: int) -> str:
    return f"{OBSERVED}/{slot}" if slot else OBSERVED

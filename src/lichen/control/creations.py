"""Creating a named record once, however often its sender repeats the request."""

from collections.abc import Callable

import msgspec

from lichen.control.submissions import (
    IDEMPOTENCY,
    Remembered,
    Sender,
    mark_of,
    remembered_key,
)
from lichen.core.clock import Clock
from lichen.core.errors import Conflict
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore


def _anything() -> None:
    """Whatever is new may be created."""


class Creations:
    """Creates documents of one collection."""

    def __init__(self, documents: DocumentStore, clock: Clock, collection: str) -> None:
        self._documents = documents
        self._clock = clock
        self._collection = collection

    def create(
        self,
        sender: Sender,
        name: str,
        body: bytes,
        request: bytes,
        check: Callable[[], None] = _anything,
    ) -> bool:
        """Keep a document of a name that is new; False where this request did so before.

        Args:
            sender: who asks.
            name: the document's key.
            body: what it holds.
            request: what must be equal in a repetition.
            check: raises what forbids a new one; not asked about a repetition.

        Raises:
            Conflict: there is one of this name.
            InvalidInput: the Idempotency-Key was used for another request, or is not usable.
        """
        remembered = self._remembered(sender, name, request)
        if self._is_repeated(remembered):
            return False
        check()
        added = Change(self._collection, name, body, MUST_NOT_EXIST)
        try:
            self._documents.commit([added, *remembered])
        except Conflict:
            if self._is_repeated(remembered):  # the same request came twice at once
                return False
            raise
        return True

    def _remembered(self, sender: Sender, name: str, request: bytes) -> list[Change]:
        if sender.idempotency_key is None:
            return []
        key = remembered_key(sender, sender.idempotency_key)
        mark = mark_of(self._collection, request)
        noted = Remembered(f"{self._collection}/{name}", mark, self._clock.now())
        return [Change(IDEMPOTENCY, key, msgspec.json.encode(noted), MUST_NOT_EXIST)]

    def _is_repeated(self, remembered: list[Change]) -> bool:
        for change in remembered:
            document = self._documents.get(IDEMPOTENCY, change.key)
            if document is None or change.body is None:
                return False
            before = msgspec.json.decode(document.body, type=Remembered)
            before.check(msgspec.json.decode(change.body, type=Remembered).fingerprint)
        return bool(remembered)

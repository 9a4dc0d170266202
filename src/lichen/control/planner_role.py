"""Who plans: one planner a store, by a lease with a fence; a stale one can write nothing.

The document `planner/role` says who holds the role until when. Whoever writes the plan renews the
role in the same commit, expecting the version that it wrote last: if another took the role over in
between, that commit fails as a whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from lichen.control.intentions import PLANNER, ROLE
from lichen.core.clock import Clock
from lichen.core.errors import Conflict
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

LEASE = timedelta(seconds=90)
RENEW_BEFORE = timedelta(seconds=60)
"""A role that is held for less than this is renewed."""


@dataclass(frozen=True, slots=True)
class Role:
    """Who plans until when; the fence grows with each new holder."""

    holder: str
    until: datetime
    fence: int


class PlannerRole:
    """The role as one who wants it sees it."""

    def __init__(self, documents: DocumentStore, clock: Clock, holder: str) -> None:
        """`holder` is a name that no other living process has; an earlier life had it too."""
        self._documents = documents
        self._clock = clock
        self._holder = holder
        self._held: Role | None = None
        self._version = MUST_NOT_EXIST

    @property
    def fence(self) -> int:
        """Under which it writes; 0 while it does not hold the role."""
        return self._held.fence if self._held is not None else 0

    @property
    def is_due(self) -> bool:
        """Whether the role is not held for long any more."""
        return self._held is None or self._held.until - self._clock.now() < RENEW_BEFORE

    def take(self) -> bool:
        """Take the role if nobody else holds it; whether it is held now.

        Raises:
            StorageFailed: the store cannot be read or written.
        """
        if self._held is not None:
            return True
        document = self._documents.get(PLANNER, ROLE)
        found = None if document is None else msgspec.json.decode(document.body, type=Role)
        if found is not None and self._is_anothers(found):
            return False
        version = MUST_NOT_EXIST if document is None else document.version
        fence = 1 if found is None else found.fence + 1
        return self._commit(fence, version, lambda: ())

    def write(self, changes: Callable[[], Sequence[Change]]) -> bool:
        """Commit changes together with the renewal; False when another holds the role by now.

        Raises:
            StorageFailed: the store cannot be read or written.
        """
        if self._held is None:
            return False
        return self._commit(self._held.fence, self._version, changes)

    def give_up(self) -> None:
        """Let another have it at once.

        Raises:
            StorageFailed: the store cannot be written.
        """
        if self._held is None:
            return
        over = Role(self._holder, self._clock.now(), self._held.fence)
        try:
            self._documents.commit(
                [Change(PLANNER, ROLE, msgspec.json.encode(over), self._version)]
            )
        except Conflict:
            pass  # another has it already
        finally:
            self._held = None

    def _is_anothers(self, found: Role) -> bool:
        """A lease that ends later than any can was written before a clock jumped back."""
        left = found.until - self._clock.now()
        return found.holder != self._holder and timedelta(0) < left <= LEASE

    def _commit(self, fence: int, version: int, changes: Callable[[], Sequence[Change]]) -> bool:
        role = Role(self._holder, self._clock.now() + LEASE, fence)
        renewal = Change(PLANNER, ROLE, msgspec.json.encode(role), version)
        try:
            self._version = self._documents.commit([renewal, *changes()])
        except Conflict:
            self._held = None
            return False
        self._held = role
        return True

"""Recurring work, kept so that no crash loses any of it or submits a run twice."""

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Event

import msgspec

from lichen.control.creations import Creations
from lichen.control.recurrence import Recurrence
from lichen.control.submissions import Sender
from lichen.core.clock import Clock
from lichen.core.errors import Conflict, InvalidInput, NotFound
from lichen.core.ids import TenantId
from lichen.store.documents import Change, DocumentStore, scan_all

SCHEDULES = "schedules"
MOST_OF_A_TENANT = 200

Permission = Callable[[TenantId], None]
"""Passes when the caller may change recurring work of this tenant, and raises otherwise."""


def new_id() -> str:
    """A fresh id: recurring work that is made anew under an old name is another."""
    return f"sch-{secrets.token_hex(8)}"


class Recurrences:
    """The one way to change recurring work; `changed` is set whenever that happens here."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._creations = Creations(documents, clock, SCHEDULES)
        self.changed = Event()

    def now(self) -> datetime:
        """The time by which it is judged what is due."""
        return self._clock.now()

    def create(self, sender: Sender, record: Recurrence, request: bytes) -> Recurrence:
        """Keep recurring work whose name is new; a repetition of a request changes nothing.

        Args:
            sender: who asks.
            record: what is to be kept.
            request: what must be equal in a repetition.

        Raises:
            Conflict: there is some of this name.
            InvalidInput: the tenant has too much of it, the Idempotency-Key was used for another
                request, or is not usable.
        """
        body = msgspec.json.encode(record)
        try:
            is_new = self._creations.create(
                sender, record.name, body, request, lambda: self._check_number(record.tenant)
            )
        except Conflict:
            raise Conflict(
                f"there is a schedule {record.name!r} already: take another name, or remove it "
                f"with `lichen schedules rm {record.name}`"
            ) from None
        if not is_new:
            return self.get(record.name)
        self.changed.set()
        return record

    def pause(self, name: str, permit: Permission) -> Recurrence:
        """Let nothing be due; again and again is once.

        Raises:
            NotFound: there is none of this name.
            Forbidden: it is of a tenant whose work the caller may not change.
        """
        return self._change(name, permit, Recurrence.paused)

    def resume(self, name: str, permit: Permission) -> Recurrence:
        """Let it be due again, from now on; what was due in between is not made up for.

        Raises:
            NotFound: there is none of this name.
            Forbidden: it is of a tenant whose work the caller may not change.
        """
        return self._change(name, permit, lambda record: record.resumed(self._clock.now()))

    def remove(self, name: str, permit: Permission) -> None:
        """Forget it; jobs that it made already go on.

        Raises:
            NotFound: there is none of this name.
            Forbidden: it is of a tenant whose work the caller may not change.
        """
        while True:
            record, version = self.read(name)
            permit(TenantId(record.tenant))
            try:
                self._documents.commit([Change(SCHEDULES, name, None, version)])
            except Conflict:
                continue  # a run was due in between: judge anew
            self.changed.set()
            return

    def get(self, name: str) -> Recurrence:
        """One of them.

        Raises:
            NotFound: there is none of this name.
        """
        return self.read(name)[0]

    def read(self, name: str) -> tuple[Recurrence, int]:
        """One of them, and the version that a change of it expects.

        Raises:
            NotFound: there is none of this name.
        """
        document = self._documents.get(SCHEDULES, name)
        if document is None:
            raise NotFound(
                f"there is no schedule {name!r}: `lichen schedules ls` lists those there are"
            )
        return _decoded(document.body), document.version

    def all(self) -> Iterator[Recurrence]:
        """Every one, by name."""
        for document in scan_all(self._documents, SCHEDULES):
            yield _decoded(document.body)

    def page(self, after: str, limit: int) -> list[Recurrence]:
        """Up to `limit` of them by name, those after `after`."""
        return [_decoded(one.body) for one in self._documents.scan(SCHEDULES, after, limit)]

    def keep(self, record: Recurrence, version: int) -> None:
        """Keep what became of due moments.

        Raises:
            Conflict: it was changed or removed since it was read.
        """
        self._documents.commit([change_of(record, version)])

    def _change(
        self, name: str, permit: Permission, change: Callable[[Recurrence], Recurrence]
    ) -> Recurrence:
        while True:
            before, version = self.read(name)
            permit(TenantId(before.tenant))
            after = change(before)
            if after == before:
                return before
            try:
                self.keep(after, version)
            except Conflict:
                continue  # a run was due in between: judge anew
            self.changed.set()
            return after

    def _check_number(self, tenant: str) -> None:
        number = sum(1 for record in self.all() if record.tenant == tenant)
        if number >= MOST_OF_A_TENANT:
            raise InvalidInput(
                f"tenant {tenant} has {number} schedules already, which is the most: remove one "
                "with `lichen schedules rm NAME`"
            )


def change_of(record: Recurrence, version: int) -> Change:
    """What keeps a record, where it is still in the version in which it was read."""
    return Change(SCHEDULES, record.name, msgspec.json.encode(record), version)


def _decoded(body: bytes) -> Recurrence:
    return msgspec.json.decode(body, type=Recurrence)

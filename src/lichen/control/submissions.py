"""Accepting a job once, however often its sender repeats the request (`Idempotency-Key`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from lichen.control.jobs import Jobs
from lichen.control.transitions import JobRecord
from lichen.core.clock import Clock
from lichen.core.errors import Conflict, InvalidInput
from lichen.core.ids import Digest, digest_of
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.protocol.admin import JobKind, JsonObject
from lichen.protocol.scheduling import Schedule, ScheduleRequest
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

IDEMPOTENCY = "idempotency"
KEPT = timedelta(days=7)
"""How long a key is remembered."""
LONGEST_KEY = 255
_FORGET_EVERY_NS = 3600 * NANOSECONDS_PER_SECOND
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Sender:
    """Who asks, and the key under which a repetition is known; None asks anew each time."""

    tenant: str
    principal: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was made under a key, and the fingerprint that a repetition must have."""

    job_id: str
    fingerprint: Digest
    created_at: datetime

    def check(self, fingerprint: Digest) -> None:
        """Pass when this is the same request again.

        Raises:
            InvalidInput: the key was used for another request.
        """
        if self.fingerprint != fingerprint:
            raise InvalidInput(
                "this Idempotency-Key was used for another request: take a new key for a new one"
            )


@dataclass(frozen=True, slots=True)
class JobDraft:
    """A job that somebody asks for, before it is accepted."""

    kind: JobKind
    spec: JsonObject
    tenant: str
    schedule: ScheduleRequest | None = None


Extra = Callable[[JobRecord], Sequence[Change]]
"""What is committed together with a job."""


def _nothing_more(_job: JobRecord) -> Sequence[Change]:
    """The job alone."""
    return ()


def _unchecked(_kind: JobKind, _spec: JsonObject, _tenant: str) -> None:
    """Everything may be accepted."""


def _at_once(_draft: JobDraft) -> Schedule | None:
    """Every job runs at once."""
    return None


def _encoded(schedule: ScheduleRequest | None) -> bytes:
    return b"" if schedule is None else msgspec.json.encode(schedule)


class Submissions:
    """The door to `Jobs.submit`."""

    def __init__(
        self,
        documents: DocumentStore,
        jobs: Jobs,
        clock: Clock,
        check: Callable[[JobKind, JsonObject, str], None] = _unchecked,
        settle: Callable[[JobDraft], Schedule | None] = _at_once,
    ) -> None:
        """Wire it.

        Args:
            documents: where keys are remembered.
            jobs: where jobs go.
            clock: dates the keys.
            check: of kind, spec and tenant; passes what may be accepted anew, and raises otherwise.
            settle: when the job may run, None for at once; raises what cannot be, or has no room.
        """
        self._documents = documents
        self._jobs = jobs
        self._clock = clock
        self._check = check
        self._settle = settle
        self._forget_at_ns = clock.monotonic_ns()

    def submit(
        self,
        sender: Sender,
        kind: JobKind,
        spec: JsonObject,
        fingerprint: bytes = b"",
        schedule: ScheduleRequest | None = None,
    ) -> tuple[JobRecord, bool]:
        """The job, and whether it is new.

        A repetition is judged by what was sent: it gives the same job also when the deadline that
        it states is over by then.

        Args:
            sender: who asks.
            kind: what the job does.
            spec: what it does it to.
            fingerprint: what must be equal in a repetition; empty takes the spec.
            schedule: when it may run, as its sender says.

        Raises:
            InvalidInput: the key was used for another request, or is not usable; or the schedule
                cannot be.
            OverBudget: a budget refuses it.
            QueueFull: too many jobs wait already.
        """
        draft = JobDraft(kind, spec, sender.tenant, schedule)
        return self.accept(sender, draft, fingerprint and fingerprint + _encoded(schedule))

    def judged(self, draft: JobDraft) -> Schedule | None:
        """When a draft may run, if it were accepted now; None for at once.

        Raises:
            InvalidInput, QueueFull: it would not be.
        """
        return self._settle(draft)

    def accept(
        self, sender: Sender, draft: JobDraft, fingerprint: bytes = b"", also: Extra = _nothing_more
    ) -> tuple[JobRecord, bool]:
        """The same for a draft; `also` is committed with a new job, or neither is.

        The fingerprint alone must be equal in a repetition; empty takes the spec and the schedule.

        Raises:
            InvalidInput, OverBudget, QueueFull: as `submit` does.
            Conflict: what `also` expects does not hold.
        """
        if sender.idempotency_key is None:
            return self._accept(draft, also), True
        self._forget_in_time()
        key = remembered_key(sender, sender.idempotency_key)
        told = msgspec.json.encode(draft.spec) + _encoded(draft.schedule)
        mark = mark_of(draft.kind, fingerprint or told)

        def remember(job: JobRecord) -> Sequence[Change]:
            body = msgspec.json.encode(Remembered(job.id, mark, self._clock.now()))
            return [Change(IDEMPOTENCY, key, body, MUST_NOT_EXIST), *also(job)]

        earlier = self._earlier(key, mark)
        if earlier is not None:
            return earlier, False
        try:
            return self._accept(draft, remember), True
        except Conflict:
            earlier = self._earlier(key, mark)  # the same request came twice at once
            if earlier is None:
                raise
            return earlier, False

    def _accept(self, draft: JobDraft, extra: Extra) -> JobRecord:
        schedule = self._settle(draft)
        self._check(draft.kind, draft.spec, draft.tenant)
        return self._jobs.submit(draft.kind, draft.spec, draft.tenant, extra, schedule)

    def _forget_in_time(self) -> None:
        """A platform that runs for months keeps no more keys than one that is restarted."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._forget_at_ns:
            self._forget_at_ns = now_ns + _FORGET_EVERY_NS
            self.forget()

    def forget(self) -> int:
        """Drop keys that are older than `KEPT`; how many."""
        oldest = self._clock.now() - KEPT
        dropped = 0
        after = ""
        while page := self._documents.scan(IDEMPOTENCY, after, _PAGE):
            old = [
                Change(IDEMPOTENCY, document.key, None)
                for document in page
                if msgspec.json.decode(document.body, type=Remembered).created_at < oldest
            ]
            self._documents.commit(old)
            dropped += len(old)
            after = page[-1].key
        return dropped

    def _earlier(self, key: str, mark: Digest) -> JobRecord | None:
        document = self._documents.get(IDEMPOTENCY, key)
        if document is None:
            return None
        remembered = msgspec.json.decode(document.body, type=Remembered)
        remembered.check(mark)
        return self._jobs.get(remembered.job_id)


def mark_of(kind: str, content: bytes) -> Digest:
    """What is equal in a repetition of a request."""
    return digest_of(kind.encode() + b"\0" + content)


def remembered_key(sender: Sender, key: str) -> str:
    """Under which a request with this Idempotency-Key is remembered.

    Raises:
        InvalidInput: the key is empty or too long.
    """
    if not key or len(key) > LONGEST_KEY:
        raise InvalidInput(f"an Idempotency-Key has 1 to {LONGEST_KEY} characters, not {len(key)}")
    return digest_of(f"{sender.tenant}\0{sender.principal}\0{key}".encode())

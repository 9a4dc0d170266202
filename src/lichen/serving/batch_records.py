"""Batches as the processes share them: asked for at the data plane, made jobs by the control plane.

The data plane writes the wish, the control plane's keeper turns it into a job, and the job writes
what came of it together with its own end. No NumPy: control reads it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from lichen.core.clock import Clock
from lichen.core.durations import parse_duration
from lichen.core.errors import Conflict, InvalidInput, NotFound
from lichen.core.ids import Digest, TenantId, digest_of
from lichen.protocol.batches import (
    FINAL,
    MOST_KEY,
    MOST_METADATA,
    MOST_VALUE,
    BatchError,
    BatchRequest,
    RequestCounts,
    Status,
)
from lichen.serving.batch_files import FileRecord, key_of, new_id
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

BATCHES = "batches"
"""Document collection of `BatchRecord`, by `TENANT/ID`."""
OPEN_BATCHES = "batches-open"
"""Document collection of the keys of those that have not ended."""
BATCH_KEYS = "batches-idempotency"
"""Document collection of `Repeatable`, by tenant, principal and Idempotency-Key."""
NO_REQUESTS = RequestCounts()
LONGEST_KEY = 255
LONGEST_WINDOW = timedelta(days=30)
KEPT_KEYS = timedelta(days=7)
_ENDPOINT = re.compile(r"(?:/v2/models/(?P<oip>[^/@]+)/infer|/predict/(?P<plain>[^/@]+))")


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch of a tenant.

    `owner` is the tenant whose deployment it was when the batch was accepted; no other's answers.
    `window_s` counts from `created_at`; `counts` are as last committed; the moments say when it
    entered a status for the first time; `nj` and `ng` are what it cost, by its job's receipt.
    """

    id: str
    tenant: TenantId
    principal: str
    endpoint: str
    deployment: str
    input_file_id: str
    input_digest: Digest
    completion_window: str
    window_s: float
    created_at: datetime
    status: Status = "validating"
    job_id: str | None = None
    owner: TenantId | None = None
    metadata: dict[str, str] | None = None
    errors: tuple[BatchError, ...] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None
    counts: RequestCounts = NO_REQUESTS
    moments: dict[str, datetime] = field(default_factory=dict)
    nj: int | None = None
    ng: int | None = None

    @property
    def key(self) -> str:
        """Where it stands."""
        return key_of(self.tenant, self.id)

    @property
    def deadline(self) -> datetime:
        """By when it is to be done."""
        return self.created_at + timedelta(seconds=self.window_s)

    def entered(self, status: Status, now: datetime) -> "BatchRecord":
        """The same in another status, from now on."""
        return replace(self, status=status, moments={**self.moments, status: now})


@dataclass(frozen=True, slots=True)
class Repeatable:
    """What was made under an Idempotency-Key, and what a repetition must be equal to."""

    batch_id: str
    fingerprint: Digest
    created_at: datetime


def endpoint_of(url: str) -> str:
    """The deployment that an endpoint asks.

    Raises:
        InvalidInput: it is none that batches can ask.
    """
    found = _ENDPOINT.fullmatch(url)
    if found is None:
        raise InvalidInput(
            f"endpoint {url[:100]!r} takes no batches: give /v2/models/NAME/infer or /predict/NAME"
        )
    return found["oip"] or found["plain"]


def is_plain(endpoint: str) -> bool:
    """Whether requests to it are plain JSON, and not the Open Inference Protocol."""
    return endpoint.startswith("/predict/")


class Batches:
    """The batches of all tenants; each sees its own."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    def create(
        self,
        asker: tuple[TenantId, str],
        request: BatchRequest,
        file: FileRecord,
        idempotency_key: str | None = None,
        owner: TenantId | None = None,
    ) -> BatchRecord:
        """Accept a batch: durable once this returns.

        Args:
            asker: tenant and principal.
            request: what is asked.
            file: the requests.
            idempotency_key: under which a repetition gives the same batch.
            owner: the tenant whose the deployment is.

        Raises:
            InvalidInput: a field is not usable, or the key was used for another request.
        """
        window = _window(request.completion_window)
        _check_metadata(request.metadata)
        now, (tenant, principal) = self._clock.now(), asker
        record = BatchRecord(
            id=new_id("batch_", now),
            tenant=tenant,
            principal=principal,
            endpoint=request.endpoint,
            deployment=endpoint_of(request.endpoint),
            input_file_id=file.id,
            input_digest=file.digest,
            completion_window=request.completion_window,
            window_s=window.total_seconds(),
            created_at=now,
            owner=owner,
            metadata=request.metadata,
        )
        changes = [
            Change(BATCHES, record.key, msgspec.json.encode(record), MUST_NOT_EXIST),
            Change(OPEN_BATCHES, record.key, b"", MUST_NOT_EXIST),
        ]
        if idempotency_key is None:
            self._documents.commit(changes)
            return record
        return self._once(record, changes, idempotency_key, digest_of(msgspec.json.encode(request)))

    def _once(
        self, record: BatchRecord, changes: Sequence[Change], key: str, fingerprint: Digest
    ) -> BatchRecord:
        if not key or len(key) > LONGEST_KEY:
            raise InvalidInput(f"an Idempotency-Key has 1 to {LONGEST_KEY} characters")
        place = digest_of(f"{record.tenant}\0{record.principal}\0{key}".encode())
        body = msgspec.json.encode(Repeatable(record.id, fingerprint, record.created_at))
        try:
            remembered = Change(BATCH_KEYS, place, body, MUST_NOT_EXIST)
            self._documents.commit([*changes, remembered])
        except Conflict:
            document = self._documents.get(BATCH_KEYS, place)
            if document is None:
                raise
            earlier = msgspec.json.decode(document.body, type=Repeatable)
            if earlier.fingerprint != fingerprint:
                raise InvalidInput(
                    "this Idempotency-Key was used for another request: take a new one"
                ) from None
            return self.get(record.tenant, earlier.batch_id)
        return record

    def get(self, tenant: TenantId, batch_id: str) -> BatchRecord:
        """One batch.

        Raises:
            NotFound: the tenant has none of this id.
        """
        return self.read(key_of(tenant, batch_id))[0]

    def page(self, tenant: TenantId, after: str, limit: int) -> list[BatchRecord]:
        """Up to `limit` batches, the newest first, older than the id `after`."""
        prefix = key_of(tenant, "")
        start = prefix + after if after else ""
        found = self._documents.scan(BATCHES, start, limit, prefix=prefix)
        return [msgspec.json.decode(one.body, type=BatchRecord) for one in found]

    def read(self, key: str) -> tuple[BatchRecord, int]:
        """One batch by its key, and its version.

        Raises:
            NotFound: there is none.
        """
        document = self._documents.get(BATCHES, key)
        if document is None:
            name = key.partition("/")[2][:80]
            raise NotFound(f"there is no batch {name!r}: GET /v1/batches lists those there are")
        return msgspec.json.decode(document.body, type=BatchRecord), document.version

    def cancel(self, tenant: TenantId, batch_id: str) -> BatchRecord:
        """Ask for its end; asking again changes nothing.

        Raises:
            NotFound: the tenant has none of this id.
            Conflict: it has ended.
        """

        def wish(record: BatchRecord) -> BatchRecord:
            if record.status in FINAL - {"cancelled"}:
                raise Conflict(f"batch {record.id} is {record.status}: there is nothing to cancel")
            if record.status in ("cancelling", "cancelled"):
                return record
            return record.entered("cancelling", self._clock.now())

        return self.change(key_of(tenant, batch_id), wish)

    def change(
        self,
        key: str,
        step: Callable[[BatchRecord], BatchRecord],
        also: Callable[[], Sequence[Change]] = lambda: (),
    ) -> BatchRecord:
        """Let something happen to a batch, judged anew whenever somebody else was quicker.

        Raises:
            NotFound: there is none.
        """
        while True:
            record, version = self.read(key)
            after = step(record)
            if after == record:
                return record
            try:
                self._documents.commit([*changes_of(record, after, version), *also()])
            except Conflict:
                continue
            return after


def changes_of(before: BatchRecord, after: BatchRecord, version: int) -> list[Change]:
    """What keeps a batch that changed."""
    changes = [Change(BATCHES, after.key, msgspec.json.encode(after), version)]
    if after.status in FINAL and before.status not in FINAL:
        changes.append(Change(OPEN_BATCHES, after.key, None))
    return changes


def _window(said: str) -> timedelta:
    window = parse_duration(said)
    if not timedelta() < window <= LONGEST_WINDOW:
        raise InvalidInput(
            f"completion_window {said!r} is not usable: give a duration up to "
            f"{LONGEST_WINDOW.days} days, such as 24h"
        )
    return window


def _check_metadata(metadata: dict[str, str] | None) -> None:
    pairs = metadata or {}
    if len(pairs) > MOST_METADATA or any(
        len(key) > MOST_KEY or len(value) > MOST_VALUE for key, value in pairs.items()
    ):
        raise InvalidInput(
            f"metadata is over its limits: at most {MOST_METADATA} pairs, keys of {MOST_KEY} and "
            f"values of {MOST_VALUE} characters"
        )

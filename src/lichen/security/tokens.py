"""API keys: `lk_<id>_<secret>`, of which only the SHA-256 is kept.

A secret has 256 random bits, so a plain hash is enough: there is nothing to guess, and checking one
costs microseconds.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import msgspec

from lichen.core.clock import Clock
from lichen.core.errors import Conflict, NotFound, Unauthenticated
from lichen.core.ids import DEFAULT_TENANT, Digest, TenantId, checked_name
from lichen.security.identity import Principal, Role
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore, scan_all

KEYS = "keys"
"""Collection: a key's id -> its KeyRecord."""

_PREFIX = "lk_"
_ID_BYTES = 6
_SECRET_BYTES = 32
_BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as it is kept: never the secret."""

    id: str
    sha256: Digest
    principal: str
    tenant: TenantId
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the one moment when its token is known."""

    token: str
    record: KeyRecord


def new_token() -> str:
    """A fresh token with 256 random bits."""
    return f"{_PREFIX}{secrets.token_hex(_ID_BYTES)}_{secrets.token_hex(_SECRET_BYTES)}"


def record_of(token: str, principal: Principal, created_at: datetime) -> KeyRecord:
    """What is kept of a token.

    Raises:
        Unauthenticated: the text is no token of ours.
    """
    prefix, _, rest = token.partition("_")
    identity, _, secret = rest.partition("_")
    if f"{prefix}_" != _PREFIX or not identity or len(secret) != 2 * _SECRET_BYTES:
        raise Unauthenticated("this is no API key: one looks like lk_<id>_<secret>")
    return KeyRecord(
        identity,
        _hash(token),
        principal.name,
        principal.tenant,
        principal.role,
        created_at,
    )


def _hash(token: str) -> Digest:
    return Digest(sha256(token.encode()).hexdigest())


class Keys:
    """The keys of a home: make, list, revoke."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    def create(self, principal: Principal, expires_at: datetime | None = None) -> NewKey:
        """Make a key for a principal; the token is shown now and never again.

        Raises:
            InvalidInput: the principal's or tenant's name is not usable.
        """
        checked_name(principal.name, "principal")
        checked_name(principal.tenant, "tenant")
        token = new_token()
        record = replace(record_of(token, principal, self._clock.now()), expires_at=expires_at)
        self.keep(record)
        return NewKey(token, record)

    def keep(self, record: KeyRecord) -> None:
        """Add the record of a key that exists elsewhere; one that is known stays as it is."""
        try:
            self._documents.commit([_change(record, MUST_NOT_EXIST)])
        except Conflict:
            return

    def records(self) -> tuple[KeyRecord, ...]:
        """Every key, revoked ones too, in the order of their ids."""
        return tuple(_records(self._documents))

    def revoke(self, identity: str) -> KeyRecord:
        """Let a key open nothing any more.

        Raises:
            NotFound: there is no such key.
        """
        while True:
            document = self._documents.get(KEYS, identity)
            if document is None:
                raise NotFound(f"there is no key {identity!r}: `lichen keys ls` lists them")
            record = msgspec.json.decode(document.body, type=KeyRecord)
            if record.revoked_at is not None:
                return record
            revoked = replace(record, revoked_at=self._clock.now())
            try:
                self._documents.commit([_change(revoked, document.version)])
            except Conflict:
                continue
            return revoked


def _change(record: KeyRecord, expect: int) -> Change:
    return Change(KEYS, record.id, msgspec.json.encode(record), expect)


def _records(documents: DocumentStore) -> list[KeyRecord]:
    every = scan_all(documents, KEYS)
    return [msgspec.json.decode(document.body, type=KeyRecord) for document in every]


class KeyRing:
    """The keys that open the doors, as they were when last loaded.

    `anonymous` is the role of a caller without a key; None, the default, refuses them.
    """

    def __init__(
        self, documents: DocumentStore, clock: Clock, anonymous: Role | None = None
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._anonymous = Principal("anonymous", DEFAULT_TENANT, anonymous) if anonymous else None
        self._known: dict[bytes, tuple[Principal, datetime | None]] = {}
        self.reload()

    def reload(self) -> None:
        """Read the keys again: to be called when the documents' revision grew."""
        self._known = {
            bytes.fromhex(record.sha256): (
                Principal(record.principal, record.tenant, record.role),
                record.expires_at,
            )
            for record in _records(self._documents)
            if record.revoked_at is None
        }

    def authenticate(self, header: str | None) -> Principal:
        """Who the value of an `Authorization` header names; a few microseconds.

        Raises:
            Unauthenticated: there is no key, or it is unknown, revoked or expired.
        """
        if header is None:
            if self._anonymous is None:
                raise Unauthenticated(
                    "this needs an API key: send it as `Authorization: Bearer KEY`"
                )
            return self._anonymous
        scheme, _, token = header.partition(" ")
        if scheme.lower() != _BEARER:
            raise Unauthenticated("the Authorization header has another form than `Bearer KEY`")
        # Looked up by its hash: how long that takes tells nothing about any secret.
        found = self._known.get(sha256(token.strip().encode(errors="replace")).digest())
        if found is None or (found[1] is not None and found[1] <= self._clock.now()):
            raise Unauthenticated(
                "this API key is unknown, revoked or expired: take another, such as the one in "
                "`admin.key` of the platform's home"
            )
        return found[0]

"""Names and identifiers, checked once where they enter."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import NewType

from lichen.core.errors import InvalidInput

TenantId = NewType("TenantId", str)
JobId = NewType("JobId", str)
Digest = NewType("Digest", str)
"""Lower-case hexadecimal SHA-256 of some bytes."""

DEFAULT_TENANT = TenantId("default")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSIONED = re.compile(r"(?P<name>[^@]+)@(?P<which>[A-Za-z0-9][A-Za-z0-9._-]{0,63})")


def checked_name(name: str, kind: str) -> str:
    """The name itself, if it may name a dataset, model, deployment or alias.

    Raises:
        InvalidInput: it is empty, too long, or holds other characters.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{kind} name {name!r} is not usable: take 1 to 64 letters, digits, '.', '_' or '-', "
            "starting with a letter or digit"
        )
    return name


@dataclass(frozen=True, slots=True)
class ModelReference:
    """What `NAME@V` or `NAME@ALIAS` points at, before the registry resolved it."""

    name: str
    which: str

    @classmethod
    def parse(cls, text: str) -> "ModelReference":
        """Read `NAME@V`, `NAME@ALIAS`; a bare `NAME` means its newest version, `latest`.

        Raises:
            InvalidInput: the text has another form.
        """
        matched = _VERSIONED.fullmatch(text)
        if matched is None:
            return cls(checked_name(text, "model"), "latest")
        return cls(checked_name(matched["name"], "model"), matched["which"])

    @property
    def version(self) -> int | None:
        """The version number, when `which` is one."""
        return int(self.which) if self.which.isdigit() else None

    def __str__(self) -> str:
        return f"{self.name}@{self.which}"


def digest_of(content: bytes) -> Digest:
    """SHA-256 of the bytes."""
    return Digest(sha256(content).hexdigest())

"""The first key: `admin.key` in the home, made at first start for the local command line."""

import secrets
from pathlib import Path

from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput, Unauthenticated
from lichen.core.ids import DEFAULT_TENANT
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys, new_token, record_of
from lichen.store.blobs import flush_folder, write_durably
from lichen.store.failures import storage_failures

_OWNER_ONLY, _OTHERS = 0o600, 0o077
_ADMIN = Principal("admin", DEFAULT_TENANT, Role.ADMIN)


def ensure_admin_key(path: Path, keys: Keys, clock: Clock) -> str:
    """The token in `path`, made and registered when it is not there yet.

    The file comes first and its record second, both repeatable: a crash in between is mended by the
    next start. A revoked admin key stays revoked; remove the file to get a new one.

    Raises:
        InvalidInput: the file holds something else.
        StorageFailed: the home is read-only or full.
    """
    if not path.exists():
        _write(path, new_token())
    with storage_failures(path):
        if path.stat().st_mode & _OTHERS:  # put back from a backup, or written by hand
            path.chmod(_OWNER_ONLY)
        token = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        record = record_of(token, _ADMIN, clock.now())
    except Unauthenticated as problem:
        raise InvalidInput(
            f"{path} holds no API key: remove the file, and the next start makes a new one"
        ) from problem
    keys.keep(record)
    return token


def _write(path: Path, token: str) -> None:
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    with storage_failures(path):
        try:
            write_durably(temporary, (f"{token}\n".encode(),), _OWNER_ONLY)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)

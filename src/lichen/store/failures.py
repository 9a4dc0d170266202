"""What a failing disk says, as one clear sentence."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lichen.core.errors import Corrupt, LichenError, StorageFailed, Unavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_READ_ONLY = frozenset({errno.EROFS})
_DENIED = frozenset({errno.EACCES, errno.EPERM})


def disk_full(place: Path) -> StorageFailed:
    """There is no room left for `place`."""
    return StorageFailed(
        f"the disk that holds {place} is full: free some space and try again; "
        "nothing half-written was left"
    )


def read_only(place: Path) -> StorageFailed:
    """`place` stands on a read-only file system."""
    return StorageFailed(
        f"{place} is on a read-only file system: mount it writable, or choose another home"
    )


def denied(place: Path) -> StorageFailed:
    """This user may not write `place`."""
    return StorageFailed(
        f"this user may not write {place}: give it write permission, or choose another home"
    )


@contextmanager
def storage_failures(place: Path) -> Iterator[None]:
    """Turn what the operating system says about `place` into StorageFailed."""
    try:
        yield
    except OSError as failure:
        if failure.errno in _FULL:
            raise disk_full(place) from failure
        if failure.errno in _READ_ONLY:
            raise read_only(place) from failure
        if failure.errno in _DENIED:
            raise denied(place) from failure
        raise StorageFailed(
            f"{place} could not be read or written ({failure.strerror or failure}): "
            "check the disk and the path"
        ) from failure


@contextmanager
def database_failures(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the file `path` into an error of ours."""
    try:
        yield
    except sqlite3.Error as failure:
        raise _explained(failure, path) from failure


def _explained(failure: sqlite3.Error, path: Path) -> LichenError:
    # An error that SQLite did not raise itself (a closed connection) carries no code.
    code: int = getattr(failure, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(f"{path} is held by another writer: try again in a moment")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Corrupt(f"{path} is damaged or no database of ours: restore it from a backup")
    if code in _KNOWN:
        return _KNOWN[code](path)
    return StorageFailed(f"{path} could not be read or written ({failure}): check the disk")


_KNOWN = {
    sqlite3.SQLITE_FULL: disk_full,
    sqlite3.SQLITE_READONLY: read_only,
    sqlite3.SQLITE_PERM: denied,
    sqlite3.SQLITE_AUTH: denied,
}

"""A zip file that came from somebody else: looked over before anything of it is unpacked.

Nothing is written to disk, and a member's name is never used as a path.
"""

import gzip
import io
import zlib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from lichen.core.errors import InvalidInput, TooLarge
from lichen.data.options import Limits

_END, _END64 = b"PK\x05\x06", b"PK\x06\x06"
_TAIL_BYTES = 1 << 17
"""Where the end record stands: behind it a comment of up to 65,535 bytes, before it its kin."""

_INDEX_BYTES_A_MEMBER = 256
_ENCRYPTED = 1
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
"""Of the others the standard library unpacks all at once, whatever size a member said."""
_PIECE_BYTES = 1 << 20
_DAMAGED = (BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
"""What `zipfile` raises of bytes that are no zip file: a name that is no text is a ValueError, a
method or version of another program a NotImplementedError."""


class Archive:
    """The members of a zip file, read whole, in memory, and never more than they said."""

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        """Open it.

        Raises:
            InvalidInput: it is no zip file, is damaged, encrypted, or names a place outside itself.
            TooLarge: it holds more than the limits allow.
        """
        self.name = name
        _check_index(path, name, limits)
        try:
            self._zip = ZipFile(path)
        except _DAMAGED as failure:
            raise InvalidInput(f"{name} is no readable zip file ({failure}): pack it anew") from (
                failure
            )
        self._limits = limits
        _check_members(self._zip.infolist(), name, limits)
        self._members = {one.filename: one for one in self._zip.infolist() if not one.is_dir()}

    @property
    def names(self) -> tuple[str, ...]:
        """The members, sorted."""
        return tuple(sorted(self._members))

    def size(self, member: str) -> int:
        """Bytes of a member, unpacked."""
        return self._members[member].file_size

    def read(self, member: str) -> bytes:
        """A member, whole.

        Read in pieces: in one go it would unpack to whatever it holds before its size is looked at.

        Raises:
            InvalidInput: it is damaged, or of another size than it said.
        """
        try:
            with self._zip.open(self._members[member]) as packed:
                body = b"".join(iter(lambda: packed.read(_PIECE_BYTES), b""))
        except _DAMAGED as failure:
            raise InvalidInput(
                f"{member} in {self.name} is damaged ({failure}): pack the files anew"
            ) from failure
        if len(body) != self.size(member):
            raise InvalidInput(
                f"{member} in {self.name} has {len(body)} bytes and says {self.size(member)}: "
                "pack the files anew"
            )
        return body

    def unzipped(self, member: str) -> bytes:
        """A member that may be a gzip file in turn, unpacked within the limit.

        Raises:
            InvalidInput: it is damaged; TooLarge: it unpacks to more than the limit `bytes`.
        """
        body = self.read(member)
        if not member.endswith(".gz"):
            return body
        try:
            with gzip.open(io.BytesIO(body)) as file:
                unpacked = file.read(self._limits.bytes + 1)
        except (OSError, EOFError, zlib.error) as failure:
            raise InvalidInput(f"{member} in {self.name} is no readable gzip file") from failure
        if len(unpacked) > self._limits.bytes:
            raise _too_large(self.name, self._limits)
        return unpacked


def _check_index(path: Path, name: str, limits: Limits) -> None:
    """Refuse a list of members too long to be read into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    at, at64 = tail.rfind(_END), tail.rfind(_END64)
    if at < 0:
        raise InvalidInput(f"{name} is no zip file, or its end is missing: pack it anew")
    index_bytes = int.from_bytes(tail[at + 12 : at + 16], "little")
    if at64 >= 0:
        index_bytes = max(index_bytes, int.from_bytes(tail[at64 + 40 : at64 + 48], "little"))
    if min(index_bytes, size) > limits.pictures * _INDEX_BYTES_A_MEMBER:
        raise _too_many(name, limits)


def _check_members(members: list[ZipInfo], name: str, limits: Limits) -> None:
    if len(members) > limits.pictures:
        raise _too_many(name, limits)
    if sum(one.file_size for one in members) > limits.bytes:
        raise _too_large(name, limits)
    seen = set[str]()
    for one in members:
        _check_member(one, name)
        if one.filename in seen:
            raise InvalidInput(f"{name} holds {one.filename} twice: pack the files anew")
        seen.add(one.filename)


def _check_member(one: ZipInfo, name: str) -> None:
    parts = one.filename.replace("\\", "/").split("/")
    if not one.filename:
        raise InvalidInput(f"{name} holds a file without a name: pack the files anew")
    if ".." in parts or one.filename.startswith(("/", "\\")) or ":" in parts[0]:
        raise InvalidInput(
            f"{name} names a place outside itself, {one.filename!r}: pack the files anew, "
            "from the folder that holds them"
        )
    if one.flag_bits & _ENCRYPTED:
        raise InvalidInput(f"{one.filename} in {name} is encrypted: pack it without a password")
    if one.compress_type not in _METHODS:
        raise InvalidInput(
            f"{one.filename} in {name} is packed by method {one.compress_type}: pack the files "
            "anew, deflated or stored"
        )


def _too_many(name: str, limits: Limits) -> TooLarge:
    return TooLarge(
        f"{name} holds more than {limits.pictures:,} files, the limit `pictures`: take fewer, "
        "or give them as arrays (.npz)"
    )


def _too_large(name: str, limits: Limits) -> TooLarge:
    return TooLarge(
        f"{name} unpacks to more than {limits.bytes:,} bytes, the limit `bytes`: take fewer or "
        "smaller pictures"
    )

"""Archives of a registry, unpacked: plain files below one folder, no more bytes than allowed."""

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from lichen.core.errors import Corrupt, InvalidInput, TooLarge
from lichen.fetching.parts import MOST_FILES, Check, Digesting, checked_path
from lichen.store.failures import storage_failures
from lichen.store.tars import BoundedHeader

_CHUNK = 2**20
_MODES: dict[str, Literal["r|", "r|gz"]] = {"tar": "r|", "tar+gzip": "r|gz"}
_GZIP_WINDOW = 31
"""Of zlib: a gzip header, and the largest window."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that was received, and the digest that it has unpacked."""

    path: Path
    kind: str
    unpacked: Check | None
    shown: str


def unpack(archive: Archive, folder: Path, most_bytes: int) -> int:
    """Lay an archive's files into a folder; the bytes that they have.

    Raises:
        InvalidInput: it is damaged, or holds links, devices or paths that lead out.
        TooLarge: it unpacks to more than allowed.
        Corrupt: unpacked it is not what its configuration states.
    """
    if archive.kind not in _MODES:
        raise InvalidInput(
            f"{archive.shown} is compressed as {archive.kind}, which is not read: push the model "
            "with layers of the kind raw, tar or tar+gzip"
        )
    _check_digest(archive, most_bytes)
    try:
        with tarfile.open(archive.path, _MODES[archive.kind], tarinfo=BoundedHeader) as tar:
            return _lay_out(tar, folder, archive.shown, most_bytes)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InvalidInput(
            f"{archive.shown} is no archive that can be read ({error}): push the model again"
        ) from error


def _lay_out(tar: tarfile.TarFile, folder: Path, shown: str, most_bytes: int) -> int:
    size, count = 0, 0
    for member in tar:
        if member.isdir():
            continue
        if not member.isfile():
            raise InvalidInput(f"{shown} holds {member.name!r}, which is a link or a device")
        size, count = size + member.size, count + 1
        if size > most_bytes or count > MOST_FILES:
            raise _too_large(shown, most_bytes)
        place = folder / checked_path(member.name.removeprefix("./"), shown)
        content = tar.extractfile(member)
        assert content is not None  # noqa: S101 - it is a file
        _write(content, place, shown)
    return size


def _write(content: IO[bytes], place: Path, shown: str) -> None:
    if place.exists():
        raise InvalidInput(f"{shown} holds {place.name!r}, which another part of the model has too")
    with storage_failures(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            while chunk := content.read(_CHUNK):
                file.write(chunk)


def _check_digest(archive: Archive, most_bytes: int) -> None:
    if archive.unpacked is None:
        return
    seen, size = Digesting((archive.unpacked,), None), 0
    for chunk in _plain(archive):
        size += len(chunk)
        if size > most_bytes:
            raise _too_large(archive.shown, most_bytes)
        seen.update(chunk)
    if (wrong := seen.failed()) is not None:
        check, digits = wrong
        raise Corrupt(
            f"{archive.shown} unpacks to the {check.algorithm} {digits}, and its configuration "
            f"states {check.digits}: push the model again"
        )


def _plain(archive: Archive) -> Iterator[bytes]:
    """The bytes of the tar itself."""
    if archive.kind == "tar":
        with archive.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        return
    reader = zlib.decompressobj(_GZIP_WINDOW)
    with archive.path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield from _inflated(reader, chunk)


def _inflated(reader: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    """What a chunk inflates to, in pieces of a bounded size."""
    try:
        piece = reader.decompress(chunk, _CHUNK)
        while piece:
            yield piece
            piece = reader.decompress(reader.unconsumed_tail, _CHUNK)
    except zlib.error as error:
        raise InvalidInput(f"a layer is no gzip that can be read ({error})") from error


def _too_large(shown: str, most_bytes: int) -> TooLarge:
    return TooLarge(
        f"{shown} unpacks to over {most_bytes:,} bytes or {MOST_FILES:,} files, which is more than "
        "the pull may have: see the setting `pull_bytes`"
    )

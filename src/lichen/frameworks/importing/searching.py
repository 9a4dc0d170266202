"""Pickles among the files of a model: compressed ones, in archives, and in archives within these.

Nothing is unpacked onto the disk, and no more of it is looked at than a model has.
"""

import bz2
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.pickles import Pickle, may_be_pickle, pickle_in
from lichen.frameworks.importing.source import (
    ZIP_MAGIC,
    Source,
    opened_inner_zip,
    opened_zip,
    zip_member,
)

_LARGEST_LOOKED_INTO = 2**31
_LARGEST_INNER_BYTES = 2**30
"""Of an archive within another, which is held in memory."""
MOST_INNER_BYTES = 2**32
"""Of all archives within archives together, packed and as they state to unpack to."""
_MOST_DEEP = 3
"""skops packs sparse matrices as archives into its own; the third is for whoever packed that."""
_HEAD_BYTES = 1 << 20
_TAR_HEADER_BYTES = 512
_COMPRESSED: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", lambda head: zlib.decompressobj(31).decompress(head, _HEAD_BYTES)),
    (b"BZh", lambda head: bz2.BZ2Decompressor().decompress(head, _HEAD_BYTES)),
    (b"\xfd7zXZ", lambda head: lzma.LZMADecompressor().decompress(head, _HEAD_BYTES)),
    (b"\x5d\x00\x00", lambda head: lzma.LZMADecompressor().decompress(head, _HEAD_BYTES)),
    (b"x\x9c", lambda head: zlib.decompressobj().decompress(head, _HEAD_BYTES)),
    (b"x\x01", lambda head: zlib.decompressobj().decompress(head, _HEAD_BYTES)),
    (b"x\x5e", lambda head: zlib.decompressobj().decompress(head, _HEAD_BYTES)),
    (b"x\xda", lambda head: zlib.decompressobj().decompress(head, _HEAD_BYTES)),
)
"""How joblib and others compress what they pickle."""
_SURELY_COMPRESSED = tuple(magic for magic, _ in _COMPRESSED if len(magic) > len(b"x\x01"))
"""Beginnings that are too long for chance."""


def found_pickles(source: Source, most_inner_bytes: int = MOST_INNER_BYTES) -> tuple[Pickle, ...]:
    """All pickles among the files, in archives too, and in archives within these.

    Args:
        source: what was given.
        most_inner_bytes: of all archives within archives together, as `MOST_INNER_BYTES`.

    Raises:
        InvalidInput: an archive is damaged or made to do harm, or is of a kind that no model has.
        TooLarge: an archive within another is larger than any model's.
    """
    search = _Search(most_inner_bytes, most_inner_bytes)
    return tuple(one for name in source.names for one in search.of_file(source, name))


@dataclass(slots=True)
class _Search:
    """One that goes on until it has looked at as much of inner archives as any model has."""

    most_bytes: int
    left_bytes: int

    def of_file(self, source: Source, name: str) -> Iterator[Pickle]:
        """What a file holds."""
        if source.head(name, len(ZIP_MAGIC)) == ZIP_MAGIC:
            with opened_zip(source.path(name)) as archive:
                yield from self._of_archive(archive, name, 1)
            return
        yield from _of_content(lambda size: source.head(name, size), name)

    def _of_archive(self, archive: zipfile.ZipFile, where: str, depth: int) -> Iterator[Pickle]:
        for member in archive.namelist():
            inside = f"{where}/{member}"
            read = partial(_read, archive, member, inside)
            if read(len(ZIP_MAGIC)) == ZIP_MAGIC:
                yield from self._of_inner(archive, member, inside, depth + 1)
            else:
                yield from _of_content(read, inside)

    def _of_inner(
        self, archive: zipfile.ZipFile, member: str, where: str, depth: int
    ) -> Iterator[Pickle]:
        """What an archive that is a member of another holds."""
        if depth > _MOST_DEEP:
            raise InvalidInput(
                f"{where} is an archive within archives, {depth} deep, as no model has: pack the "
                "model's files alone"
            )
        content = zip_member(archive, member, _LARGEST_INNER_BYTES)
        with opened_inner_zip(content, where) as inner:
            self.left_bytes -= len(content) + sum(one.file_size for one in inner.infolist())
            if self.left_bytes < 0:
                raise TooLarge(
                    f"{where} and the archives beside it hold over {self.most_bytes:,} bytes "
                    "within archives, more than any model: pack the model's files alone"
                )
            yield from self._of_archive(inner, where, depth)


def _read(archive: zipfile.ZipFile, member: str, where: str, most_bytes: int) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(most_bytes)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidInput(f"{where} is damaged: save the model again") from error


def _of_content(read: Callable[[int], bytes], where: str) -> Iterator[Pickle]:
    """The pickle that it is, or that comes out of its compressed beginning; it may be none.

    Args:
        read: gives so many of its first bytes.
        where: what it is called.
    """
    head = read(_TAR_HEADER_BYTES)
    _check_no_tar(head, where)
    unpacked = next((one for magic, one in _COMPRESSED if head.startswith(magic)), None)
    if unpacked is not None:
        content = _unpacked(unpacked, read(_HEAD_BYTES), where)
    else:
        content = read(_LARGEST_LOOKED_INTO) if may_be_pickle(head) else b""
    found = pickle_in(content, where) if content else None
    if found:
        yield found


def _unpacked(unpacked: Callable[[bytes], bytes], head: bytes, where: str) -> bytes:
    """What a compressed beginning unpacks to; empty where it is not compressed after all.

    Raises:
        InvalidInput: it is an archive, or compressed once more, as nothing of a model is.
    """
    try:
        plain = unpacked(head)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return b""
    _check_no_tar(plain, where)
    if plain.startswith((ZIP_MAGIC, *_SURELY_COMPRESSED)):
        raise InvalidInput(_packed_again(where))
    return plain


def _check_no_tar(head: bytes, where: str) -> None:
    """No form of a model holds one: what is uploaded as a tar was unpacked before.

    Raises:
        InvalidInput: it begins as a tar.
    """
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_HEADER_BYTES], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return
    raise InvalidInput(_packed_again(where))


def _packed_again(where: str) -> str:
    return (
        f"{where} is an archive among the model's files, as no form of a model has it: unpack it, "
        "and give the files themselves"
    )

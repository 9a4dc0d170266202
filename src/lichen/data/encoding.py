"""Which characters a text file is written in, and whether it is text at all."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import InvalidInput

CHUNK_BYTES = 1 << 20
_SNIFF_BYTES = 1 << 16

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "an XLSX or ZIP file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (.xls) file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"SQLite format 3", "an SQLite database"),
)
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HIGH_PAIR = re.compile(rb"[\x80-\xff]{2}")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec, and whether it was guessed from the bytes rather than certain."""

    codec: str
    guessed: bool = False


def signature_of(start: bytes) -> str | None:
    """What a file is by its first bytes, when it is one of the known binary kinds."""
    return next((kind for mark, kind in _SIGNATURES if start.startswith(mark)), None)


def encoding_of(path: Path, name: str, given: str | None = None) -> Encoding:
    """The encoding of a text file that people know as `name`; the whole file is read.

    Raises:
        InvalidInput: the file is binary, or written in no encoding that is known here.
    """
    if given is not None:
        return Encoding(_checked(path, name, _known(given)))
    with path.open("rb") as file:
        start = file.read(_SNIFF_BYTES)
    marked = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
    if marked is not None:
        return Encoding(_checked(path, name, marked))
    kind = signature_of(start)
    wide = None if kind else _wide(start)
    if wide is not None:
        return Encoding(_checked(path, name, wide), guessed=True)
    if kind or _CONTROL.search(start):
        raise InvalidInput(
            f"{name} is {kind or 'binary'}, not CSV text: "
            "save it as CSV, or give it the extension of what it is"
        )
    return _narrow(path, name)


def _known(given: str) -> str:
    try:
        return codecs.lookup(given).name
    except LookupError as unknown:
        raise InvalidInput(
            f"encoding {given!r} is not known: take utf-8, gb18030, utf-16 or cp1252"
        ) from unknown


def _wide(start: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of mostly Latin text is zero."""
    half = max(len(start) // 2, 1)
    if start[1::2].count(0) > 0.4 * half and start[0::2].count(0) == 0:
        return "utf-16-le"
    if start[0::2].count(0) > 0.4 * half and start[1::2].count(0) == 0:
        return "utf-16-be"
    return None


def _narrow(path: Path, name: str) -> Encoding:
    if _decodes(path, "utf-8"):
        return Encoding("utf-8")
    # In GB18030 text bytes above 127 come in pairs; alone, they are Western signs such as a degree.
    paired = any(_HIGH_PAIR.search(chunk) for chunk in _chunks(path))
    codec = "gb18030" if paired else "cp1252"
    if not _decodes(path, codec):
        raise InvalidInput(
            f"{name} is neither UTF-8, UTF-16 nor GB18030 text: "
            "save it as UTF-8, or say which it is with the option encoding"
        )
    return Encoding(codec, guessed=True)


def _checked(path: Path, name: str, codec: str) -> str:
    if not _decodes(path, codec):
        raise InvalidInput(
            f"{name} is not whole {codec} text: save it as UTF-8, "
            "or say which encoding it has with the option encoding"
        )
    return codec


def _decodes(path: Path, codec: str) -> bool:
    try:
        for _ in decoded(path, codec):
            pass
    except UnicodeError:
        return False
    return True


def decoded(path: Path, codec: str) -> Iterator[str]:
    """The text of a file in pieces."""
    decoder = codecs.getincrementaldecoder(codec)()
    for chunk in _chunks(path):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk

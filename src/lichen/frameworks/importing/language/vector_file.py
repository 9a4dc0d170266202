"""Word vectors as word2vec and GloVe write them, text or binary: read by code of ours, bounded.

    WORDS WIDTH            (GloVe leaves this line out)
    word 0.1 0.2 ...       or, binary: the word, a space, WIDTH float32, perhaps a line's end

A header is believed only as far as the bytes go; memory grows with what was read.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.source import Source
from lichen.frameworks.language.vector_graph import LARGEST_BYTES
from lichen.frameworks.language.word_front import LONGEST_WORD

WIDEST = 10_000
_HEADER = re.compile(rb"\s*(\d{1,12})\s+(\d{1,6})\s*\n")
_GZIP, _GZIP_FORM = b"\x1f\x8b", 31
_LOOKED_AT = 1 << 16
_CHUNK = 1 << 20
_FEWEST_OF_GLOVE = 10
_NUMBER = re.compile(rb"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")


@dataclass(frozen=True, slots=True)
class WordVectors:
    """A vocabulary and its vectors `(words, width)`.

    `repeated` words stood twice in the file: the first is kept, as gensim does.
    """

    words: list[str]
    vectors: NDArray[np.float32]
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class VectorForm:
    """How a file is written; `stated` and `width` by its header, None where it has none."""

    is_binary: bool
    stated: int | None
    width: int


def is_vectors(source: Source) -> bool:
    """Is it a file of word vectors, by its first lines?"""
    return source.only is not None and vector_form(source.path(source.only)) is not None


def vector_form(path: Path) -> VectorForm | None:
    """How a file is written; None where its first lines are not of word vectors."""
    head = _head(path)
    header = _HEADER.match(head)
    if header is None:
        return _glove(head)
    stated, width = int(header[1]), int(header[2])
    body = head[header.end() :]
    if not 1 <= width <= WIDEST or (not body and stated):
        return None
    if _is_text(body, width, is_whole=len(head) < _LOOKED_AT):
        return VectorForm(is_binary=False, stated=stated, width=width)
    place = body.find(b" ", 0, LONGEST_WORD)
    is_binary = place > 0 or not body
    return VectorForm(is_binary=True, stated=stated, width=width) if is_binary else None


def read_vectors(path: Path) -> WordVectors:
    """All of them.

    Raises:
        InvalidInput: the file is not what its header says, a word is no UTF-8, or there is none.
        TooLarge: they are larger than a model may be.
    """
    form = vector_form(path)
    if form is None:
        raise InvalidInput("the file holds no word vectors: save them by save_word2vec_format")
    if form.stated == 0:
        raise InvalidInput("its header states 0 words: the vocabulary is empty")
    _check_size(form)
    try:
        with _opened(path) as file:
            if form.stated is not None:
                file.readline(_LOOKED_AT)
            pairs = _binary(file, form) if form.is_binary else _text(file, form)
            return _gathered(pairs, form)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(
            f"the file is compressed and damaged ({error}): save it again"
        ) from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == _GZIP
    return gzip.open(path, "rb") if is_gzip else path.open("rb")  # type: ignore[return-value]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_LOOKED_AT)
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(_GZIP_FORM).decompress(head, _LOOKED_AT)
    except zlib.error:
        return b""


def _is_text(body: bytes, width: int, *, is_whole: bool) -> bool:
    line, end, _ = body.partition(b"\n")
    parts = line.split()
    if not end and not is_whole:  # longer than what was looked at: as many as there are
        return len(parts) > 1 and all(map(_NUMBER.match, parts[1:-1]))
    return len(parts) == width + 1 and all(map(_NUMBER.match, parts[1:]))


def _glove(head: bytes) -> VectorForm | None:
    lines = head.split(b"\n")[:2]
    widths = {len(line.split()) - 1 for line in lines if line}
    is_one = len(widths) == 1 and all(
        _NUMBER.match(part) for line in lines for part in line.split()[1:]
    )
    first = head.split(maxsplit=1)[:1]
    width = next(iter(widths), 0)
    if not is_one or width < _FEWEST_OF_GLOVE or _NUMBER.match(first[0]):
        return None
    return VectorForm(is_binary=False, stated=None, width=width)


def _check_size(form: VectorForm) -> None:
    if form.stated is not None and form.stated * form.width * 4 > LARGEST_BYTES:
        keep = LARGEST_BYTES // (4 * form.width)
        raise TooLarge(
            f"{form.stated:,} words of {form.width} numbers are over {LARGEST_BYTES:,} bytes, the "
            "most that one model holds: keep the most frequent ones "
            f"(KeyedVectors.load_word2vec_format(path, limit={keep}))"
        )


_Pairs = Iterator[tuple[bytes, NDArray[np.float32]]]


def _text(file: IO[bytes], form: VectorForm) -> _Pairs:
    longest = LONGEST_WORD * 4 + 40 * form.width
    number = 0
    while line := file.readline(longest):
        number += 1
        parts = line.split()
        if not parts:
            continue
        if len(parts) != form.width + 1:
            raise InvalidInput(
                f"line {number} of its words has {len(parts) - 1} numbers, and its header or first "
                f"line {form.width}: save it again"
            )
        try:
            yield parts[0], np.array([float(one) for one in parts[1:]], dtype=np.float32)
        except ValueError as error:
            raise InvalidInput(f"line {number} of its words holds no numbers: {error}") from error


def _binary(file: IO[bytes], form: VectorForm) -> _Pairs:
    size = 4 * form.width
    kept, at = b"", 0
    for number in range(form.stated or 0):
        while (place := kept.find(b" ", at)) < 0 or len(kept) < place + 1 + size:
            more = file.read(_CHUNK)
            if not more or (place < 0 and len(kept) - at > LONGEST_WORD * 4):
                raise InvalidInput(
                    f"its header states {form.stated:,} words of {form.width} numbers, and its "
                    f"bytes end or break off after {number:,}: save it again"
                )
            kept, at = kept[at:] + more, 0
        word = kept[at:place].lstrip(b"\n")
        at = place + 1 + size
        yield word, np.frombuffer(kept, "<f4", form.width, place + 1).astype(np.float32)


def _gathered(pairs: _Pairs, form: VectorForm) -> WordVectors:
    """Each word once, the first time that it stands there."""
    places: dict[str, int] = {}
    rows: list[NDArray[np.float32]] = []
    most = LARGEST_BYTES // (4 * form.width)
    read = 0
    for word, vector in pairs:
        read += 1
        name = _decoded(word, read)
        if name not in places:
            places[name] = len(rows)
            rows.append(vector)
        if len(rows) > most:
            raise TooLarge(f"it holds more than {most:,} words, the most that one model holds")
    if not rows:
        raise InvalidInput("there is no word in it: the vocabulary is empty")
    if form.stated is not None and read != form.stated:
        raise InvalidInput(
            f"its header states {form.stated:,} words, and it holds {read:,}: save it again"
        )
    return WordVectors(list(places), np.stack(rows), read - len(rows))


def _decoded(word: bytes, number: int) -> str:
    try:
        return word.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"word {number:,} is no UTF-8 ({word[:20]!r}): where it was made, load it with its own "
            "encoding (KeyedVectors.load_word2vec_format(path, encoding=...)) and save it again"
        ) from error

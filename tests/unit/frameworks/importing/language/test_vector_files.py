"""Files of word vectors: read as written, and refused where they lie, within bounded memory."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import InvalidInput, TooLarge
from lichen.frameworks.importing.language.vector_file import (
    is_vectors,
    read_vectors,
    vector_form,
)
from lichen.frameworks.importing.source import laid_out

VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4) / 8
WORDS = ["a", "ü水", "c"]


def text(header: str = "3 4") -> bytes:
    rows = zip(WORDS, VECTORS, strict=True)
    lines = [header, *(f"{word} {' '.join(map(str, row))}" for word, row in rows)]
    return ("\n".join(line for line in lines if line) + "\n").encode()


def binary(words: int = 3, end: bytes = b"\n") -> bytes:
    rows = zip(WORDS, VECTORS, strict=True)
    return f"{words} 4\n".encode() + b"".join(
        word.encode() + b" " + row.tobytes() + end for word, row in rows
    )


@pytest.mark.parametrize(
    "content", [text(), binary(), binary(end=b""), gzip.compress(text()), gzip.compress(binary())]
)
def test_text_and_binary_files_are_read_alike(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(content)
    assert is_vectors(laid_out(tmp_path, "vectors"))
    found = read_vectors(path)
    assert found.words == WORDS
    assert np.array_equal(found.vectors, VECTORS)


def test_glove_files_have_no_header(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("".join(f"w{row} " + "0.5 " * 11 + "\n" for row in range(4)), encoding="utf-8")
    found = read_vectors(path)
    assert found.vectors.shape == (4, 11)


def test_a_word_that_stands_twice_keeps_its_first_vector(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(b"3 2\na 1 2\nb 3 4\na 5 6\n")
    found = read_vectors(path)
    assert (found.words, found.repeated) == (["a", "b"], 1)
    assert found.vectors.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (text("9 4"), "states 9 words, and it holds 3"),
        (text("2 4"), "states 2 words, and it holds 3"),
        (binary(9), "states 9 words of 4 numbers, and its bytes end or break off after 3"),
        (b"0 4\n", "vocabulary is empty"),
        (b"2 2\na 1 2\nb 3\n", "line 2 of its words has 1 numbers"),
        (b"2 2\na 1 2\nb 3 x\n", "line 2 of its words holds no numbers"),
        (b"1 2\n\xff\xfe 1 2\n", "word 1 is no UTF-8"),
        (gzip.compress(text())[:-12], "damaged"),
    ],
)
def test_a_file_that_lies_is_refused_with_what_is_wrong(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as refused:
        read_vectors(path)
    assert says in str(refused.value)


def test_a_header_of_a_huge_vocabulary_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(b"100000000 300\na " + b"0.1 " * 300 + b"\n")
    with pytest.raises(TooLarge, match="keep the most frequent"):
        read_vectors(path)


@pytest.mark.parametrize(
    "content", [b"", b"tree\nversion=v4\n", b"{}", b"1,2\n3,4\n", b"PK\x03\x04"]
)
def test_other_files_are_no_word_vectors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    assert vector_form(path) is None

"""Bodies in a coding: read back whole, never past the limit, and only when it is worth it."""

import gzip
import zlib

import pytest

from lichen.api.codings import LONG_ANSWER_BYTES, coding_for, compressed, inflate
from lichen.core.errors import InvalidInput, TooLarge

BODY = b'{"inputs": []}' * 50
LIMIT = len(BODY)


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body, 6, -15)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY[:100]) + gzip.compress(BODY[100:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("identity", BODY),
    ],
)
def test_a_body_comes_out_of_its_coding(coding: str, body: bytes) -> None:
    assert inflate(body, coding, LIMIT) == BODY


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("br", BODY, "is not taken"),
        ("gzip, gzip", BODY, "is not taken"),
        ("gzip", BODY, "not in the coding"),
        ("deflate", b"", "ends before"),
        ("gzip", b"", "ends before"),
        ("gzip", gzip.compress(BODY)[:-1], "ends before"),
        ("deflate", zlib.compress(BODY)[:-1], "ends before"),
        ("deflate", zlib.compress(BODY) + b"x", "goes on"),
        ("gzip", gzip.compress(BODY) + b"x", "ends before"),
        ("gzip", gzip.compress(b"") * 3, "goes on"),
    ],
)
def test_what_is_no_such_coding_is_refused(coding: str, body: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        inflate(body, coding, LIMIT)


@pytest.mark.parametrize("members", [1, 100])
def test_a_bomb_is_let_out_no_further_than_the_limit(members: int) -> None:
    bomb = gzip.compress(bytes(10**8 // members), 9) * members
    with pytest.raises(TooLarge, match="unpacks"):
        inflate(bomb, "gzip", LIMIT)


@pytest.mark.parametrize(
    ("accepted", "size", "coding"),
    [
        ("gzip", 10, "gzip"),
        ("deflate", 10, "deflate"),
        ("Deflate;q=1.0", 10, "deflate"),
        ("gzip, deflate, br", 10, None),
        ("gzip, deflate, br", LONG_ANSWER_BYTES, "gzip"),
        ("br, deflate", LONG_ANSWER_BYTES, "deflate"),
        ("gzip;q=0, deflate;q=0.5", LONG_ANSWER_BYTES, "deflate"),
        ("gzip;q=0.0", LONG_ANSWER_BYTES, None),
        ("br", LONG_ANSWER_BYTES, None),
        ("identity", LONG_ANSWER_BYTES, None),
        ("", LONG_ANSWER_BYTES, None),
    ],
)
def test_which_answers_are_compressed(accepted: str, size: int, coding: str | None) -> None:
    assert coding_for(accepted, size) == coding


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_an_answer_can_be_read_back(coding: str) -> None:
    assert inflate(compressed(BODY, coding), coding, LIMIT) == BODY

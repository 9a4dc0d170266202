"""Whatever the bytes of a zip file: it is read, or refused by a sentence."""

import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lichen.core.errors import InvalidInput
from lichen.data.images.archive import Archive
from lichen.data.options import Limits


def _packed() -> bytes:
    body = BytesIO()
    with ZipFile(body, "w", ZIP_DEFLATED) as archive:
        archive.writestr("cat/é.png", b"purr" * 20)
        archive.writestr("dog/x.png", bytes(range(40)))
    return body.getvalue()


GOOD = _packed()
INDEX = GOOD.index(b"PK\x01\x02")
NAME = GOOD.index("é".encode())
"""Of the first member where its bytes stand; the index has it again."""


def _read(body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pictures.zip")
        path.write_bytes(body)
        archive = Archive(path, path.name, Limits())
        for member in archive.names:
            assert len(archive.read(member)) == archive.size(member)


def _changed(changes: list[tuple[int, int]], length: int) -> bytes:
    body = bytearray(GOOD)
    for at, value in changes:
        body[at] = value
    return bytes(body[:length])


@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=4),
    st.one_of(st.just(len(GOOD)), st.integers(0, len(GOOD))),
)
@example([(NAME, 0x20)], len(GOOD))  # a name that is no text where the member stands
@example([(INDEX + 28, 0), (INDEX + 32, 10)], len(GOOD))  # a member without a name
@example([(INDEX + 25, 1)], len(GOOD))  # a member that says it is larger than it is
@settings(max_examples=150, deadline=None)
def test_changed_bytes_are_read_or_refused_by_a_sentence(
    changes: list[tuple[int, int]], length: int
) -> None:
    with suppress(InvalidInput):  # anything else that is raised fails this test
        _read(_changed(changes, length))


def test_a_member_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a name"):
        _read(_changed([(INDEX + 28, 0), (INDEX + 32, 10)], len(GOOD)))

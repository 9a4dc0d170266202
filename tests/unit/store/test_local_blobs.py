import errno
import os
from pathlib import Path

import pytest

from lichen.core.errors import Corrupt, StorageFailed
from lichen.core.ids import digest_of
from lichen.store.blobs import LocalBlobs


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("position", [0, 500, 999])
def test_one_flipped_bit_is_found(tmp_path: Path, position: int) -> None:
    blobs = LocalBlobs(tmp_path)
    digest = blobs.put(b"x" * 1000)
    damaged = bytearray(blobs.path(digest).read_bytes())
    damaged[position] ^= 1
    blobs.path(digest).write_bytes(damaged)
    with pytest.raises(Corrupt, match="damaged"):
        blobs.get(digest)


def test_putting_mends_a_damaged_blob(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    digest = blobs.put(b"content")
    blobs.path(digest).write_bytes(b"cont")
    blobs.put(b"content")
    assert blobs.get(digest) == b"content"


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "may not write"),
        (errno.EIO, "could not be read or written"),
    ],
)
def test_a_failing_flush_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    blobs = LocalBlobs(tmp_path)

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageFailed, match=sentence):
        blobs.put(b"content")
    monkeypatch.undo()
    assert files(tmp_path) == []
    assert not blobs.has(digest_of(b"content"))


def test_a_sweep_removes_what_crashed_writers_left_and_nothing_else(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path)
    digest = blobs.put(b"content")
    (tmp_path / ".writing-0123").write_bytes(b"half")
    assert blobs.sweep() == 1
    assert files(tmp_path) == [digest]
    assert blobs.sweep() == 0

"""Every blob store through the same tests."""

from hashlib import sha256
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput, NotFound, StorageFailed
from lichen.core.ids import Digest, digest_of
from lichen.store.blobs import BlobStore, LocalBlobs, MemoryBlobs

ABSENT = digest_of(b"never put")


@pytest.fixture(params=["local", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return LocalBlobs(tmp_path / "home" / "blobs") if request.param == "local" else MemoryBlobs()


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 9000])
def test_the_same_bytes_come_back(blobs: BlobStore, content: bytes) -> None:
    digest = blobs.put(content)
    assert digest == sha256(content).hexdigest()
    assert blobs.has(digest)
    assert blobs.get(digest) == content
    assert blobs.path(digest).read_bytes() == content


def test_putting_twice_is_putting_once(blobs: BlobStore) -> None:
    assert blobs.put(b"a") == blobs.put(b"a")
    assert blobs.get(blobs.put(b"a")) == b"a"


def test_a_file_is_copied(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    digest = blobs.put_file(source)
    source.write_bytes(b"changed later")
    assert blobs.get(digest) == b"x" * 3_000_000
    assert blobs.put_file(blobs.path(digest)) == digest


def test_a_file_that_is_not_there(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match=r"missing\.csv could not be read"):
        blobs.put_file(tmp_path / "missing.csv")


def test_what_was_never_put_is_not_found(blobs: BlobStore) -> None:
    assert not blobs.has(ABSENT)
    with pytest.raises(NotFound, match=ABSENT):
        blobs.get(ABSENT)
    with pytest.raises(NotFound, match=ABSENT):
        blobs.path(ABSENT)


@pytest.mark.parametrize("text", ["", "../../etc/passwd", "A" * 64, "a" * 63, f"{'a' * 64}\n"])
def test_what_is_no_digest_never_becomes_a_path(blobs: BlobStore, text: str) -> None:
    for ask in (blobs.has, blobs.get, blobs.path):
        with pytest.raises(InvalidInput, match="is no SHA-256"):
            ask(Digest(text))

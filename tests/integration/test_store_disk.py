"""A full disk and a read-only home: one clear sentence, and nothing half-written."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import StorageFailed
from lichen.core.ids import JobId, ModelReference
from lichen.core.tensors import Signature
from lichen.registry.bundle import read_folder, verify_contents
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.security.admin_key import ensure_admin_key
from lichen.security.tokens import Keys
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import Change, MemoryDocuments, SqliteDocuments

DRAFT = Draft("vic", "forecast", "ridge", Signature((), ()), "0.1.0", job_id=JobId("job-1"))
SMALL, LARGE = {"model.onnx": b"w" * 1000}, {"a.json": b"{}", "model.onnx": b"w" * 3_000_000}
SIZE = "1m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of its own: root's rights know no file modes, but a mount they do."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "lichen-test", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("cannot-mount: there is no mount command")
    if mounted.returncode:
        pytest.skip(f"cannot-mount: {mounted.stderr.strip()} (effective user {os.geteuid()})")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def make_read_only(disk: Path) -> None:
    command = ["mount", "-o", f"remount,ro,size={SIZE}", str(disk)]
    subprocess.run(command, check=True, capture_output=True)


def fill(disk: Path, leave_bytes: int) -> Path:
    """A file that takes the rest of the disk but so much."""
    free = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"\0" * (free.f_bavail * free.f_bsize - leave_bytes))
    return filler


def refused(work: Callable[[], object], *words: str) -> None:
    """The work fails with one sentence that holds these words."""
    with pytest.raises(StorageFailed) as caught:
        work()
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence, sentence


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def documents(disk: Path) -> Iterator[SqliteDocuments]:
    store = SqliteDocuments(disk / "lichen.db")
    yield store
    store.close()


def test_a_version_that_does_not_fit_leaves_nothing(disk: Path, documents: SqliteDocuments) -> None:
    catalog = Catalog(documents, LocalBlobs(disk / "blobs"), ManualClock())
    done = Change("jobs", "job-1", b"done")
    refused(lambda: catalog.register(DRAFT, LARGE, [done]), str(disk), "is full: free some space")
    assert catalog.models() == ()
    assert documents.get("jobs", "job-1") is None
    assert [name for name in names(disk / "blobs") if name.startswith(".writing")] == []
    manifest = catalog.register(DRAFT, SMALL, [done])
    assert catalog.verify(manifest) == ()


def test_a_commit_that_does_not_fit_is_undone_and_the_store_goes_on(
    disk: Path, documents: SqliteDocuments
) -> None:
    before = documents.commit([Change("jobs", "a", b"1")])
    filler = fill(disk, leave_bytes=8192)
    changes = [Change("jobs", "a", b"2"), Change("jobs", "b", b"x" * 400_000)]
    refused(lambda: documents.commit(changes), "lichen.db is full: free some space")
    assert documents.revision() == before
    assert [document.body for document in documents.scan("jobs")] == [b"1"]
    filler.unlink()
    documents.commit(changes)
    assert len(documents.scan("jobs")) == 2


def test_a_full_disk_takes_no_admin_key(disk: Path) -> None:
    filler = fill(disk, leave_bytes=0)
    clock = ManualClock()
    keys = Keys(MemoryDocuments(), clock)
    refused(lambda: ensure_admin_key(disk / "admin.key", keys, clock), "is full")
    assert names(disk) == ["filler"]
    filler.unlink()
    ensure_admin_key(disk / "admin.key", keys, clock)
    assert names(disk) == ["admin.key"]


def test_an_export_that_does_not_fit_leaves_nothing(disk: Path, tmp_path: Path) -> None:
    catalog = Catalog(MemoryDocuments(), LocalBlobs(tmp_path / "blobs"), ManualClock())
    manifest = catalog.register(DRAFT, LARGE)
    refused(lambda: catalog.export(manifest, disk / "out"), "is full")
    assert list(disk.iterdir()) == []


def test_a_first_start_on_a_full_disk(disk: Path) -> None:
    filler = fill(disk, leave_bytes=0)
    refused(lambda: SqliteDocuments(disk / "lichen.db"), "lichen.db is full")
    filler.unlink()
    SqliteDocuments(disk / "lichen.db").close()


def test_a_read_only_disk_takes_nothing_and_says_so(disk: Path) -> None:
    documents = SqliteDocuments(disk / "lichen.db")
    catalog = Catalog(documents, LocalBlobs(disk / "blobs"), ManualClock())
    manifest = catalog.register(DRAFT, SMALL)
    catalog.export(manifest, disk / "out")
    documents.close()
    make_read_only(disk)
    before = names(disk)
    clock = ManualClock()
    keys = Keys(MemoryDocuments(), clock)
    blobs = LocalBlobs(disk / "blobs")
    for work in (
        lambda: SqliteDocuments(disk / "lichen.db"),
        lambda: SqliteDocuments(disk / "new" / "lichen.db"),
        lambda: blobs.put(b"new"),
        lambda: ensure_admin_key(disk / "admin.key", keys, clock),
        lambda: Catalog(MemoryDocuments(), blobs, clock).register(DRAFT, LARGE),
    ):
        refused(work, str(disk), "read-only")
    assert names(disk) == before
    assert blobs.get(manifest.files[0].sha256) == SMALL["model.onnx"]
    assert verify_contents(read_folder(disk / "out")) == ()


def test_a_store_on_a_full_disk_still_reads(disk: Path, documents: SqliteDocuments) -> None:
    catalog = Catalog(documents, LocalBlobs(disk / "blobs"), ManualClock())
    manifest = catalog.register(DRAFT, SMALL)
    fill(disk, leave_bytes=0)
    assert catalog.resolve(ModelReference("vic", "1")) == manifest
    assert catalog.verify(manifest) == ()
    documents.close()
    reopened = SqliteDocuments(disk / "lichen.db")
    assert len(reopened.scan("models")) == 1
    reopened.close()

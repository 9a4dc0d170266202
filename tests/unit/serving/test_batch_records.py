"""Batches and their files as the processes share them: durable, once, and each tenant's own."""

from pathlib import Path

import pytest

from lichen.core.clock import ManualClock
from lichen.core.errors import Conflict, InvalidInput, NotFound, TooLarge
from lichen.core.ids import TenantId
from lichen.protocol.batches import BatchRequest
from lichen.serving.batch_files import BatchFiles, FileRecord
from lichen.serving.batch_records import Batches, BatchRecord, endpoint_of
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

ME, OTHER = TenantId("me"), TenantId("other")
MOST_BYTES = 100


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def files(tmp_path: Path, documents: MemoryDocuments, clock: ManualClock) -> BatchFiles:
    return BatchFiles(documents, LocalBlobs(tmp_path / "blobs"), clock, MOST_BYTES)


@pytest.fixture
def batches(documents: MemoryDocuments, clock: ManualClock) -> Batches:
    return Batches(documents, clock)


def add(
    files: BatchFiles, folder: Path, content: bytes = b"{}", tenant: TenantId = ME
) -> FileRecord:
    path = folder / "received"
    path.write_bytes(content)
    return files.add(tenant, "in.jsonl", path)


@pytest.fixture
def file(files: BatchFiles, tmp_path: Path) -> FileRecord:
    return add(files, tmp_path)


def request(**more: str) -> BatchRequest:
    said = {"input_file_id": "f", "endpoint": "/predict/d", "completion_window": "24h"}
    return BatchRequest(**{**said, **more})  # type: ignore[arg-type]


def ask(batches: Batches, file: FileRecord, key: str | None = None) -> BatchRecord:
    return batches.create((ME, "somebody"), request(), file, key)


def test_files_are_listed_newest_first_from_any_of_them_on(
    files: BatchFiles, clock: ManualClock, tmp_path: Path
) -> None:
    made = []
    for _ in range(3):
        made.append(add(files, tmp_path).id)
        clock.advance(1)
    assert [one.id for one in files.page(ME, "", 10)] == made[::-1]
    assert [one.id for one in files.page(ME, made[2], 1)] == [made[1]]


def test_a_tenant_neither_sees_nor_deletes_what_is_anothers(
    files: BatchFiles, file: FileRecord, batches: Batches
) -> None:
    batch = ask(batches, file)
    assert files.page(OTHER, "", 10) == []
    assert batches.page(OTHER, "", 10) == []
    for asks in (files.get, files.delete):
        with pytest.raises(NotFound):
            asks(OTHER, file.id)
    for asks_batch in (batches.get, batches.cancel):
        with pytest.raises(NotFound):
            asks_batch(OTHER, batch.id)


def test_the_files_of_a_tenant_have_room_for_so_many_bytes(
    files: BatchFiles, tmp_path: Path
) -> None:
    first = add(files, tmp_path, b"x" * 60)
    with pytest.raises(TooLarge, match="batch_storage_bytes"):
        add(files, tmp_path, b"y" * 60)
    add(files, tmp_path, b"y" * 60, OTHER)
    files.delete(ME, first.id)
    add(files, tmp_path, b"y" * 60)


def test_the_same_key_gives_the_same_batch_and_no_other_request(
    batches: Batches, file: FileRecord
) -> None:
    first = ask(batches, file, "k")
    assert ask(batches, file, "k").id == first.id
    assert ask(batches, file).id != first.id
    assert batches.create((ME, "another"), request(), file, "k").id != first.id
    with pytest.raises(InvalidInput, match="another request"):
        batches.create((ME, "somebody"), request(completion_window="12h"), file, "k")
    for key in ("", "k" * 256):
        with pytest.raises(InvalidInput, match="Idempotency-Key"):
            ask(batches, file, key)


@pytest.mark.parametrize("window", ["soon", "0s", "31d", "", "-2h"])
def test_a_window_that_cannot_be(batches: Batches, file: FileRecord, window: str) -> None:
    with pytest.raises(InvalidInput):
        batches.create((ME, "somebody"), request(completion_window=window), file)


@pytest.mark.parametrize(
    "endpoint",
    [
        "/v1/chat/completions",
        "/v2/models/d",
        "/predict/",
        "/predict/a/b",
        "/predict/d@2",
        "predict/d",
    ],
)
def test_an_endpoint_that_takes_no_batches(endpoint: str) -> None:
    with pytest.raises(InvalidInput, match="takes no batches"):
        endpoint_of(endpoint)


def test_endpoints_name_their_deployment() -> None:
    assert endpoint_of("/v2/models/d/infer") == endpoint_of("/predict/d") == "d"


def test_a_batch_that_has_ended_cannot_be_cancelled(
    batches: Batches, file: FileRecord, clock: ManualClock
) -> None:
    batch = ask(batches, file)
    asked = batches.cancel(ME, batch.id)
    assert batches.cancel(ME, batch.id) == asked
    batches.change(batch.key, lambda one: one.entered("completed", clock.now()))
    with pytest.raises(Conflict, match="is completed"):
        batches.cancel(ME, batch.id)

"""Every document store through the same tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.core.errors import Conflict, InvalidInput
from lichen.store.documents import (
    Change,
    Document,
    DocumentStore,
    MemoryDocuments,
    SqliteDocuments,
    scan_all,
)


@pytest.fixture(params=["sqlite", "memory"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DocumentStore]:
    store: DocumentStore = (
        SqliteDocuments(tmp_path / "home" / "lichen.db")
        if request.param == "sqlite"
        else MemoryDocuments()
    )
    yield store
    store.close()


def test_what_is_committed_is_read(documents: DocumentStore) -> None:
    revision = documents.commit([Change("jobs", "a", b'{"n": 1}')])
    assert documents.get("jobs", "a") == Document("jobs", "a", revision, b'{"n": 1}')
    assert documents.get("jobs", "b") is None
    assert documents.get("models", "a") is None


def test_a_version_is_the_revision_of_its_commit(documents: DocumentStore) -> None:
    first = documents.commit([Change("jobs", "a", b"1"), Change("jobs", "b", b"1")])
    second = documents.commit([Change("jobs", "a", b"2", first)])
    assert second > first
    assert [document.version for document in documents.scan("jobs")] == [second, first]
    assert documents.revision() == second


def test_an_expectation_that_fails_undoes_the_whole_commit(documents: DocumentStore) -> None:
    before = documents.commit([Change("jobs", "a", b"1")])
    with pytest.raises(Conflict, match="jobs/a is no longer at version"):
        documents.commit([Change("jobs", "b", b"1"), Change("jobs", "a", b"2", before + 1)])
    with pytest.raises(Conflict, match="jobs/a exists already"):
        documents.commit([Change("jobs", "b", b"1"), Change("jobs", "a", b"2", 0)])
    assert documents.get("jobs", "b") is None
    assert documents.get("jobs", "a") == Document("jobs", "a", before, b"1")
    assert documents.revision() == before


def test_an_expectation_of_a_document_that_is_not_there_fails(documents: DocumentStore) -> None:
    with pytest.raises(Conflict):
        documents.commit([Change("jobs", "a", b"1", 7)])
    assert documents.get("jobs", "a") is None


def test_a_deleted_document_is_gone_and_its_version_never_comes_back(
    documents: DocumentStore,
) -> None:
    first = documents.commit([Change("jobs", "a", b"1", 0)])
    documents.commit([Change("jobs", "a", None, first)])
    assert documents.get("jobs", "a") is None
    documents.commit([Change("jobs", "a", b"1", 0)])
    with pytest.raises(Conflict):
        documents.commit([Change("jobs", "a", b"2", first)])


def test_deleting_what_must_not_exist_depends_on_its_absence(documents: DocumentStore) -> None:
    documents.commit([Change("jobs", "gate", None, 0), Change("jobs", "a", b"1")])
    documents.commit([Change("jobs", "gate", b"1")])
    with pytest.raises(Conflict):
        documents.commit([Change("jobs", "gate", None, 0), Change("jobs", "a", b"2")])
    assert documents.scan("jobs")[0].body == b"1"


def test_deleting_what_is_not_there_is_no_conflict(documents: DocumentStore) -> None:
    documents.commit([Change("jobs", "a", None)])
    assert documents.scan("jobs") == []


def test_one_document_cannot_change_twice_in_a_commit(documents: DocumentStore) -> None:
    with pytest.raises(InvalidInput, match="jobs/a twice"):
        documents.commit([Change("jobs", "a", b"1"), Change("jobs", "a", b"2")])


def test_an_empty_commit_changes_nothing(documents: DocumentStore) -> None:
    revision = documents.commit([Change("jobs", "a", b"1")])
    assert documents.commit([]) == revision
    assert documents.revision() == revision


def test_a_scan_goes_in_key_order_by_pages_and_prefix(documents: DocumentStore) -> None:
    keys = ["a", "b@1", "b@2", "b@é", "ba", "c", "ü"]
    documents.commit([Change("models", key, key.encode()) for key in reversed(keys)])
    documents.commit([Change("jobs", "b@3", b"")])
    assert [document.key for document in documents.scan("models")] == keys
    assert [document.key for document in documents.scan("models", "b@1", 2)] == ["b@2", "b@é"]
    scanned = documents.scan("models", prefix="b@")
    assert [document.key for document in scanned] == ["b@1", "b@2", "b@é"]
    assert [document.key for document in documents.scan("models", "b@1", 1, prefix="b@")] == ["b@2"]


@pytest.mark.parametrize("count", [0, 2, 3, 7])
def test_all_of_a_collection_is_read_page_by_page(
    documents: DocumentStore, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.store.documents.SCAN_LIMIT", 3)
    documents.commit([Change("letters", str(number), b"") for number in range(count)])
    documents.commit([Change("others", "x", b"")])
    found = [document.key for document in scan_all(documents, "letters")]
    assert found == [str(number) for number in range(count)]


def test_versions_tell_what_changed_without_the_bodies(documents: DocumentStore) -> None:
    first = documents.commit([Change("jobs", key, b"1") for key in ("b", "a")])
    second = documents.commit([Change("jobs", "b", b"2"), Change("models", "a", b"1")])
    assert list(documents.versions("jobs").items()) == [("a", first), ("b", second)]
    documents.commit([Change("jobs", "a", None)])
    assert documents.versions("jobs") == {"b": second}
    assert documents.versions("nothing") == {}


def test_a_body_is_any_bytes(documents: DocumentStore) -> None:
    body = bytes(range(256))
    documents.commit([Change("jobs", "a", body), Change("jobs", "empty", b"")])
    assert [document.body for document in documents.scan("jobs")] == [body, b""]

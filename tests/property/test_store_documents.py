"""SQLite and memory are the same store: after any commits they hold the same documents."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.errors import Conflict
from lichen.store.documents import Change, DocumentStore, MemoryDocuments, SqliteDocuments

CHANGES = st.builds(
    Change,
    collection=st.sampled_from(["jobs", "models"]),
    key=st.sampled_from(["a", "b", "é"]),
    body=st.none() | st.binary(max_size=3),
    expect=st.none() | st.integers(0, 6),
)
COMMITS = st.lists(
    st.lists(CHANGES, max_size=3, unique_by=lambda change: (change.collection, change.key)),
    max_size=8,
)


def attempt(store: DocumentStore, changes: list[Change]) -> int | str:
    try:
        return store.commit(changes)
    except Conflict as conflict:
        return str(conflict)


@settings(max_examples=40, deadline=None)
@given(COMMITS)
def test_both_stores_answer_alike(commits: list[list[Change]]) -> None:
    with TemporaryDirectory() as folder:
        sqlite, memory = SqliteDocuments(Path(folder) / "lichen.db"), MemoryDocuments()
        try:
            for changes in commits:
                assert attempt(sqlite, changes) == attempt(memory, changes)
                assert sqlite.revision() == memory.revision()
            for collection in ("jobs", "models"):
                assert sqlite.scan(collection) == memory.scan(collection)
        finally:
            sqlite.close()

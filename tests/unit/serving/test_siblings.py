"""Several processes are ready together, or not yet; each takes back only its own word."""

from pathlib import Path

import msgspec
import pytest

from lichen.serving.deployment import OBSERVED, Observed, State
from lichen.serving.siblings import SiblingDocuments, among_siblings, joined
from lichen.store.documents import Change, SqliteDocuments

READY, LOADING, FAILED, UNLOADED = State.READY, State.LOADING, State.FAILED, State.UNLOADED


def says(state: State, generation: int = 1, message: str = "", loads: int = 0) -> Observed:
    return Observed("d", generation, state, message, loads)


@pytest.mark.parametrize(
    ("said", "together"),
    [
        ([None, None], None),
        ([says(READY), says(READY)], says(READY)),
        ([says(UNLOADED, 1, "on request"), says(UNLOADED)], says(UNLOADED, 1, "on request")),
        ([says(READY), None], says(LOADING, 1, "1 of 2 processes serve it")),
        ([says(READY), says(LOADING)], says(LOADING, 1, "1 of 2 processes serve it")),
        ([says(LOADING), says(LOADING)], says(LOADING, 1, "0 of 2 processes serve it")),
        ([says(UNLOADED), says(READY)], says(LOADING, 1, "1 of 2 processes serve it")),
        ([says(READY, 2), says(READY)], says(LOADING, 2, "1 of 2 processes serve it")),
        ([says(READY), says(FAILED, 1, "why")], says(FAILED, 1, "why")),
        ([says(READY, 2), says(FAILED)], says(LOADING, 2, "1 of 2 processes serve it")),
        ([None, says(FAILED)], says(FAILED)),
        ([says(FAILED), says(READY, loads=1)], says(LOADING, 1, "1 of 2 processes serve it", 1)),
        ([says(READY), says(READY, loads=1)], says(READY, loads=1)),
        ([says(UNLOADED), says(FAILED, 1, "why", 1)], says(FAILED, 1, "why", 1)),
    ],
)
def test_they_are_as_far_as_the_last_of_them(
    said: list[Observed | None], together: Observed | None
) -> None:
    assert joined(said) == together
    mirrored = joined(said[::-1])
    assert (mirrored and mirrored.state) == (together and together.state)


def write(documents: SiblingDocuments, said: Observed | None) -> None:
    body = None if said is None else msgspec.json.encode(said)
    documents.commit([Change(OBSERVED, "d", body), Change("other", "d", b"{}")])


def test_each_writes_its_own_word_and_reads_that_of_all(tmp_path: Path) -> None:
    store = SqliteDocuments(tmp_path / "documents")
    first, second = (SiblingDocuments(store, 2, slot) for slot in (0, 1))

    def read() -> Observed | None:
        one, other = first.get(OBSERVED, "d"), second.get(OBSERVED, "d")
        assert one == other
        return None if one is None else msgspec.json.decode(one.body, type=Observed)

    assert read() is None
    write(first, says(READY))
    assert read() == says(LOADING, 1, "1 of 2 processes serve it")
    assert [one.key for one in first.scan(OBSERVED)] == ["d"]
    assert second.scan(OBSERVED) == []
    write(second, says(READY))
    assert read() == says(READY)
    write(second, None)
    assert read() == says(LOADING, 1, "1 of 2 processes serve it")
    assert [one.key for one in second.scan("other")] == ["d"]
    assert second.revision() == store.revision()
    second.close()


def test_one_alone_reads_and_writes_the_store_itself(tmp_path: Path) -> None:
    store = SqliteDocuments(tmp_path / "documents")
    assert among_siblings(store, 1) is store
    assert among_siblings(store, 2, 1) is not store
    store.close()

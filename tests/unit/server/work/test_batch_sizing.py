"""How many rows are computed at once, and how many are committed at once."""

from lichen.server.work.batch_sizing import (
    CHUNK_NS,
    MOST_CHUNK_ROWS,
    SIZES,
    Sizing,
    cheapest,
    chunk_rows,
    is_worth_trying,
    keep_sizing,
    kept_sizing,
    trials,
)
from lichen.store.documents import MemoryDocuments


def test_the_smallest_of_those_that_cost_about_the_least() -> None:
    assert cheapest({1: 100.0, 8: 20.0, 32: 10.2, 128: 10.0, 512: 11.0}) == 32
    assert cheapest({1: 5.0}) == 1
    assert cheapest({}) == 1


def test_only_sizes_that_there_are_rows_for_are_tried() -> None:
    assert list(trials(40)) == [1, 8, 32]
    assert list(trials(0)) == [1]
    assert list(trials(10**6)) == list(SIZES)


def test_a_size_that_would_take_seconds_is_not_tried() -> None:
    assert is_worth_trying(512, 1e6)
    assert not is_worth_trying(2048, 1e6)


def test_a_chunk_is_whole_batches_of_some_seconds_and_not_too_much_memory() -> None:
    slow = chunk_rows(Sizing("cpu", 8, 10_000_000.0), 10)
    assert slow % 8 == 0
    assert CHUNK_NS / 4 <= slow * 10_000_000 <= CHUNK_NS
    assert chunk_rows(Sizing("cpu", 128, 100.0), 4) == MOST_CHUNK_ROWS
    assert chunk_rows(Sizing("cpu", 8, 100.0), 10_000) == 64
    assert chunk_rows(Sizing("cpu", 512, 1e9), 10) == 512


def test_what_was_measured_is_kept_for_its_variant_and_processor() -> None:
    documents = MemoryDocuments()
    found = keep_sizing(documents, "m@1/fp32/1", Sizing("a", 32, 10.0))
    assert kept_sizing(documents, "m@1/fp32/1", "a") == found
    assert kept_sizing(documents, "m@1/fp32/1", "b") is None
    assert kept_sizing(documents, "m@2/fp32/1", "a") is None
    keep_sizing(documents, "m@1/fp32/1", Sizing("b", 8, 20.0))
    assert kept_sizing(documents, "m@1/fp32/1", "b") == Sizing("b", 8, 20.0)

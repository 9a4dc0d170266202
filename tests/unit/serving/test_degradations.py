"""Requests that a cheaper deployment answered: counted once, by the hour, by several processes."""

import msgspec

from lichen.carbon.levers import DEGRADED, DegradedRequests
from lichen.core.clock import ManualClock
from lichen.serving.degradations import Degradations
from lichen.store.documents import Change, MemoryDocuments


def kept(documents: MemoryDocuments) -> list[tuple[int, str, str, int]]:
    found = [
        msgspec.json.decode(one.body, type=DegradedRequests) for one in documents.scan(DEGRADED)
    ]
    return [(one.hour.hour, one.asked, one.answered_by, one.requests) for one in found]


def test_processes_add_up_in_one_count_an_hour() -> None:
    documents, clock = MemoryDocuments(), ManualClock()
    processes = [Degradations(documents, clock) for _ in range(2)]
    for count, one in enumerate(processes, start=3):
        one.of("demand", "little").requests += count
        one.write()
        one.write()
    assert kept(documents) == [(0, "demand", "little", 7)]
    clock.advance(3600)
    processes[0].of("demand", "little").requests += 1
    processes[0].of("other", "little").requests += 2
    processes[0].write()
    assert kept(documents)[1:] == [(1, "demand", "little", 1), (1, "other", "little", 2)]


def test_nothing_is_written_when_nothing_was_degraded() -> None:
    documents = MemoryDocuments()
    counts = Degradations(documents, ManualClock())
    counts.of("demand", "little")
    counts.write()
    assert documents.revision() == 0


def test_a_count_that_another_wrote_in_that_moment_is_written_the_next_time() -> None:
    class Contested(MemoryDocuments):
        """Somebody else always writes first, once."""

        is_quicker = True

        def commit(self, changes: object) -> int:
            if self.is_quicker:
                self.is_quicker = False
                self.commit([Change(DEGRADED, changes[0].key, changes[0].body)])  # type: ignore[index]
            return super().commit(changes)  # type: ignore[arg-type]

    documents = Contested()
    counts = Degradations(documents, ManualClock())
    counts.of("demand", "little").requests += 5
    counts.write()
    assert kept(documents) == [(0, "demand", "little", 5)], "the other's"
    counts.write()
    assert kept(documents) == [(0, "demand", "little", 10)]

"""A request that is sent again makes one job."""

from datetime import timedelta

import pytest

from lichen.control.jobs import Jobs
from lichen.control.submissions import IDEMPOTENCY, KEPT, Sender, Submissions
from lichen.control.transitions import JobRecord
from lichen.core.clock import ManualClock
from lichen.core.errors import Conflict, InvalidInput
from lichen.protocol.admin import JobKind
from lichen.store.documents import Change, MemoryDocuments

SPEC = {"data": "vic"}
SENDER = Sender("default", "alice", "key-1")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def submissions(documents: MemoryDocuments, clock: ManualClock) -> Submissions:
    return Submissions(documents, Jobs(documents, clock), clock)


def test_a_repetition_gets_the_first_job(submissions: Submissions) -> None:
    first, is_new = submissions.submit(SENDER, JobKind.TRAIN, SPEC)
    again, is_new_again = submissions.submit(SENDER, JobKind.TRAIN, SPEC)
    assert (again.id, is_new, is_new_again) == (first.id, True, False)


def test_without_a_key_each_request_is_a_job(submissions: Submissions) -> None:
    nobody = Sender("default", "alice")
    one, _ = submissions.submit(nobody, JobKind.TRAIN, SPEC)
    other, _ = submissions.submit(nobody, JobKind.TRAIN, SPEC)
    assert one.id != other.id


def test_the_same_key_of_another_principal_is_another_key(submissions: Submissions) -> None:
    one, _ = submissions.submit(SENDER, JobKind.TRAIN, SPEC)
    other, _ = submissions.submit(Sender("default", "bob", "key-1"), JobKind.TRAIN, SPEC)
    assert one.id != other.id


def test_a_key_cannot_be_used_for_another_request(submissions: Submissions) -> None:
    submissions.submit(SENDER, JobKind.TRAIN, SPEC)
    with pytest.raises(InvalidInput, match="Idempotency-Key"):
        submissions.submit(SENDER, JobKind.TRAIN, {"data": "other"})


def test_a_fingerprint_stands_for_the_spec(submissions: Submissions) -> None:
    one, _ = submissions.submit(SENDER, JobKind.INGEST, {"file": "a"}, b"same bytes")
    again, is_new = submissions.submit(SENDER, JobKind.INGEST, {"file": "b"}, b"same bytes")
    assert (again.id, is_new) == (one.id, False)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_unusable_key_is_refused(submissions: Submissions, key: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 255"):
        submissions.submit(Sender("default", "alice", key), JobKind.TRAIN, SPEC)


def test_a_race_of_two_equal_requests_makes_one_job(
    documents: MemoryDocuments, clock: ManualClock
) -> None:
    """The second request looks before the first committed, and commits after it."""
    racing = Submissions(documents, Jobs(documents, clock), clock)
    first_look = documents.get
    winner: list[JobRecord | None] = []

    def look(collection: str, key: str) -> object:
        found = first_look(collection, key)
        if collection == IDEMPOTENCY and not winner:
            winner.append(None)
            winner[0] = Submissions(documents, Jobs(documents, clock), clock).submit(
                SENDER, JobKind.TRAIN, SPEC
            )[0]
        return found

    documents.get = look  # type: ignore[method-assign, assignment]
    loser, is_new = racing.submit(SENDER, JobKind.TRAIN, SPEC)
    assert winner[0] is not None
    assert (loser.id, is_new) == (winner[0].id, False)
    assert len(documents.scan("jobs")) == 1


def test_old_keys_are_forgotten_and_young_ones_kept(
    submissions: Submissions, documents: MemoryDocuments, clock: ManualClock
) -> None:
    submissions.submit(SENDER, JobKind.TRAIN, SPEC)
    clock.advance((KEPT + timedelta(hours=1)).total_seconds())
    submissions.submit(Sender("default", "alice", "key-2"), JobKind.TRAIN, SPEC)
    assert len(documents.scan(IDEMPOTENCY)) == 1
    assert submissions.forget() == 0


def test_a_conflict_that_is_no_repetition_is_passed_on(
    documents: MemoryDocuments, clock: ManualClock
) -> None:
    jobs = Jobs(documents, clock)
    with pytest.raises(Conflict, match="no longer at version"):
        jobs.submit(JobKind.TRAIN, SPEC, "default", lambda _: [Change("jobs-open", "x", b"", 5)])
    assert documents.scan("jobs") == []

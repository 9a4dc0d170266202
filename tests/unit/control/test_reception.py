"""Room in the queue, and schedules, before a job is accepted."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from lichen.control.jobs import Jobs
from lichen.control.reception import Reception
from lichen.control.submissions import JobDraft, Sender, Submissions
from lichen.control.transitions import Cancel
from lichen.control.windows import Expected
from lichen.core.clock import ManualClock
from lichen.core.errors import InvalidInput, QueueFull
from lichen.protocol.admin import JobKind
from lichen.protocol.scheduling import ScheduleRequest
from lichen.store.documents import MemoryDocuments

SPEC = {"data": "vic"}
NOBODY = Sender("default", "alice")
KEYED = Sender("default", "alice", "key-1")
IN_AN_HOUR = ScheduleRequest(deadline="1h")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def jobs(documents: MemoryDocuments, clock: ManualClock) -> Jobs:
    return Jobs(documents, clock)


Door = Callable[..., Submissions]


@pytest.fixture
def door(documents: MemoryDocuments, jobs: Jobs, clock: ManualClock) -> Door:
    def of(most: int = 3) -> Submissions:
        reception = Reception(jobs, clock, ("DE",), most)
        return Submissions(documents, jobs, clock, settle=reception.settle)

    return of


def test_a_schedule_is_kept_with_the_job(door: Door, jobs: Jobs, clock: ManualClock) -> None:
    job, _ = door().submit(NOBODY, JobKind.TRAIN, SPEC, schedule=IN_AN_HOUR)
    kept = jobs.get(job.id).schedule
    assert kept is not None
    assert kept.deadline == clock.now() + timedelta(hours=1)


def test_a_repetition_after_the_deadline_gets_the_first_job(door: Door, clock: ManualClock) -> None:
    submissions = door()
    asked = ScheduleRequest(deadline="2026-01-01T01:00:00Z")
    first, _ = submissions.submit(KEYED, JobKind.TRAIN, SPEC, schedule=asked)
    clock.advance(7200)
    again, is_new = submissions.submit(KEYED, JobKind.TRAIN, SPEC, schedule=asked)
    assert (again.id, is_new) == (first.id, False)


def test_a_key_cannot_be_used_for_another_schedule(door: Door) -> None:
    submissions = door()
    submissions.submit(KEYED, JobKind.TRAIN, SPEC, schedule=IN_AN_HOUR)
    with pytest.raises(InvalidInput, match="Idempotency-Key"):
        submissions.submit(KEYED, JobKind.TRAIN, SPEC)


def test_a_full_queue_is_refused_until_a_job_has_ended(door: Door, jobs: Jobs) -> None:
    submissions = door()
    accepted = [submissions.submit(NOBODY, JobKind.TRAIN, SPEC)[0] for _ in range(3)]
    with pytest.raises(QueueFull, match="3 jobs have not ended yet"):
        submissions.submit(NOBODY, JobKind.TRAIN, SPEC)
    jobs.apply(accepted[0].id, Cancel())
    assert submissions.submit(NOBODY, JobKind.TRAIN, SPEC)[1]


def test_a_full_queue_still_answers_a_repetition(door: Door) -> None:
    submissions = door(1)
    first, _ = submissions.submit(KEYED, JobKind.TRAIN, SPEC)
    assert submissions.submit(KEYED, JobKind.TRAIN, SPEC) == (first, False)


def test_how_long_jobs_like_it_took_is_asked_of_scheduled_ones_alone(
    jobs: Jobs, clock: ManualClock
) -> None:
    asked: list[JobDraft] = []

    def expect(draft: JobDraft) -> Expected | None:
        asked.append(draft)
        return Expected(timedelta(hours=2), "one like it")

    reception = Reception(jobs, clock, ("DE",), expect=expect)
    assert reception.settle(JobDraft(JobKind.TRAIN, SPEC, "default")) is None
    assert asked == []
    with pytest.raises(InvalidInput, match="takes 2 h"):
        reception.settle(JobDraft(JobKind.TRAIN, SPEC, "default", IN_AN_HOUR))

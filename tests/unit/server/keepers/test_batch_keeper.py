"""What was asked at `/v1/batches` becomes one job, and its end is written down."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from lichen.control.jobs import Jobs
from lichen.control.submissions import JobDraft, Submissions
from lichen.control.transitions import Cancel, Claim, Fail, JobRecord
from lichen.core.clock import ManualClock
from lichen.core.errors import OverBudget, QueueFull
from lichen.core.ids import DEFAULT_TENANT
from lichen.protocol.admin import JobError, JobKind, JobState
from lichen.protocol.batches import BatchRequest
from lichen.protocol.scheduling import Schedule
from lichen.server.keepers.batch_keeper import BatchKeeper
from lichen.serving.batch_files import BatchFiles
from lichen.serving.batch_records import BATCH_KEYS, OPEN_BATCHES, Batches, BatchRecord
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments

URL = "/v2/models/d/infer"


@dataclass
class House:
    """A control plane's keeper, and what stands behind it."""

    jobs: Jobs
    submissions: Submissions
    batches: Batches
    files: BatchFiles
    keeper: BatchKeeper
    clock: ManualClock
    documents: MemoryDocuments
    folder: Path
    refuses: bool = False
    is_full: bool = False
    asked: int = 0

    def settle(self, draft: JobDraft) -> Schedule | None:
        self.asked += 1
        if self.is_full:
            raise QueueFull("as many jobs wait as may")
        if self.refuses:
            raise OverBudget("the budget is spent")
        assert draft.schedule is not None
        assert draft.schedule.deadline is not None
        return None

    def ask(self, url: str = URL, key: str | None = None) -> BatchRecord:
        told = {"custom_id": "a", "method": "POST", "url": url, "body": {}}
        file = self.folder / "sent"
        file.write_text(json.dumps(told))
        kept = self.files.add(DEFAULT_TENANT, "in.jsonl", file)
        request = BatchRequest(input_file_id=kept.id, endpoint=URL, completion_window="2h")
        return self.batches.create((DEFAULT_TENANT, "me"), request, kept, key)

    def now(self, record: BatchRecord) -> BatchRecord:
        return self.batches.get(DEFAULT_TENANT, record.id)

    def job(self, record: BatchRecord) -> JobRecord:
        found = self.now(record).job_id
        assert found is not None
        return self.jobs.get(found)


@pytest.fixture
def house(tmp_path: Path) -> House:
    documents, clock, blobs = MemoryDocuments(), ManualClock(), LocalBlobs(tmp_path / "blobs")
    jobs = Jobs(documents, clock)
    made: list[House] = []
    submissions = Submissions(documents, jobs, clock, settle=lambda draft: made[0].settle(draft))

    class Plane:
        pass

    plane = Plane()
    plane.jobs, plane.submissions = jobs, submissions  # type: ignore[attr-defined]
    keeper = BatchKeeper(documents, blobs, plane, clock)  # type: ignore[arg-type]
    files = BatchFiles(documents, blobs, clock, 10**6)
    batches = Batches(documents, clock)
    made.append(House(jobs, submissions, batches, files, keeper, clock, documents, tmp_path))
    return made[0]


def test_a_batch_becomes_one_job_with_its_window_as_deadline(house: House) -> None:
    record = house.ask()
    for _ in range(3):
        house.keeper.turn()
    found = house.now(record)
    assert (found.status, found.counts.total) == ("in_progress", 1)
    job = house.job(record)
    assert (job.kind, job.tenant) == (JobKind.PREDICT, DEFAULT_TENANT)
    size = (house.folder / "sent").stat().st_size
    assert job.spec == {"deployment": "d", "batch": record.key, "size_bytes": size}
    assert [one.id for one in house.jobs.unfinished()] == [job.id]


def test_wrong_requests_fail_it_with_their_lines(house: House) -> None:
    record = house.ask(url="/predict/other")
    house.keeper.turn()
    found = house.now(record)
    assert found.status == "failed"
    assert [(one.line, one.code) for one in found.errors] == [(1, "mismatched_endpoint")]
    assert house.documents.scan(OPEN_BATCHES) == []


def test_what_the_platform_refuses_fails_it_in_the_same_words(house: House) -> None:
    house.refuses = True
    record = house.ask()
    house.keeper.turn()
    assert [one.message for one in house.now(record).errors] == ["the budget is spent"]


def test_one_that_finds_the_queue_full_waits_for_room_and_is_not_asked_for_each_second(
    house: House,
) -> None:
    house.is_full = True
    record = house.ask()
    for _ in range(10):
        house.keeper.turn()
        house.clock.advance(1.0)
    assert (house.now(record).status, house.asked) == ("validating", 1)
    house.is_full = False
    house.clock.advance(30.0)
    house.keeper.turn()
    assert house.now(record).status == "in_progress"
    assert len(list(house.jobs.unfinished())) == 1


def test_one_that_never_finds_room_expires_with_its_window(house: House) -> None:
    house.is_full = True
    record = house.ask()
    house.keeper.turn()
    house.clock.advance(2 * 3600 + 1)
    house.keeper.turn()
    assert house.now(record).status == "expired"


def test_one_that_is_cancelled_before_it_began_has_no_job(house: House) -> None:
    record = house.ask()
    assert house.batches.cancel(DEFAULT_TENANT, record.id).status == "cancelling"
    house.keeper.turn()
    assert house.now(record).status == "cancelled"
    assert list(house.jobs.unfinished()) == []


def test_one_that_is_cancelled_later_has_its_job_cancelled(house: House) -> None:
    record = house.ask()
    house.keeper.turn()
    house.batches.cancel(DEFAULT_TENANT, record.id)
    for _ in range(2):
        house.keeper.turn()
    assert house.job(record).state is JobState.CANCELLED
    assert house.now(record).status == "cancelled"


def test_a_window_that_ends_before_the_job_starts_expires_it(house: House) -> None:
    late, never = house.ask(), house.ask()
    house.batches.cancel(DEFAULT_TENANT, never.id)
    house.keeper.turn()
    house.clock.advance(2 * 3600 + 1)
    house.keeper.turn()
    assert house.now(late).status == "expired"
    assert house.job(late).state is JobState.CANCELLED
    unseen = house.ask()
    house.clock.advance(2 * 3600 + 1)
    house.keeper.turn()
    assert house.now(unseen).status == "expired"
    assert house.now(unseen).job_id is None


def test_a_job_that_runs_at_the_end_of_the_window_may_finish(house: House) -> None:
    record = house.ask()
    house.keeper.turn()
    until = house.clock.now() + timedelta(days=1)
    house.jobs.apply(house.job(record).id, Claim("worker", until))
    house.clock.advance(3 * 3600)
    house.keeper.turn()
    assert house.now(record).status == "in_progress"


def test_how_its_job_failed_is_said(house: House) -> None:
    record = house.ask()
    house.keeper.turn()
    until = house.clock.now() + timedelta(days=1)
    claimed = house.jobs.apply(house.job(record).id, Claim("worker", until))
    error = JobError(code="NotFound", message="it was undeployed")
    house.jobs.apply(claimed.id, Fail(claimed.fence, error))
    house.keeper.turn()
    assert (house.now(record).status, house.now(record).errors[0].message) == (
        "failed",
        "it was undeployed",
    )


def test_a_job_that_somebody_cancelled_cancels_the_batch(house: House) -> None:
    record = house.ask()
    house.keeper.turn()
    house.jobs.apply(house.job(record).id, Cancel())
    house.keeper.turn()
    assert house.now(record).status == "cancelled"


def test_keys_are_forgotten_after_a_week(house: House) -> None:
    house.ask(key="k")
    house.clock.advance(6 * 86400)
    house.keeper.forget()
    assert len(house.documents.scan(BATCH_KEYS)) == 1
    house.clock.advance(2 * 86400)
    house.keeper.forget()
    assert house.documents.scan(BATCH_KEYS) == []

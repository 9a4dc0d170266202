"""Each due moment becomes one job, or is recorded as none with the reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from lichen.control.jobs import Jobs
from lichen.control.periods import period_of
from lichen.control.reception import Reception
from lichen.control.recurrence import Recurrence
from lichen.control.recurrences import Recurrences
from lichen.control.submissions import Sender, Submissions
from lichen.control.transitions import Cancel, Claim, Fail, JobRecord, Succeed
from lichen.control.windows import Expected
from lichen.core.clock import ManualClock
from lichen.core.errors import OverBudget, StorageFailed
from lichen.protocol.admin import JobError, JobKind, JsonObject
from lichen.protocol.scheduling import ScheduleRequest
from lichen.server.keepers.recurring_keeper import RecurringKeeper
from lichen.store.documents import SqliteDocuments

START = datetime(2026, 6, 1, 23, 50, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SENDER = Sender("default", "somebody")


@dataclass
class House:
    """A control plane's parts without a door."""

    folder: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    refusals: list[Exception] = field(default_factory=list)
    most_jobs: int = 100
    expected: Expected | None = None

    def __post_init__(self) -> None:
        self.documents = SqliteDocuments(self.folder / "db")
        self.jobs = Jobs(self.documents, self.clock)
        reception = Reception(
            self.jobs, self.clock, ("DE",), self.most_jobs, lambda _: self.expected
        )
        self.submissions = Submissions(
            self.documents, self.jobs, self.clock, self._check, reception.settle
        )
        self.recurrences = Recurrences(self.documents, self.clock)
        self.keeper = RecurringKeeper(self.recurrences, self.jobs, self.submissions, self.clock)

    def _check(self, _kind: JobKind, _spec: JsonObject, _tenant: str) -> None:
        if self.refusals:
            raise self.refusals.pop(0)

    def add(self, name: str = "nightly", every: str = "day", **more: object) -> Recurrence:
        record = Recurrence(
            id=f"sch-{name}",
            name=name,
            tenant="default",
            kind=JobKind.TRAIN,
            spec={"data": "load"},
            every=every,
            period=period_of(every, "UTC"),
            window=6 * HOUR,
            schedule=ScheduleRequest(interruptible=True, priority=2),
            is_made_late=True,
            created_by="somebody",
            created_at=START,
            settled_until=START,
        )
        return self.recurrences.create(SENDER, replace(record, **more), b"")  # type: ignore[arg-type]

    def turn_at(self, moment: datetime) -> timedelta:
        self.clock.at = moment
        return self.keeper.turn()

    def made(self) -> list[JobRecord]:
        return self.jobs.page("", 100)

    def outcomes(self, name: str = "nightly") -> list[tuple[str, str]]:
        return [(run.outcome.value, run.sentence) for run in self.recurrences.get(name).runs]

    def end(self, job: JobRecord, *, is_good: bool = True) -> None:
        claimed = self.jobs.apply(job.id, Claim("worker", self.clock.now() + HOUR))
        error = JobError(code="NotFound", message="there is no dataset 'load'")
        event = Succeed(claimed.fence, {}, None) if is_good else Fail(claimed.fence, error)
        self.jobs.apply(job.id, event)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.documents.close()


def test_a_due_moment_becomes_one_job_within_its_window(house: House) -> None:
    house.add()
    assert house.keeper.turn() == timedelta(seconds=30)
    assert house.made() == []

    house.turn_at(MIDNIGHT)
    house.keeper.turn()
    (job,) = house.made()
    assert job.schedule is not None
    assert (job.schedule.release, job.schedule.deadline) == (MIDNIGHT, MIDNIGHT + 6 * HOUR)
    assert (job.schedule.green, job.schedule.interruptible, job.schedule.priority) == (
        True,
        True,
        2,
    )
    record = house.recurrences.get("nightly")
    assert (record.last_job, record.next_due) == (job.id, MIDNIGHT + DAY)


def test_it_sleeps_until_the_soonest_due_moment(house: House) -> None:
    house.add()
    assert house.turn_at(MIDNIGHT - timedelta(seconds=7)) == timedelta(seconds=7)


def test_what_does_not_wait_for_a_clean_grid_runs_when_it_is_due(house: House) -> None:
    house.add(schedule=ScheduleRequest(green=False))
    house.turn_at(MIDNIGHT)
    (job,) = house.made()
    assert job.schedule is not None
    assert (job.schedule.green, job.schedule.deadline) == (False, MIDNIGHT + 6 * HOUR)


def test_after_days_of_downtime_one_run_is_made_up_for(house: House) -> None:
    house.add()
    house.turn_at(MIDNIGHT + 3 * DAY + 20 * HOUR)
    (job,) = house.made()
    assert job.schedule is not None  # it has a priority, and waits for nothing else
    assert not job.schedule.green
    assert [outcome for outcome, _ in house.outcomes()] == ["missed", "submitted"]
    assert house.recurrences.get("nightly").runs[0].count == 3


def test_a_late_run_that_no_longer_fits_into_its_window_runs_at_once(house: House) -> None:
    house.expected = Expected(5 * HOUR, "3 jobs like it")
    house.add()
    house.turn_at(MIDNIGHT + 2 * HOUR)
    (job,) = house.made()
    assert job.schedule is not None
    assert not job.schedule.green
    assert house.outcomes() == [("submitted", "submitted late")]

    house.add("other", settled_until=MIDNIGHT, window=4 * HOUR)
    house.turn_at(MIDNIGHT + DAY)
    ((outcome, sentence),) = house.outcomes("other")
    assert (outcome, sentence[:17]) == ("refused", "the job takes 5 h")


def test_a_run_beside_one_that_lasts_is_skipped_and_the_next_is_not(house: House) -> None:
    house.add()
    house.turn_at(MIDNIGHT)
    house.turn_at(MIDNIGHT + DAY)
    (job,) = house.made()
    assert house.outcomes()[-1] == ("skipped", f"the run before it, job {job.id}, has not ended")

    house.end(job)
    house.turn_at(MIDNIGHT + 2 * DAY)
    assert len(house.made()) == 2


def test_a_run_that_failed_or_was_cancelled_hinders_no_later_one(house: House) -> None:
    house.add()
    house.turn_at(MIDNIGHT)
    house.end(house.made()[0], is_good=False)
    house.turn_at(MIDNIGHT + DAY)
    house.jobs.apply(house.made()[1].id, Cancel())
    house.turn_at(MIDNIGHT + 2 * DAY)
    assert [job.state.value for job in house.made()] == ["failed", "cancelled", "queued"]


def test_a_spent_budget_and_a_full_queue_are_recorded_and_the_next_due_is_tried(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, most_jobs=1)
    house.refusals.append(OverBudget("the budget 'nights' is spent"))
    house.add()
    house.turn_at(MIDNIGHT)
    house.keeper.turn()
    assert house.outcomes() == [("refused", "the budget 'nights' is spent")]
    assert house.made() == []

    house.turn_at(MIDNIGHT + DAY)
    assert len(house.made()) == 1
    house.add("other", settled_until=MIDNIGHT + DAY)
    house.turn_at(MIDNIGHT + 2 * DAY)
    ((outcome, sentence),) = house.outcomes("other")
    assert outcome == "refused"
    assert sentence.startswith("1 jobs have not ended yet, as many as may")
    house.documents.close()


def test_a_full_disk_settles_nothing_and_hinders_no_other(house: House) -> None:
    house.add("a")
    house.add("b")
    house.refusals.append(StorageFailed("the disk is full"))
    assert house.turn_at(MIDNIGHT) == timedelta(seconds=5)
    assert house.recurrences.get("a").runs == ()
    assert len(house.made()) == 1
    house.keeper.turn()
    assert len(house.made()) == 2


def test_a_repetition_after_a_lost_record_gives_the_same_job(house: House) -> None:
    before = house.add()
    house.turn_at(MIDNIGHT)
    _, version = house.recurrences.read("nightly")
    house.recurrences.keep(before, version)

    house.turn_at(MIDNIGHT)
    (job,) = house.made()
    assert house.recurrences.get("nightly").last_job == job.id


def test_a_clock_that_jumps_back_and_forth_runs_no_due_moment_twice(house: House) -> None:
    house.add()
    hours = (0, 1, -2, 0, 26, 25, -48, 24, 26)
    for hour in hours:
        house.turn_at(MIDNIGHT + hour * HOUR)
        for job in house.jobs.unfinished():
            house.end(job)
    deadlines = [run.due for run in house.recurrences.get("nightly").runs if run.job_id]
    assert sorted(deadlines) == sorted(set(deadlines)) == [MIDNIGHT, MIDNIGHT + DAY]
    assert len(house.made()) == 2


def test_two_control_planes_on_one_store_submit_it_once(house: House, tmp_path: Path) -> None:
    house.add()
    other = House(tmp_path)
    for moment in (MIDNIGHT, MIDNIGHT + DAY):
        for one in (house, other, house):
            one.turn_at(moment)
        house.end(house.made()[-1])
    assert len(house.made()) == 2
    other.documents.close()


def test_a_change_wakes_it_and_it_ends_when_told(house: House) -> None:
    house.clock.at = MIDNIGHT + HOUR
    house.keeper.start()
    submitted = Event()
    house.add(settled_until=MIDNIGHT - HOUR)
    for _ in range(6000):
        if house.made() or submitted.wait(0.01):
            break
    house.keeper.stop()
    assert len(house.made()) == 1

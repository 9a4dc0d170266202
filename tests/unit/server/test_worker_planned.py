"""The worker with a plan, and with people who pause: real attempts that stop at checkpoints."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from lichen.control.dispatch import SILENT_AFTER
from lichen.control.intentions import PLANNER, ROLE, Intentions, StandingIntention
from lichen.control.jobs import OPEN, Jobs
from lichen.control.planning.plan import Intention, Segment
from lichen.control.planning.plan import Method as PlanMethod
from lichen.control.transitions import Cancel, Claim, Defer, JobRecord, Pause, Resume
from lichen.core.clock import ManualClock
from lichen.core.figures import Method
from lichen.protocol.admin import JobKind, JobState
from lichen.protocol.scheduling import Schedule
from lichen.server.home import Home
from lichen.server.sections import JobSettings, Settings
from lichen.server.settings import as_environment, load
from lichen.server.work.attempt import STOP, log_of
from lichen.server.work.spending import FOLDER, AttemptCost
from lichen.server.worker import Worker
from lichen.store.documents import Change, SqliteDocuments

PATIENCE_SECONDS = 60.0
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
# As a job does: it ends with 1 at its next checkpoint once a file `stop` stands in its folder.
LIKE_A_JOB = """#!/bin/sh
while [ ! -e "{jobs}/$3/stop" ]; do sleep 0.02; done
exit 1
"""


@dataclass
class Shop:
    """A worker on a clock that is moved by hand; attempts stop at checkpoints and do nothing."""

    settings: Settings
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.home = Home(self.settings.home)
        self.documents = SqliteDocuments(self.home.documents)
        self.jobs = Jobs(self.documents, self.clock)
        self.intentions = Intentions(self.documents)
        self.worker = self.another("worker")

    def another(self, name: str) -> Worker:
        return Worker(self.settings, self.documents, self.clock, name)

    def submit(self, *, interruptible: bool = True, priority: int = 0, hours: float = 20) -> str:
        now = self.clock.now()
        self.clock.advance(0.001)
        schedule = Schedule(
            release=now,
            deadline=now + hours * HOUR,
            interruptible=interruptible,
            priority=priority,
        )
        return self.jobs.submit(JobKind.TRAIN, {}, "default", schedule=schedule).id

    def plan(self, **segments: list[tuple[float, float]]) -> None:
        """Rows by the ids of jobs with `_` for `-`: hours from now."""
        now = self.clock.now()
        rows = [
            row(job_id.replace("_", "-"), now, spans, self.jobs.get(job_id.replace("_", "-")))
            for job_id, spans in segments.items()
        ]
        self.documents.commit(self.intentions.replace(rows))

    def plan_one(self, job_id: str, *spans: tuple[float, float]) -> None:
        self.plan(**{job_id.replace("-", "_"): list(spans)})

    def turn(self, count: int = 3) -> None:
        for _ in range(count):
            self.clock.advance(0.2)
            self.worker.turn()

    def turn_until(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < give_up, "it did not happen"
            self.turn(1)
            time.sleep(0.01)

    def charge(self, job_id: str, nj: int) -> None:
        """The attempt that runs has cost so much."""
        job = self.jobs.get(job_id)
        folder = self.home.job(job_id) / FOLDER
        folder.mkdir(exist_ok=True)
        cost = AttemptCost(
            nj=nj,
            nj_low=nj,
            nj_high=nj,
            ng=nj // 2,
            cpu_ns=nj,
            method=Method.MODELLED,
            began_at=job.running_since,
            until=self.clock.now(),
            zone="DE",
        )
        (folder / f"{job.fence:06d}.json").write_bytes(msgspec.json.encode(cost))

    def state(self, job_id: str) -> JobState:
        return self.jobs.get(job_id).state


def row(
    job_id: str, now: datetime, spans: list[tuple[float, float]], job: JobRecord
) -> StandingIntention:
    assert job.schedule is not None
    intention = Intention(
        job_id=job_id,
        zone="DE",
        segments=tuple(Segment(now + start * HOUR, now + end * HOUR) for start, end in spans),
        expected_g=None,
        low_g=None,
        high_g=None,
        at_once_g=None,
        why="the night is cleaner",
    )
    return StandingIntention(
        intention=intention,
        made_at=now,
        method=PlanMethod.EXACT,
        must_start_by=job.schedule.deadline - HOUR,
        fence=1,
    )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    found = load({"home": tmp_path / "home", "runtime": tmp_path / "run"}, {})
    Home(found.home).prepare()
    for name, text in as_environment(found).items():
        monkeypatch.setenv(name, text)
    program = tmp_path / "like-a-job"
    program.write_text(LIKE_A_JOB.format(jobs=Home(found.home).jobs))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    opened = Shop(replace(found, jobs=JobSettings(lease_seconds=30, grace_seconds=0.5)))
    yield opened
    opened.worker.stop()
    opened.documents.close()


def test_a_job_waits_for_its_planned_time_and_says_why_it_runs(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (4, 8))
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.clock.advance(4 * 3600 - 60)
    shop.documents.commit([])  # nothing new: the planner is silent, but not for minutes yet
    shop.plan_one(job_id, (1 / 60, 4))
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.clock.advance(60)
    shop.turn()
    job = shop.jobs.get(job_id)
    assert (job.state, job.why, job.has_waited) == (
        JobState.RUNNING,
        "it runs as planned: the night is cleaner",
        True,
    )
    assert "the night is cleaner" in log_of(shop.home, job_id, 1000)


def test_without_a_plan_a_job_runs_after_a_moment(shop: Shop) -> None:
    job_id = shop.submit()
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.clock.advance(60)
    shop.turn()
    assert shop.state(job_id) is JobState.RUNNING
    assert "nothing is planned" in (shop.jobs.get(job_id).why or "")


def test_a_planner_that_fell_silent_holds_nothing_back(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (4, 8))
    shop.turn()
    shop.clock.advance(SILENT_AFTER.total_seconds() - 10)
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.clock.advance(10)
    shop.turn()
    assert "has said nothing for 5 minutes" in (shop.jobs.get(job_id).why or "")


def test_a_planner_that_only_renews_its_lease_is_not_silent(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (4, 8))
    for _ in range(12):
        shop.turn()
        shop.clock.advance(30)
        shop.documents.commit([Change(PLANNER, ROLE, b"")])
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED


def test_a_job_pauses_at_its_segments_end_and_goes_on_with_the_next(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (0, 1), (3, 6))
    shop.turn()
    assert shop.state(job_id) is JobState.RUNNING
    shop.charge(job_id, 700)
    shop.clock.advance(3600)
    shop.plan_one(job_id, (2, 5))
    shop.turn_until(lambda: shop.state(job_id) is JobState.QUEUED)
    held = shop.jobs.get(job_id)
    assert (held.attempt, held.has_waited, [one.nj for one in held.segments]) == (0, True, [700])
    assert held.segments[0].started_at == held.started_at
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED, "it waits for the next segment"
    shop.clock.advance(2 * 3600)
    shop.plan_one(job_id, (0, 3))
    shop.turn_until(lambda: shop.state(job_id) is JobState.RUNNING)
    assert shop.jobs.get(job_id).fence == 2


def test_segments_of_several_attempts_sum_to_the_receipt(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (0, 9))
    for fence, nj in enumerate((700, 41, 3), 1):
        shop.turn_until(lambda fence=fence: shop.jobs.get(job_id).fence == fence)  # type: ignore[misc]
        shop.charge(job_id, nj)
        os.killpg(shop.jobs.get(job_id).pgid or 0, signal.SIGKILL)
    shop.turn_until(lambda: shop.jobs.get(job_id).fence == 4)
    shop.jobs.apply(job_id, Cancel())
    shop.turn_until(lambda: shop.state(job_id) is JobState.CANCELLED)
    done = shop.jobs.get(job_id)
    assert done.receipt is not None
    assert done.receipt.carbon is not None
    assert [(one.fence, one.nj) for one in done.segments] == [(1, 700), (2, 41), (3, 3)]
    assert done.receipt.energy.nj == sum(one.nj for one in done.segments)
    assert done.receipt.carbon.ng == sum(one.ng or 0 for one in done.segments)


def test_a_plan_that_comes_back_takes_the_pause_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\nexec sleep 60\n")
    deaf.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(deaf))
    job_id = shop.submit()
    shop.plan_one(job_id, (0, 1))
    shop.turn()
    shop.clock.advance(1800)
    shop.plan_one(job_id, (3, 4))
    stop = shop.home.job(job_id) / STOP
    shop.turn()
    assert stop.exists()
    shop.plan_one(job_id, (0, 1))
    shop.turn()
    assert not stop.exists()
    assert (shop.state(job_id), shop.jobs.get(job_id).fence) == (JobState.RUNNING, 1)


def test_a_person_pauses_a_running_job_and_nothing_takes_it_until_resumed(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (0, 9))
    shop.turn()
    shop.jobs.apply(job_id, Pause())
    shop.turn_until(lambda: shop.state(job_id) is JobState.PAUSED)
    assert shop.jobs.get(job_id).attempt == 0
    shop.clock.advance(30 * 3600)
    shop.turn()
    shop.worker.stop()
    shop.worker = shop.another("worker")
    shop.turn()
    assert shop.state(job_id) is JobState.PAUSED, "past its deadline and a restart, too"
    shop.jobs.apply(job_id, Resume())
    shop.turn_until(lambda: shop.state(job_id) is JobState.RUNNING)
    assert "has passed" in (shop.jobs.get(job_id).why or "")


def test_a_job_that_was_to_pause_when_its_worker_died_is_paused_by_the_next(shop: Shop) -> None:
    job_id = shop.jobs.submit(JobKind.TRAIN, {}, "default").id
    shop.jobs.apply(job_id, Claim("worker", shop.clock.now() + HOUR))
    shop.jobs.apply(job_id, Pause())
    shop.turn()
    assert (shop.state(job_id), shop.jobs.get(job_id).fence) == (JobState.PAUSED, 1)


def test_what_a_dead_worker_ran_waits_if_the_plan_says_so_by_now(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (3, 6))
    shop.jobs.apply(job_id, Claim("worker", shop.clock.now() + HOUR))
    shop.turn()
    job = shop.jobs.get(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 1), "that start did count"


def test_a_wake_for_a_budget_does_not_start_what_the_plan_holds(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (3, 6))
    shop.jobs.apply(job_id, Defer(0, shop.clock.now() + 5 * HOUR, "a budget is spent"))
    shop.turn()  # the first turn of a worker wakes what waits for budgets
    job = shop.jobs.get(job_id)
    assert (job.state, job.not_before) == (JobState.QUEUED, None)
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED


def test_a_plan_does_not_start_what_a_budget_holds(shop: Shop) -> None:
    job_id = shop.submit()
    shop.turn()
    shop.jobs.apply(job_id, Defer(0, shop.clock.now() + 2 * MINUTE, "a budget is spent"))
    shop.plan_one(job_id, (0, 6))
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.clock.advance(120)
    shop.turn()
    assert shop.state(job_id) is JobState.RUNNING


def test_a_clock_that_jumps_forward_runs_what_has_no_time_left(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (4, 8))
    shop.turn()
    shop.clock.at += 19.5 * HOUR  # the monotonic clock stands
    shop.turn()
    job = shop.jobs.get(job_id)
    assert (job.state, (job.why or "").startswith("it runs to be done by")) == (
        JobState.RUNNING,
        True,
    )


def test_a_clock_that_jumps_back_makes_no_wait_longer(shop: Shop) -> None:
    job_id = shop.submit()
    shop.plan_one(job_id, (1 / 60, 8))
    shop.turn()
    shop.clock.at -= 5 * HOUR
    shop.turn()
    assert shop.state(job_id) is JobState.QUEUED
    shop.clock.advance(61)
    shop.turn()
    assert shop.state(job_id) is JobState.RUNNING


def test_a_place_goes_to_the_higher_priority_and_then_to_the_least_slack(shop: Shop) -> None:
    late, soon, urgent = shop.submit(hours=20), shop.submit(hours=9), shop.submit(priority=1)
    plain = shop.jobs.submit(JobKind.TRAIN, {}, "default").id
    spans = [(0.0, 8.0)]
    shop.plan(**{one.replace("-", "_"): spans for one in (late, soon, urgent)})
    taken = []
    for _ in range(4):
        shop.turn_until(lambda: running(shop) is not None)
        taken.append(running(shop))
        shop.jobs.apply(str(taken[-1]), Cancel())
        shop.turn_until(lambda: shop.state(str(taken[-1])) is JobState.CANCELLED)
        if running(shop) is None:
            continue
    assert taken == [urgent, plain, soon, late]


def test_a_job_that_is_not_to_be_shifted_keeps_its_place_among_those_without_a_deadline(
    shop: Shop,
) -> None:
    now = shop.clock.now()
    schedule = Schedule(release=now, deadline=now + 2 * HOUR, green=False)
    first = shop.jobs.submit(JobKind.TRAIN, {}, "default", schedule=schedule).id
    shop.clock.advance(0.001)
    later = shop.jobs.submit(JobKind.TRAIN, {}, "default").id
    shop.turn_until(lambda: running(shop) is not None)
    assert (shop.state(first), shop.state(later)) == (JobState.RUNNING, JobState.QUEUED)


def test_a_job_with_time_gives_way_to_one_that_would_else_be_late(shop: Shop) -> None:
    has_time = shop.submit(hours=20)
    shop.plan_one(has_time, (0, 9))
    shop.turn()
    urgent = shop.submit(hours=0.5, interruptible=False)
    shop.plan(**{one.replace("-", "_"): [(0.0, 9.0)] for one in (has_time, urgent)})
    shop.turn_until(lambda: shop.state(urgent) is JobState.RUNNING)
    gave_way = shop.jobs.get(has_time)
    assert (gave_way.state, gave_way.attempt, gave_way.fence) == (JobState.QUEUED, 0, 1)
    shop.jobs.apply(urgent, Cancel())
    shop.turn_until(lambda: shop.state(has_time) is JobState.RUNNING)


@pytest.mark.parametrize(
    ("interruptible", "priority", "hours"), [(False, 0, 20), (True, 1, 20), (True, 0, 0.5)]
)
def test_no_other_job_gives_way(
    shop: Shop,
    interruptible: bool,  # noqa: FBT001
    priority: int,
    hours: float,
) -> None:
    first = shop.submit(interruptible=interruptible, priority=priority, hours=hours)
    shop.plan_one(first, (0, 9))
    shop.turn()
    urgent = shop.submit(hours=0.5)
    shop.plan(**{one.replace("-", "_"): [(0.0, 9.0)] for one in (first, urgent)})
    shop.turn(10)
    assert (shop.state(first), shop.state(urgent)) == (JobState.RUNNING, JobState.QUEUED)
    assert not (shop.home.job(first) / STOP).exists()


def running(shop: Shop) -> str | None:
    return next((one.id for one in shop.jobs.unfinished() if one.state is JobState.RUNNING), None)


def test_two_workers_on_one_store_never_both_commit(shop: Shop) -> None:
    job_id = shop.jobs.submit(JobKind.TRAIN, {}, "default").id
    other = shop.another("other")
    shop.turn()
    assert shop.jobs.get(job_id).worker == "worker"
    other.turn()
    assert shop.jobs.get(job_id).fence == 1, "it is held"
    shop.clock.advance(31)
    other.turn()
    taken = shop.jobs.get(job_id)
    assert (taken.worker, taken.fence) == ("other", 2)
    shop.turn_until(lambda: not shop.worker._running)
    assert shop.jobs.get(job_id).fence == 2
    assert shop.state(job_id) is JobState.RUNNING
    other.stop()


def test_a_thousand_waiting_jobs_are_read_once_and_judged_when_their_moment_comes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [shop.submit(interruptible=False) for _ in range(300)]
    shop.plan(**{one.replace("-", "_"): [(4.0, 8.0)] for one in ids})
    shop.turn(2)
    reads: list[str] = []
    versions = shop.documents.versions

    def counted(collection: str) -> dict[str, int]:
        reads.append(collection)
        return versions(collection)

    monkeypatch.setattr(shop.documents, "versions", counted)
    shop.turn(20)
    assert reads == []
    for _ in range(20):
        shop.documents.commit([Change("other", "key", b"")])
        shop.turn(1)
    assert reads.count(OPEN) <= 11, "what others write makes it look no oftener than it can afford"

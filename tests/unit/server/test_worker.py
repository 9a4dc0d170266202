"""The worker: takes, renews, cancels, gives back; its attempts are real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lichen.control.jobs import OPEN, JobPolicy, Jobs
from lichen.control.transitions import Cancel, Claim, JobRecord
from lichen.core.clock import SystemClock
from lichen.core.figures import Method
from lichen.protocol.admin import JobKind, JobState, JsonObject
from lichen.server.home import Home
from lichen.server.sections import JobSettings, Settings
from lichen.server.settings import as_environment, load
from lichen.server.work.attempt import Attempt, end_stray, log_of
from lichen.server.work.spending import FOLDER, AttemptCost
from lichen.server.worker import Worker
from lichen.store.documents import SqliteDocuments

PATIENCE_SECONDS = 60.0
SPEC: JsonObject = {"name": "vic", "file": {"upload": "u1", "filename": "vic.csv"}}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home without a supervisor: nobody meters it, so its jobs wait for a meter page."""
    found = load({"home": tmp_path / "home", "runtime": tmp_path / "run"}, {})
    Home(found.home).prepare()
    for name, text in as_environment(found).items():
        monkeypatch.setenv(name, text)
    return replace(found, jobs=JobSettings(lease_seconds=0.5, grace_seconds=0.2))


@pytest.fixture
def documents(settings: Settings) -> Iterator[SqliteDocuments]:
    store = SqliteDocuments(Home(settings.home).documents)
    yield store
    store.close()


@pytest.fixture
def jobs(documents: SqliteDocuments) -> Jobs:
    return Jobs(documents, SystemClock(), JobPolicy(attempts=2))


@pytest.fixture
def worker(settings: Settings, documents: SqliteDocuments) -> Iterator[Worker]:
    working = Worker(settings, documents, SystemClock())
    yield working
    working.stop()


def turn_until(worker: Worker, condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        worker.turn()
        time.sleep(0.01)


def submit(jobs: Jobs) -> str:
    return jobs.submit(JobKind.INGEST, SPEC, "default").id


def test_it_runs_as_many_as_it_may_in_the_order_of_acceptance(worker: Worker, jobs: Jobs) -> None:
    first, second = submit(jobs), submit(jobs)
    worker.turn()
    assert jobs.get(first).state is JobState.RUNNING
    assert jobs.get(first).pgid is not None
    assert jobs.get(second).state is JobState.QUEUED


def test_a_crash_is_noticed_and_the_job_tried_again_until_it_is_given_up(
    settings: Settings, documents: SqliteDocuments, jobs: Jobs
) -> None:
    worker = Worker(settings, documents, SystemClock())
    job_id = submit(jobs)
    uploaded = Home(settings.home).uploads / "u1"
    uploaded.write_text("data")
    for attempt in (1, 2):
        turn_until(worker, lambda expected=attempt: jobs.get(job_id).fence == expected)  # type: ignore[misc]
        pgid = jobs.get(job_id).pgid
        assert pgid is not None
        os.killpg(pgid, signal.SIGKILL)
    turn_until(worker, lambda: jobs.get(job_id).state is JobState.FAILED)
    assert not uploaded.exists()
    log = log_of(Home(settings.home), job_id, 1000)
    assert "-- attempt 1 --" in log
    assert "-- attempt 2 --" in log


def test_a_cancelled_attempt_ends_and_its_upload_goes(
    worker: Worker, jobs: Jobs, settings: Settings
) -> None:
    job_id = submit(jobs)
    uploaded = Home(settings.home).uploads / "u1"
    uploaded.write_text("data")
    worker.turn()
    jobs.apply(job_id, Cancel())
    turn_until(worker, lambda: jobs.get(job_id).state is JobState.CANCELLED)
    assert not uploaded.exists()


def test_a_cancelled_attempt_that_dies_without_a_word_keeps_what_it_had_cost(
    worker: Worker, jobs: Jobs, settings: Settings
) -> None:
    job_id = submit(jobs)
    worker.turn()
    kept = AttemptCost(nj=500, nj_low=200, nj_high=900, ng=7, cpu_ns=250, method=Method.MODELLED)
    spent = Home(settings.home).job(job_id) / FOLDER
    spent.mkdir(exist_ok=True)
    (spent / "000001.json").write_bytes(msgspec.json.encode(kept))
    jobs.apply(job_id, Cancel())
    os.killpg(jobs.get(job_id).pgid or 0, signal.SIGKILL)
    turn_until(worker, lambda: jobs.get(job_id).state is JobState.CANCELLED)
    receipt = jobs.get(job_id).receipt
    assert receipt is not None
    assert (receipt.energy.nj, receipt.energy.nj_low, receipt.energy.nj_high) == (500, 200, 900)
    assert receipt.carbon is not None
    assert receipt.carbon.ng == 7
    assert "killed" in receipt.energy.source


def test_leases_are_renewed_while_an_attempt_lives(worker: Worker, jobs: Jobs) -> None:
    job_id = submit(jobs)
    worker.turn()
    before = jobs.get(job_id).lease_until
    assert before is not None
    turn_until(worker, lambda: (jobs.get(job_id).lease_until or before) > before)
    assert jobs.get(job_id).fence == 1


def test_stopping_gives_jobs_back_without_counting_the_attempt(
    settings: Settings, documents: SqliteDocuments, jobs: Jobs
) -> None:
    worker = Worker(settings, documents, SystemClock())
    job_id = submit(jobs)
    worker.turn()
    pgid = jobs.get(job_id).pgid
    worker.stop()
    job = jobs.get(job_id)
    assert (job.state, job.attempt, job.fence) == (JobState.QUEUED, 0, 1)
    assert not Path(f"/proc/{pgid}").exists()


def test_what_its_last_life_ran_is_taken_over_at_once(worker: Worker, jobs: Jobs) -> None:
    job_id = submit(jobs)
    far = SystemClock().now().replace(year=2999)
    jobs.apply(job_id, Claim("worker", far))
    worker.turn()
    assert jobs.get(job_id).fence == 2


def test_a_cancelled_job_of_a_dead_worker_is_not_started(
    worker: Worker, jobs: Jobs, documents: SqliteDocuments
) -> None:
    job_id = submit(jobs)
    jobs.apply(job_id, Claim("worker", SystemClock().now()))
    jobs.apply(job_id, Cancel())
    worker.turn()
    assert jobs.get(job_id).state is JobState.CANCELLED
    assert documents.scan(OPEN) == []


def test_a_job_that_cannot_be_started_is_queued_again(
    worker: Worker, jobs: Jobs, settings: Settings
) -> None:
    job_id = submit(jobs)
    Home(settings.home).job(job_id).write_text("in the way of its folder")
    worker.turn()
    assert (jobs.get(job_id).state, jobs.get(job_id).attempt) == (JobState.QUEUED, 1)
    worker.turn()
    failed = jobs.get(job_id)
    assert failed.error is not None
    assert "could not be started" in failed.error.message


def test_only_old_uploads_that_nobody_waits_for_are_swept(
    worker: Worker, jobs: Jobs, settings: Settings
) -> None:
    submit(jobs)
    uploads = Home(settings.home).uploads
    for name in ("u1", "old", "young"):
        (uploads / name).write_text("data")
    for name in ("u1", "old"):
        os.utime(uploads / name, (0, 0))
    worker.sweep()
    assert {path.name for path in uploads.iterdir()} == {"u1", "young"}


def test_of_a_job_that_ended_the_log_stays_and_what_it_worked_with_goes(
    worker: Worker, jobs: Jobs, settings: Settings
) -> None:
    open_job, ended_job = submit(jobs), submit(jobs)
    jobs.apply(ended_job, Cancel())
    home = Home(settings.home)
    for job_id in (open_job, ended_job):
        (home.job(job_id) / "scratch" / "deep").mkdir(parents=True)
        (home.job(job_id) / "checkpoint").mkdir()
        (home.job(job_id) / "log").write_text("said")
    worker.sweep()
    assert [path.name for path in home.job(ended_job).iterdir()] == ["log"]
    assert len(list(home.job(open_job).iterdir())) == 3


def test_a_stray_group_is_ended_and_a_strangers_is_not(jobs: Jobs) -> None:
    job = jobs.get(submit(jobs))
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    stray = subprocess.Popen([*sleep, job.id], start_new_session=True)
    stranger = subprocess.Popen(sleep, start_new_session=True)
    try:
        for process in (stray, stranger):
            end_stray(replace(job, pgid=process.pid))
        assert stray.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        assert stranger.poll() is None
        end_stray(replace(job, pgid=None))
        end_stray(replace(job, pgid=stray.pid))
    finally:
        stranger.kill()
        stranger.wait()


def test_an_attempt_that_does_not_listen_is_killed_after_its_grace(
    settings: Settings, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\ntrap '' TERM\necho deaf\nwhile true; do sleep 0.05; done\n")
    deaf.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(deaf))
    job: JobRecord = jobs.get(submit(jobs))
    attempt = Attempt(Home(settings.home), job)
    home = Home(settings.home)
    while "deaf" not in log_of(home, job.id, 100):
        time.sleep(0.01)
    attempt.cancel(0.1)
    attempt.cancel(99.0)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while (ended := attempt.ended()) is None:
        assert time.monotonic() < give_up
        attempt.enforce()
        time.sleep(0.01)
    assert ended == "its process was ended by SIGKILL"


def test_a_log_that_is_not_there_yet_is_empty(settings: Settings) -> None:
    assert log_of(Home(settings.home), "ghost", 10) == ""

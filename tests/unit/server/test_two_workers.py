"""Two workers on one store, as on two hosts: both run a job, and one of them commits."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lichen.control.jobs import Jobs
from lichen.core.clock import ManualClock
from lichen.protocol.admin import JobKind, JobState
from lichen.server.home import Home
from lichen.server.sections import JobSettings
from lichen.server.settings import as_environment, load
from lichen.server.worker import Worker
from lichen.store.documents import SqliteDocuments

PATIENCE_SECONDS = 60.0
# What a job does at its end: its result and its success are one commit, under its fence.
COMMITTER = """
import sys, time
from pathlib import Path
from lichen.control.jobs import Jobs
from lichen.control.transitions import Succeed
from lichen.core.clock import SystemClock
from lichen.core.errors import Conflict
from lichen.store.documents import Change, SqliteDocuments

database, folder, job_id, fence = sys.argv[1:]
documents = SqliteDocuments(Path(database))
jobs = Jobs(documents, SystemClock())
(Path(folder) / f"up-{fence}").touch()
while not (Path(folder) / "go").exists():
    time.sleep(0.01)
result = Change("results", fence, b"made")
try:
    documents.commit([result, *jobs.changes(job_id, Succeed(int(fence), {}, None))])
except Conflict:
    sys.exit(1)
"""


def test_a_job_that_two_workers_run_is_committed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({"home": tmp_path / "home", "runtime": tmp_path / "run"}, {})
    settings = replace(settings, jobs=JobSettings(lease_seconds=30, grace_seconds=0.5))
    home = Home(settings.home)
    home.prepare()
    for name, text in as_environment(settings).items():
        monkeypatch.setenv(name, text)
    run_instead_of_jobs(tmp_path, home, monkeypatch)
    stores = [SqliteDocuments(home.documents) for _ in range(2)]
    clock = ManualClock()
    first, second = (
        Worker(settings, store, clock, name) for store, name in zip(stores, "ab", strict=True)
    )
    jobs = Jobs(stores[0], clock)
    job_id = jobs.submit(JobKind.TRAIN, {}, "default").id

    first.turn()
    clock.advance(31)  # the first is cut off: it renews nothing
    second.turn()
    assert (jobs.get(job_id).worker, jobs.get(job_id).fence) == ("b", 2)
    until(lambda: (tmp_path / "up-1").exists() and (tmp_path / "up-2").exists())
    (tmp_path / "go").touch()
    until(lambda: jobs.get(job_id).state is JobState.SUCCEEDED)
    for worker in (first, second):
        until(lambda worker=worker: turned_idle(worker))  # type: ignore[misc]
    assert [one.key for one in stores[0].scan("results")] == ["2"]
    assert (jobs.get(job_id).state, jobs.get(job_id).fence) == (JobState.SUCCEEDED, 2)
    for store in stores:
        store.close()


def run_instead_of_jobs(folder: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts run the committer, and a worker cannot end what runs on another host."""
    script, program = folder / "committer.py", folder / "like-a-job"
    script.write_text(COMMITTER)
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{script}" "{home.documents}" "{folder}" "$3" "$4"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr("lichen.server.worker.end_stray", lambda _job: None)


def turned_idle(worker: Worker) -> bool:
    worker.turn()
    return not worker._running


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)

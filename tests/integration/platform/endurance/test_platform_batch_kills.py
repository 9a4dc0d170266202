"""A batch job that is killed at random moments makes the same bytes as one left alone."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import duckdb
import numpy as np
import pytest

from lichen.client.connection import Lichen
from lichen.core.errors import Conflict
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.admin import Job, JobState

ROWS, BATCH = 360_000, 10
VICTIMS = ("job", "worker", "job")
SEED = 20261122


class Running(Protocol):
    def up(self) -> None: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.parquet"
    columns = ", ".join(f"sin(range * {at})::FLOAT AS {name}" for at, name in enumerate("abc", 1))
    select = f"SELECT range AS id, {columns} FROM range({ROWS})"  # noqa: S608 - our own file
    with duckdb.connect() as session:
        session.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture
def client(stopped: Running, tmp_path: Path) -> Lichen:
    """A platform with deployment `lin` of three columns."""
    stopped.up()
    made = stopped.client()
    model = tmp_path / "lin.onnx"
    model.write_bytes(linear_core(np.random.default_rng(0).normal(size=(3, 1))))
    made.models.import_file(model, "lin", columns=("a", "b", "c"))
    made.deployments.deploy("lin@1")
    return made


def test_kills_at_random_moments_change_no_byte(
    stopped: Running, client: Lichen, table: Path, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same kills each time
    alone = client.predictions.submit("lin", table, batch_rows=BATCH)
    wait_for_chunks(client, alone.id, 0.0)
    began_s = time.monotonic()
    client.jobs.wait(alone.id)
    lasts_s = time.monotonic() - began_s
    done = disturb(stopped, client, table, lambda: chance.uniform(0.0, 0.2) * lasts_s)
    while done.attempt == 1:  # it had ended before anything was killed
        done = disturb(stopped, client, table, lambda: 0.0)
    assert (done.result or {})["rows"] == ROWS
    expected = client.predictions.fetch(alone.id, tmp_path / "alone.parquet").read_bytes()
    assert client.predictions.fetch(done.id, tmp_path / "killed.parquet").read_bytes() == expected
    with duckdb.connect() as session:
        counted = session.execute(
            "SELECT count(*), count(DISTINCT id), count(prediction) FROM read_parquet(?)",
            [str(tmp_path / "killed.parquet")],
        ).fetchone()
    assert counted == (ROWS, ROWS, ROWS)


def disturb(
    running: Running, client: Lichen, table: Path, wait_seconds: Callable[[], float]
) -> Job:
    job_id = client.predictions.submit("lin", table, batch_rows=BATCH).id
    for victim in VICTIMS:
        wait_for_chunks(client, job_id, wait_seconds())
        with suppress(ProcessLookupError, KeyError):
            os.kill(running.pids()[victim], signal.SIGKILL)
    pause_and_resume(client, job_id)
    done = client.jobs.wait(job_id)
    assert done.state is JobState.SUCCEEDED
    return done


def pause_and_resume(client: Lichen, job_id: str) -> None:
    """Between two chunks; a job that has ended meanwhile cannot pause."""
    wait_for_chunks(client, job_id, 0.0)
    with suppress(Conflict):
        client.jobs.pause(job_id)
        while not (job := client.jobs.show(job_id)).state.final:
            if job.state is JobState.PAUSED and job.progress is None:
                client.jobs.resume(job_id)
                break
            time.sleep(0.02)


def wait_for_chunks(client: Lichen, job_id: str, more_seconds: float) -> None:
    """Until it predicts, and a little longer; or until it has ended."""
    while True:
        job = client.jobs.show(job_id)
        if job.state.final or (job.progress and job.progress.stage == "predicting"):
            break
        time.sleep(0.02)
    time.sleep(more_seconds)

"""A training that is paused, killed and resumed: no byte differs, no joule counts twice."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from lichen.client.connection import Lichen
from lichen.core.errors import Conflict, LichenError, Unavailable
from lichen.protocol.admin import Job, JobKind, JobState
from lichen.protocol.training import ForecastTraining

SEED = 20261122
TRAINING = ForecastTraining(data="load", targets=["load"], horizon=24, algorithm="ridge-calendar")
VICTIMS = ("job", "worker", "controlplane", "supervisor")
SECOND_NJ = 8 * 10**9
"""More than two busy threads of a usual machine draw in a second (M2)."""
STANDING = (JobState.PAUSED, JobState.SUCCEEDED)
COMPARED = ("model.onnx", "forecast.json", "quantiles.npy")


class Running(Protocol):
    def up(self) -> None: ...
    def kill_supervisor(self) -> None: ...
    def pids(self) -> dict[str, int]: ...
    def client(self) -> Lichen: ...


Until = Callable[[Callable[[], bool]], None]


def test_pauses_and_kills_change_no_byte_and_every_attempt_is_paid_once(
    stopped: Running, load_csv: Path, until: Until
) -> None:
    stopped.up()
    client = stopped.client()
    client.data.add("load", load_csv)
    client.jobs.wait(client.jobs.submit(JobKind.TRAIN, TRAINING).id)
    pause_once(client, client.jobs.submit(JobKind.TRAIN, TRAINING).id, until)
    kill_among_pauses(stopped, client, client.jobs.submit(JobKind.TRAIN, TRAINING).id, until)
    assert [one.version for one in client.models.versions("load")] == [1, 2, 3]
    assert files(client, 1) == files(client, 2) == files(client, 3)


def pause_once(client: Lichen, job_id: str, until: Until) -> None:
    """The attempt ends at a checkpoint, and all that it cost is in the receipt and the ledger."""
    until(lambda: client.jobs.show(job_id).state is JobState.RUNNING)
    told = client.jobs.pause(job_id)
    assert (told.state, told.pausing) == (JobState.RUNNING, True)
    until(lambda: client.jobs.show(job_id).state is JobState.PAUSED)
    paused = client.jobs.show(job_id)
    assert (paused.attempt, len(paused.segments)) == (0, 1)
    assert client.jobs.resume(job_id).state is JobState.QUEUED
    done = client.jobs.wait(job_id)
    assert (done.attempt, len(done.segments)) == (1, 2)
    assert done.segments[0] == paused.segments[0]
    cost_nj = check_segments(done)
    with pytest.raises(Conflict, match="succeeded already"):
        client.jobs.pause(job_id)
    until(lambda: booked(client, job_id) == cost_nj)


def kill_among_pauses(running: Running, client: Lichen, job_id: str, until: Until) -> None:
    """Each process is killed once at a random moment, more often than not while it pauses."""
    chance = random.Random(SEED)  # noqa: S311 - the same moments each time
    until(lambda: shown(client, job_id).progress is not None)  # some of the first attempt is kept
    for victim in chance.sample(VICTIMS, len(VICTIMS)):
        time.sleep(chance.uniform(0.2, 1.0))
        is_paused = chance.random() < 0.7 and ask(lambda: client.jobs.pause(job_id))
        time.sleep(chance.uniform(0.0, 0.3))
        kill(running, victim)
        until(lambda: ask(lambda: client.jobs.show(job_id)))
        if is_paused:
            until(lambda: shown(client, job_id).state in STANDING)
            ask(lambda: client.jobs.resume(job_id))
    done = client.jobs.wait(job_id)
    cost_nj = check_segments(done)
    assert len({one.fence for one in done.segments}) == len(done.segments) > 1
    # the killed supervisor took the second that was open with it (L3)
    until(lambda: booked(client, job_id) >= cost_nj - SECOND_NJ)


def check_segments(job: Job) -> int:
    """They follow one another and sum to the receipt, to the nanojoule; which is how much."""
    assert job.receipt is not None
    assert job.receipt.carbon is not None
    assert job.receipt.energy.nj == sum(one.nj for one in job.segments)
    assert job.receipt.energy.nj_low == sum(one.nj_low for one in job.segments)
    assert job.receipt.carbon.ng == sum(one.ng or 0 for one in job.segments)
    for one, following in zip(job.segments, job.segments[1:], strict=False):
        assert one.started_at <= one.ended_at <= following.started_at
        assert one.zone == "DE"
    return job.receipt.energy.nj


def shown(client: Lichen, job_id: str) -> Job:
    while True:
        with suppress(Unavailable):
            return client.jobs.show(job_id)
        time.sleep(0.05)


def ask(call: Callable[[], object]) -> bool:
    """Whether the platform did it; not while it is away, nor of a job that has ended."""
    try:
        call()
    except LichenError:
        return False
    return True


def files(client: Lichen, version: int) -> dict[str, str]:
    made = client.models.show(f"load@{version}")
    return {one.name: one.sha256 for one in made.files if one.name in COMPARED}


def booked(client: Lichen, job_id: str) -> int:
    """What the ledger holds of a job, once its last window is closed."""
    accounts = client.ledger().accounts
    return sum(one.nj for one in accounts if f"/{job_id}/" in one.account)


def kill(running: Running, victim: str) -> None:
    if victim == "supervisor":
        running.kill_supervisor()
        running.up()
        return
    with suppress(ProcessLookupError, KeyError):
        os.kill(running.pids()[victim], signal.SIGKILL)
